// The sandbox phone: shows the SMS and calls that the gateway gave to its sandbox carriers.
// Whatever comes from a message is put into the page as text, never as markup.

const $ = (id) => document.getElementById(id);
const LONG_POLL_SECONDS = 20;
const CODE_IN_SMS = /\d{4,10}/;
const CODE_IN_SPEECH = /\d(?:, \d){3,9}/;
const LIVE = { ringing: 'Incoming call', answered: 'Call in progress' };
const ENDED = {
  answered: 'Call answered', declined: 'Call declined', no_answer: 'Call not answered', busy: 'Busy',
  machine: 'Answering machine took the call', canceled: 'Call canceled by the gateway',
};

let key = null;
let phones = [];            // as the gateway listed them: newest activity first
let selected = null;        // the number on show
let seen = null;            // ids of the items listed so far; null before the first answer
const unread = new Map();   // number -> how many items came while another one was on show
const calls = new Map();    // item id -> Call, from its first ring to its end
const over = new Set();     // ids of calls that ended here, maybe before the gateway lists them so

// ---- Key

// The fragment leaves the address bar at once: screens get shared.
function takeKey() {
  const given = /[#&]key=([^&]+)/.exec(location.hash)?.[1];
  if (given) {
    history.replaceState(null, '', location.pathname + location.search);
    let text = given;
    try { text = decodeURIComponent(given); } catch { /* a bare % belongs to the key itself */ }
    if (/^[!-~]+$/.test(text)) sessionStorage.setItem('sandbox-key', text);
  }
  return sessionStorage.getItem('sandbox-key');
}

function askForKey(why) {
  poll.turn += 1;
  for (const call of calls.values()) call.close();
  sessionStorage.removeItem('sandbox-key');
  $('banner').textContent = '';
  $('key-error').textContent = why;
  document.body.dataset.view = 'key';
  $('key-input').focus();
}

// ---- HTTP

class Problem extends Error {
  constructor(status, body) {
    super(body?.detail || body?.title || `The gateway answered ${status}.`);
    this.status = status;
  }
}

const MEDIA = { NotAllowedError: 'Press play to listen.', NotSupportedError: 'This browser cannot play the audio.' };
const explain = (error) => (error instanceof Problem ? error.message : MEDIA[error.name] ?? 'The gateway cannot be reached.');

async function request(method, path, { body, seconds = 15 } = {}) {
  const headers = { Authorization: `Bearer ${key}` };
  if (body) headers['Content-Type'] = 'application/json';
  const signal = AbortSignal.timeout(seconds * 1000);
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: 'no-store', signal });
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => null));
  return response;
}

async function json(...call) {
  const text = await (await request(...call)).text();
  return text ? JSON.parse(text) : {};
}

// An <audio> cannot send the key, so the sound is fetched and played from a blob.
async function play(audio, path, stillWanted = () => true) {
  const blob = await (await request('GET', path)).blob();
  if (!stillWanted()) return;
  release(audio);
  audio.src = URL.createObjectURL(blob);
  await audio.play();
}

const release = (audio) => URL.revokeObjectURL(audio.src);

// ---- Long poll

async function poll() {
  const turn = (poll.turn += 1);
  let after = null;
  let failures = 0;
  while (turn === poll.turn) {
    let answer;
    try {
      const query = after === null ? '' : `?after=${after}&wait_seconds=${LONG_POLL_SECONDS}`;
      answer = await json('GET', `/sandbox/phones${query}`, { seconds: LONG_POLL_SECONDS + 10 });
    } catch (error) {
      if (turn !== poll.turn) return;
      if (error.status === 401 || error.status === 403) { askForKey(explain(error)); return; }
      after = null;   // a gateway that was restarted may count from zero again
      $('banner').textContent = `${explain(error)} Reconnecting …`;
      await pause(Math.min(10_000, 500 * 2 ** failures) * (0.75 + Math.random() / 2));
      failures += 1;
      continue;
    }
    if (turn !== poll.turn) return;
    $('banner').textContent = '';
    failures = 0;
    after = answer.revision;
    take(answer.phones);
  }
}
poll.turn = 0;

const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

