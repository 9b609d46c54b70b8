// The sandbox phone in a real browser, against a running gateway.
//
//   node sandbox.mjs BASE_URL KEY [SCREENSHOT_DIR]
//
// Prints one "ok: …" line per step; the first failure is told on stderr and the exit code is 1.
// CHROMIUM names the browser (default /usr/bin/chromium). Packages: npm install, or NODE_PATH.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const [baseUrl, key, screenshotDir] = process.argv.slice(2);
if (!baseUrl || !key) {
  console.error('usage: node sandbox.mjs BASE_URL KEY [SCREENSHOT_DIR]');
  process.exit(2);
}

// require, unlike import, also looks into NODE_PATH.
const require = createRequire(import.meta.url);
const { chromium } = require('playwright-core');
const axeSource = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8');

const ARRIVES_MS = 5_000;       // an SMS or a call shows up on the page
const REACTS_MS = 10_000;       // a click has its effect
const WHOLE_RUN_MS = 120_000;
const DESK = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
const origin = new URL(baseUrl).origin;

const ok = (what) => console.log(`ok: ${what}`);

async function post(path, body) {
  const response = await fetch(new URL(path, origin), {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(REACTS_MS),
  });
  const text = await response.text();
  assert.ok(response.ok, `POST ${path} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

const startVerification = (to) => post('/v1/verifications', { to });
const askForCall = ({ id }) => post(`/v1/verifications/${id}/deliveries`, { channel: 'voice' });

function freshNumbers() {
  const first = Math.floor(Math.random() * 10_000);
  const number = (n) => `+1202555${String(n % 10_000).padStart(4, '0')}`;
  return [number(first), number(first + 1)];
}

// Tries `read` again until `good` holds; what it read last is in the error.
async function until(what, milliseconds, read, good) {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const value = await read();
    if (good(value)) return value;
    if (Date.now() > deadline) {
      throw new Error(`${what}: not within ${milliseconds} ms; last seen: ${JSON.stringify(value)}`);
    }
    await sleep(50);
  }
}

// What nobody may see happen on the page, collected while it runs.
function watch(page) {
  const faults = [];
  const note = (fault) => {
    faults.push(fault);
    console.error(`page: ${fault}`);   // it may explain a step that fails first
  };
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) note(`console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => note(`uncaught: ${error.stack}`));
  page.on('request', (request) => {
    const url = new URL(request.url());
    const inside = url.origin === origin || ['data:', 'blob:'].includes(url.protocol);
    if (!inside) note(`request to another origin: ${url}`);
  });
  return faults;
}

async function expectAccessible(page, where) {
  // Evaluated as text: a script tag of its own would break the page's Content-Security-Policy.
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const grave = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id} (${help}): ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  assert.deepEqual(grave, [], `axe finds violations ${where}`);
  ok(`axe finds nothing serious ${where}`);
}

async function expectPlaying(audio, what) {
  const read = () => audio.evaluate(({ currentTime, paused }) => ({ currentTime, paused }));
  await until(`${what} plays`, REACTS_MS, read, ({ currentTime, paused }) => currentTime > 0.5 && !paused);
  ok(`${what} plays`);
}

const entryOf = (page, to) => page.locator('#phones .row', { hasText: to });

async function showPhone(page, to) {
  await entryOf(page, to).click();
  await page.getByRole('heading', { name: to, exact: true }).waitFor();
}