function take(listed) {
  const first = seen === null;
  const items = listed.flatMap((phone) => phone.items.map((item) => ({ to: phone.to, item })));
  const fresh = items.filter(({ item }) => !seen?.has(item.id));
  seen = new Set(items.map(({ item }) => item.id));
  phones = listed;
  for (const { to, item } of items) if (item.call) trackCall(to, item);
  for (const call of calls.values()) if (!seen.has(call.id)) call.close();

  const talking = [...calls.values()].some((call) => call.to === selected && call.phase === 'answered');
  const follow = $('follow').checked && fresh.length > 0 && !talking;
  const gone = !phones.some(({ to }) => to === selected);
  for (const { to, item } of first ? [] : fresh) {
    unread.set(to, (unread.get(to) ?? 0) + 1);
    if (item.channel === 'sms') $('say-sms').textContent = `SMS for ${to} from ${item.sender}: ${item.body}`;
    else $('say-call').textContent = `Call for ${to} from ${item.sender}`;
  }
  document.body.dataset.view = 'desk';
  choose(follow || gone ? phones[0]?.to ?? null : selected, first);
}

function choose(to, reload = false) {
  const changed = to !== selected;
  selected = to;
  unread.delete(to);
  draw();
  if (changed || reload) loadOutcomes();
}

// ---- Drawing

function draw() {
  $('welcome').hidden = phones.length > 0;
  $('phone').hidden = selected === null;
  $('phone-number').textContent = selected ?? '';
  drawList();
  const items = phones.find(({ to }) => to === selected)?.items ?? [];
  arrange($('items'), items, (item) => [item, calls.get(item.id)?.ignored], (item) => (item.channel === 'sms' ? smsEntry(item) : callEntry(item)));
  const front = [...calls.values()].findLast((call) => call.to === selected && !call.ignored);
  for (const call of calls.values()) call.element.hidden = call !== front;
  const ringing = [...calls.values()].find((call) => call.phase === 'ringing');
  document.title = ringing ? `☎ ${ringing.to} is ringing` : 'Sandbox phone';
}

// Makes `list` show `things` in order. An entry is built anew only when what it shows changed,
// so that focus, text selection and a playing <audio> survive the next answer of the long poll.
function arrange(list, things, shows, build) {
  const old = new Map([...list.children].map((element) => [element.thing, element]));
  const focused = document.activeElement;
  things.forEach((thing, place) => {
    const id = thing.id ?? thing.to;
    const shown = JSON.stringify(shows(thing));
    const before = old.get(id);
    const element = before?.shown === shown ? before : Object.assign(build(thing), { thing: id, shown });
    if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null);
    if (before?.contains(focused)) (before === element ? focused : element.querySelector('button:not([hidden])'))?.focus();
    if (before === element) old.delete(id);
  });
  for (const element of old.values()) {
    element.querySelectorAll('audio').forEach(release);
    element.remove();
  }
}

// A copy of a template, with its parts by class name.
function copy(template) {
  const element = $(`t-${template}`).content.firstElementChild.cloneNode(true);
  return { element, part: (name) => element.querySelector(`.${name}`) };
}

// Writes `text` with every match of `pattern` in bold.
function write(element, text, pattern) {
  let rest = 0;
  element.replaceChildren();
  for (const { 0: match, index } of text.matchAll(new RegExp(pattern, 'g'))) {
    const bold = document.createElement('b');
    bold.textContent = match;
    element.append(text.slice(rest, index), bold);
    rest = index + match.length;
  }
  element.append(text.slice(rest));
}

function writeOrigin(part, { sender, carrier, at }) {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  part('from').textContent = sender;
  part('via').textContent = carrier;
  part('at').dateTime = at;
  part('at').textContent = today ? date.toLocaleTimeString() : date.toLocaleString();
}

function drawList() {
  const callOf = (to) => [...calls.values()].findLast((call) => call.to === to)?.phase;
  const shows = ({ to, items }) => [to === selected, items.at(-1), callOf(to), unread.get(to)];
  arrange($('phones'), phones, shows, ({ to, items }) => {
    const { element, part } = copy('row');
    const last = items.at(-1);
    const phase = callOf(to);
    const count = unread.get(to);
    part('number').textContent = to;
    part('at').textContent = new Date(last.at).toLocaleTimeString([], { timeStyle: 'short' });
    part('preview').textContent = last.channel === 'sms' ? last.body : callTitle(last);
    part('badge').textContent = phase ? { ringing: 'ringing', answered: 'on call' }[phase] : count ? `${count} new` : '';
    part('badge').dataset.phase = phase ?? '';
    part('row').setAttribute('aria-current', String(to === selected));
    part('row').addEventListener('click', () => {
      if (to !== phones[0].to) $('follow').checked = false;
      choose(to);
    });
    return element;
  });
}

function smsEntry(item) {
  const { element, part } = copy('sms');
  write(part('bubble'), item.body, CODE_IN_SMS);
  writeOrigin(part, item);
  offerCopy(part('copy'), CODE_IN_SMS.exec(item.body)?.[0]);
  return element;
}

function offerCopy(button, text) {
  button.hidden = !text || !navigator.clipboard;
  const label = button.textContent;
  button.onclick = async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = label; }, 1500);
  };
}

const callTitle = ({ call }) => LIVE[call?.state] ?? ENDED[call?.outcome] ?? 'Call ended';

function callEntry(item) {
  const { element, part } = copy('call');
  const live = calls.get(item.id);
  const audio = part('sound');
  element.hidden = live?.ignored === false;   // its sheet is up
  element.dataset.outcome = item.call?.outcome ?? '';
  part('outcome').textContent = callTitle(item);
  // The words of a live call hold the code that nobody has heard yet.
  if (!live) write(part('words'), item.spoken ?? item.body, CODE_IN_SPEECH);
  part('show').hidden = !live?.ignored;
  part('show').addEventListener('click', () => live.ignore(false));
  part('play').hidden = Boolean(live) || !item.audio_url;
  part('play').addEventListener('click', async () => {
    part('error').textContent = '';
    try {
      await play(audio, item.audio_url);
      part('play').hidden = true;
      audio.hidden = false;
      audio.focus();
    } catch (error) {
      if (error.name !== 'AbortError') part('error').textContent = explain(error);
    }
  });
  writeOrigin(part, item);
  return element;
}

// ---- Calls: each has a sheet on its phone while it lasts

function trackCall(to, item) {
  const live = item.call.state !== 'ended' && !over.has(item.id);
  if (live && !calls.has(item.id)) calls.set(item.id, new Call(to, item));
  calls.get(item.id)?.update(item.call);
}

class Call {
  phase = 'ringing';
  ignored = false;
  machine = false;      // an answering machine took it: nobody will press a key
  awaitsKey = false;
  since = null;         // when it was answered on this page
  says = 0;             // counts what was said, so that sound which loads late is not played
  heard = false;        // what was said last has been played to its end
  asking = false;       // a key is on its way: what comes next is not known yet