async function smsThenCall(page, to) {
  const heading = page.getByRole('heading', { name: to, exact: true });
  const bubble = page.locator('#items .bubble').last();

  const verification = await startVerification(to);
  await heading.waitFor({ timeout: ARRIVES_MS });   // the page follows the newest phone by itself
  await bubble.waitFor({ timeout: ARRIVES_MS });
  const sms = await bubble.innerText();
  const code = /(?<!\d)\d{6}(?!\d)/.exec(sms)?.[0];
  assert.ok(code, `the SMS holds a code of six digits: ${JSON.stringify(sms)}`);
  ok(`SMS for ${to} appears without a reload`);
  await expectAccessible(page, 'in the list view');

  await askForCall(verification);
  const sheet = page.getByRole('dialog', { name: /^Call from/ });
  await sheet.getByText('Incoming call').waitFor({ timeout: ARRIVES_MS });
  ok('the call rings');

  await sheet.getByRole('button', { name: 'Answer', exact: true }).click();
  const audio = sheet.locator('audio');
  await expectPlaying(audio, 'the greeting');
  const caption = sheet.locator('.caption');
  assert.ok(!(await caption.innerText()).includes([...code].join(', ')), 'the greeting does not speak the code');
  await expectAccessible(page, 'in a call');

  await sheet.getByRole('group', { name: 'Keypad' }).getByRole('button', { name: '1', exact: true }).click();
  const digits = (text) => /\d(?:, \d){5}(?!, ?\d)/.exec(text)?.[0].replaceAll(', ', '');
  const spoken = digits(await until('the captions show the code', REACTS_MS, () => caption.innerText(), digits));
  assert.equal(spoken, code, 'the call speaks the code of the SMS');
  ok('after key 1 the captions show the code of the SMS');
  await expectPlaying(audio, 'the code');
  if (screenshotDir) {
    await page.screenshot({ path: join(screenshotDir, 'sandbox-phone.png') });
    ok('screenshot written');
  }

  await sheet.getByRole('button', { name: 'Hang up' }).click();
  await sheet.waitFor({ state: 'detached', timeout: REACTS_MS });
  await page.locator('#items .call[data-outcome=answered]').getByText('Call answered').waitFor({ timeout: REACTS_MS });
  ok('hung up: the call is listed as answered');
}

async function declinedCall(page, to) {
  await askForCall(await startVerification(to));
  await entryOf(page, to).getByText('ringing').waitFor({ timeout: ARRIVES_MS });
  await showPhone(page, to);
  await page.getByRole('dialog').getByRole('button', { name: 'Decline' }).click();
  await page.locator('#items .call[data-outcome=declined]').getByText('Call declined').waitFor({ timeout: REACTS_MS });
  ok('declined: the call is listed as declined');
}

async function smallAndDark(page) {
  await page.setViewportSize(PHONE);
  const overhang = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(overhang, 0, `the page is no wider than a screen of ${PHONE.width} px`);
  await expectAccessible(page, `at ${PHONE.width} px`);
  await page.emulateMedia({ colorScheme: 'dark' });
  await expectAccessible(page, `at ${PHONE.width} px in dark mode`);
}

async function run(browser) {
  const page = await browser.newPage({ viewport: DESK, deviceScaleFactor: 2, colorScheme: 'light', reducedMotion: 'reduce' });
  page.setDefaultTimeout(REACTS_MS);
  const faults = watch(page);
  const [first, second] = freshNumbers();

  await page.goto(`${origin}/sandbox#key=${encodeURIComponent(key)}`);
  await page.getByRole('navigation', { name: 'Phones' }).waitFor();
  ok('the page opens with the key of its link');

  await smsThenCall(page, first);
  await declinedCall(page, second);
  await smallAndDark(page);

  assert.deepEqual(faults, [], 'no console errors and no request to another origin');
  ok('no console errors, no request to another origin');
}

const tooLong = setTimeout(() => {
  console.error(`FAILED: not done within ${WHOLE_RUN_MS} ms`);
  process.exit(1);
}, WHOLE_RUN_MS);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: [
    '--no-sandbox', '--disable-gpu', '--mute-audio', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--no-first-run',
  ],
});
try {
  await run(browser);
} catch (error) {
  console.error(`FAILED: ${error.stack}`);
  process.exitCode = 1;
} finally {
  clearTimeout(tooLong);
  await browser.close();
}