  constructor(to, item) {
    Object.assign(this, { to, id: item.id, ringsUntil: Date.parse(item.call.rings_until) }, copy('sheet'));
    this.audio = this.part('sound');
    this.element.setAttribute('aria-label', `Call from ${item.sender}`);
    writeOrigin(this.part, item);
    const clicks = {
      answer: () => this.answer('person'), machine: () => this.answer('machine'), decline: () => this.end('decline'),
      ignore: () => this.ignore(true), hangup: () => this.end('hangup'),
      keypad: ({ target }) => { if (target.value) this.press(target.value); },
    };
    for (const [name, act] of Object.entries(clicks)) this.part(name).addEventListener('click', act);
    this.element.addEventListener('keydown', (event) => {
      if (/^[0-9*#]$/.test(event.key) && this.awaitsKey) this.press(event.key);
    });
    this.audio.addEventListener('ended', () => { this.heard = true; this.endIfDone(); });
    $('calls').append(this.element);
  }

  // What the gateway lists may be older than what it just answered: a call only moves forward.
  update({ state, awaits_key: awaitsKey }) {
    if (state === 'ended') { this.close(); return; }
    if (state === 'ringing' && this.phase === 'answered') return;
    this.phase = state;
    if (!this.asking && (this.says === 0 || this.heard)) {
      this.awaitsKey = awaitsKey && !this.machine;
      this.endIfDone();
    }
    this.draw();
  }

  async post(step, body) {
    this.part('error').textContent = '';
    try {
      return await json('POST', `/sandbox/calls/${encodeURIComponent(this.id)}/${step}`, { body });
    } catch (error) {
      this.part('error').textContent = explain(error);
      return null;
    }
  }

  async answer(by) {
    const answer = await this.post('answer', { by });
    if (!answer) return;
    this.phase = 'answered';
    this.machine = by === 'machine';
    this.since = Date.now();
    this.say(answer.say);
    draw();
  }

  async press(digit) {
    if (this.asking) return;
    this.asking = true;
    const answer = await this.post('key', { key: digit });
    this.asking = false;
    if (answer) this.say(answer.say);
  }

  async end(step) {
    if (!(await this.post(step))) return;
    this.close();
    draw();
  }

  endIfDone() {
    if (this.phase !== 'answered' || !this.heard || this.awaitsKey) return;
    this.heard = false;   // to hang up once
    this.end('hangup');
  }

  async say(say) {
    if (say) {
      const turn = (this.says += 1);
      this.heard = false;
      this.awaitsKey = say.awaits_key && !say.ends && !this.machine;
      write(this.part('caption'), say.text, CODE_IN_SPEECH);
      play(this.audio, say.audio_url, () => turn === this.says).catch((error) => {
        if (turn === this.says && error.name !== 'AbortError') this.part('error').textContent = explain(error);
      });
    }
    this.draw();
    this.element.focus();   // the button that was pressed may be gone
  }

  ignore(ignored) {
    this.ignored = ignored;
    draw();
    (ignored ? $('thread') : this.element).focus();
  }

  close() {
    calls.delete(this.id);
    over.add(this.id);
    this.says += 1;
    release(this.audio);
    const focused = this.element.contains(document.activeElement);
    this.element.remove();
    if (focused) $('thread').focus();
  }

  draw() {
    const ringing = this.phase === 'ringing';
    const silent = this.says === 0;
    this.element.dataset.phase = this.phase;
    this.part('ringing').hidden = !ringing;
    this.part('talking').hidden = ringing;
    this.part('keypad').hidden = !this.awaitsKey;
    this.part('caption').hidden = this.audio.hidden = silent;
    const talk = this.machine ? 'Answering machine' : silent ? 'Answered elsewhere' : 'On the call';
    this.part('state').textContent = ringing ? 'Incoming call' : talk;
    this.tick();
  }

  tick() {
    const ringing = this.phase === 'ringing';
    const seconds = Math.round((ringing ? this.ringsUntil - Date.now() : Date.now() - this.since) / 1000);
    const clock = seconds < 0 ? '0:00' : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    this.part('clock').textContent = ringing ? `rings ${clock}` : this.since ? clock : '';
  }
}

// ---- Outcomes: what the sandbox carriers shall do, for tests

const form = $('row-form');
const field = (name) => form.elements[name];
let scripted = { outcomes: [], known: {}, carriers: [] };

async function loadOutcomes() {
  try {
    scripted = await json('GET', '/sandbox/outcomes');
    $('row-error').textContent = '';
  } catch (error) {
    $('row-error').textContent = explain(error);
  }
  fill(field('channel'), Object.keys(scripted.known));
  fill(field('carrier'), scripted.carriers, 'any');
  // The number must not change under somebody who is filling in the form.
  if (!$('outcomes').contains(document.activeElement)) field('to').value = selected ?? '';
  drawOutcomes();
}

function fill(select, values, any) {
  const chosen = select.value;
  select.replaceChildren(...(any ? [new Option(any, '')] : []), ...values.map((value) => new Option(value)));
  if ([...select.options].some(({ value }) => value === chosen)) select.value = chosen;
}

function drawOutcomes() {
  const to = field('to').value || null;
  const channel = field('channel').value;
  fill(field('outcome'), scripted.known[channel] ?? []);
  field('key').closest('label').hidden = channel !== 'voice';
  const shown = scripted.outcomes.filter((row) => row.to === null || row.to === to);
  $('rows').replaceChildren(...shown.map((row) => {
    const line = document.createElement('li');
    const outcome = document.createElement('b');
    outcome.textContent = row.outcome;
    line.append(`${row.channel}: `, outcome, [
      row.delay_ms ? ` after ${row.delay_ms} ms` : '', row.key ? `, presses ${row.key}` : '', row.cause ? `, ${row.cause}` : '',
      row.carrier ? `, on ${row.carrier}` : '', row.to === to ? '' : ', every number',
    ].join(''));
    return line;
  }));
  $('clear-rows').hidden = !shown.some((row) => row.to !== null);
}

async function changeOutcomes(method, query, body) {
  try {
    await json(method, `/sandbox/outcomes${query}`, { body });
    await loadOutcomes();
  } catch (error) { $('row-error').textContent = explain(error); }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const row = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value || null]));
  changeOutcomes('PUT', '', { ...row, delay_ms: Number(row.delay_ms), key: row.channel === 'voice' ? row.key : null });
});
for (const name of ['channel', 'to']) field(name).addEventListener('input', drawOutcomes);
$('clear-rows').addEventListener('click', () => changeOutcomes('DELETE', `?to=${encodeURIComponent(field('to').value)}`));

// ---- Start

function start() {
  key = takeKey();
  seen = null;
  over.clear();
  if (!key) { askForKey(''); return; }
  $('curl').textContent = `curl -X POST ${location.origin}/v1/verifications \\
  -H 'Authorization: Bearer ${key.replaceAll("'", "'\\''")}' \\
  -H 'Content-Type: application/json' \\
  -d '{"to":"+12025550142"}'`;
  offerCopy($('copy-curl'), $('curl').textContent);
  poll();
}

$('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem('sandbox-key', $('key-input').value);
  $('key-input').value = '';
  start();
});
$('change-key').addEventListener('click', () => askForKey(''));
$('outcomes').open = matchMedia('(min-width: 72rem)').matches;
addEventListener('hashchange', start);
setInterval(() => calls.forEach((call) => call.tick()), 500);
start();
