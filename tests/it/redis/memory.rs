//! What Redis keeps: nothing for ever, and little for each verification.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use otp_gateway::clock::Clock;
use otp_gateway::model::{Cause, Channel, DAY, Digest, LimitName, LimitSpec, Ms, RecordId};
use otp_gateway::seal::{random, token};
use otp_gateway::store::{
    Begin, Begun, Cancel, Check, Checked, Claim, Destination, LogEntry, Memo, Moved, Next, Record, Resend, Settle,
    Start, Started, Store, Switch, TALLY_KEPT_MS, Take, Taking,
};

use super::made::{Maker, lease, open, open_limits, record_key, usual_limits};
use super::servers::Server;
use crate::gateway::{SOON, until};

/// How long each record of the soak lives.
const LIFE: Ms = 300;
/// How long its kept answers live.
const KEPT: Ms = 250;
/// Its wide limits, with another span each.
const WIDE: [LimitSpec; 2] = [LimitSpec { count: 6, per_ms: 300 }, LimitSpec { count: 40, per_ms: 1_200 }];

fn uniform(below: u64) -> u64 {
    u64::from_le_bytes(random()) % below
}

fn memo() -> Memo {
    Memo { key: token(), fingerprint: token(), keep_ms: KEPT }
}

/// One caller: starts, asks again, guesses, and sometimes cancels.
async fn use_once(store: &Store, maker: &Maker, to: &Destination, subject: Digest) {
    let takes = WIDE.map(|spec| Take { limit: LimitName::Address, key: Digest([uniform(8) as u8; 16]), spec });
    let taken = store.limits.take(takes.to_vec()).await.unwrap();
    let mut record = maker.verification(to, LIFE);
    record.subject = Some(subject);
    let (mut id, right) = (record.id, record.code_hash.unwrap());
    let op = Start { memo: Some(memo()), ..maker.start(record, open_limits(), 40) };
    if let Started::Joined(view) = store.numbers.start(op).await.unwrap() {
        id = view.record.id;
    }
    if let (Taking::Taken(taken), 0) = (taken, uniform(2)) {
        store.limits.give_back(taken).await.unwrap();
    }
    let tenant = maker.tenant.clone();
    if uniform(3) == 0 {
        let (channel, limits) = ([Channel::Sms, Channel::Voice][uniform(2) as usize], open_limits());
        let asked_by = otp_gateway::model::AskedBy::Person;
        let (tenant, memo) = (tenant.clone(), Some(memo()));
        let op = Resend { id, tenant, channel, asked_by, limits, lease: lease(40), new_code: None, memo };
        store.numbers.resend(op).await.unwrap();
    }
    for code_hash in std::iter::repeat_n(token(), uniform(7) as usize).chain([right]).take(6) {
        store.numbers.check(Check { id, tenant: tenant.clone(), code_hash, memo: Some(memo()) }).await.unwrap();
    }
    if uniform(4) == 0 {
        store.numbers.cancel(Cancel { id, tenant }).await.unwrap();
    }
    store.fleet.turn("sandbox", LimitSpec { count: 2_000, per_ms: 1_000 }).await.unwrap();
    keep_once(store, maker, to, id).await;
}

/// What else a gateway keeps about an attempt and its number.
async fn keep_once(store: &Store, maker: &Maker, to: &Destination, id: RecordId) {
    let (archive, consents, fleet, name) = (&store.archive, &store.consents, &store.fleet, token());
    let sent = maker.logged(id, to, Clock::System.now());
    archive
        .log(vec![LogEntry::Reported(maker.reported(&sent)), LogEntry::Submitted(sent.clone())], KEPT)
        .await
        .unwrap();
    archive.find(name, Some((vec![uniform(2) as u8], KEPT))).await.unwrap();
    if uniform(2) == 0 {
        archive.index(name, sent.id, KEPT).await.unwrap();
    }
    archive.tally(vec![("sent".into(), 1)]).await.unwrap();
    let (partition, tenants) = (to.partition, vec![maker.tenant.clone()]);
    consents.opt_out(partition, to.hash, tenants, Channel::Sms).await.unwrap();
    consents.opt_in(partition, to.hash, None, Channel::Sms).await.unwrap();
    let until = Clock::System.now() + KEPT;
    fleet.switch("acme", Some(Switch { until, strikes: 1, cause: Cause::AuthFailed })).await.unwrap();
    fleet.only_one("a soak", KEPT).await.unwrap();
}

/// One gateway's worker, until it is told to stop: takes what is due and submits it.
async fn work(store: &Store, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        let (lease, numbers) = (lease(60), &store.numbers);
        for claimed in numbers.claim(Claim { lease, limit: 64 }).await.unwrap() {
            let (id, token) = (claimed.record.id.delivery(claimed.n), lease.token);
            let begin = Begin { id, token, carrier: "sandbox".into(), reason: "a soak".into(), sender: None };
            let Begun::Attempt(id) = numbers.begin(begin).await.unwrap() else { continue };
            let moved = match uniform(4) {
                0 => Moved::Failed(Cause::TemporaryCarrierFault, Next::Later(50)),
                1 => Moved::Failed(Cause::PermanentOther, Next::Never),
                // It dies before it can write: others take it over.
                2 => continue,
                _ => Moved::Submitted { reference: Some("sbx_1".into()), keep_lease: false },
            };
            numbers.settle(Settle { id, token, moved }).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// So many callers over a quarter as many numbers, until nothing is due any more.
async fn soak(store: &Store, maker: &Maker, callers: usize) {
    let numbers: Vec<_> = (0..callers / 4).map(|_| maker.number()).collect();
    let stop = AtomicBool::new(false);
    let all = async {
        store.facts.ping().await.unwrap();
        store.fleet.beat().await.unwrap();
        let subjects = [token(), token()];
        let uses = (0..callers).map(|n| use_once(store, maker, &numbers[n % numbers.len()], subjects[n % 2]));
        stream::iter(uses).buffer_unordered(16).collect::<()>().await;
        until(SOON, "nothing due any more", || async {
            store.numbers.next_wake().await.unwrap().is_none().then_some(())
        })
        .await;
        store.fleet.leave().await.unwrap();
        stop.store(true, Ordering::SeqCst);
    };
    tokio::join!(all, work(store, &stop));
}

/// Every key with how long it still lives (-1: for ever).
fn lives(server: &Server) -> Vec<(String, i64)> {
    let script = "local all = {} for _, key in ipairs(redis.call('KEYS', '*')) do \
                  table.insert(all, redis.call('PTTL', key) .. ' ' .. key) end return all";
    let all = server.command(&["EVAL", script, "0"]);
    let of = |line: &str| line.split_once(' ').map(|(left, key)| (key.to_owned(), left.parse().unwrap()));
    all.lines().filter_map(of).collect()
}

/// Which of the keys that `keys.rs` lists it is, and the longest that it may live.
fn kind(key: &str) -> (&'static str, Option<Ms>) {
    let rest = key.strip_prefix("otp:").expect("every key has the prefix");
    let span = |rest: &str| rest.rsplit_once(':').and_then(|(_, span)| span.parse::<Ms>().ok()).expect("a span");
    let in_partition = rest.starts_with("{p").then(|| rest.split_once("}:").expect("a partition").1);
    match in_partition.unwrap_or(rest) {
        rest if rest.starts_with("ver_") => ("record", Some(LIFE + DAY)),
        rest if rest.starts_with("n:") => ("number", Some(DAY)),
        rest if rest.starts_with("m:") => ("memo", Some(KEPT)),
        rest if rest.starts_with("a:") => ("log", Some(KEPT)),
        rest if rest.starts_with("o:") => ("opt-outs", None),
        rest if rest.starts_with("ref:") && rest.ends_with(":p") => ("parked", Some(10_000)),
        rest if rest.starts_with("ref:") => ("reference", Some(KEPT)),
        rest if rest.starts_with("tally:") => ("tally", Some(TALLY_KEPT_MS)),
        rest if rest.starts_with("once:") => ("once", Some(KEPT)),
        "switches" => ("switches", Some(KEPT + DAY)),
        rest if rest.starts_with("w:") && rest.contains(":g:") => ("given back", Some(10_000)),
        rest if rest.starts_with("w:") => ("window", Some(span(rest) + 2 * span(rest).div_ceil(12))),
        rest if rest.starts_with("pace:") => ("pace", Some(2_000)),
        rest if rest.starts_with("fact:") => ("fact", None),
        "ping" => ("ping", Some(60_000)),
        "ack" => ("ack", Some(1_000)),
        _ => panic!("a key that keys.rs does not list: {key}"),
    }
}

/// Makes everything that will expire do so now.
async fn expire_all(server: &Server) {
    let script = "for _, key in ipairs(redis.call('KEYS', '*')) do \
                  if redis.call('PTTL', key) >= 0 then redis.call('PEXPIRE', key, 1) end end return 1";
    server.command(&["EVAL", script, "0"]);
    // What has expired is still counted until Redis comes by.
    until(SOON, "the end of what expires", || {
        let stay = lives(server).iter().filter(|(_, left)| *left == -1).count();
        std::future::ready((server.command(&["DBSIZE"]) == stay.to_string()).then_some(()))
    })
    .await;
}

pub fn used(server: &Server) -> u64 {
    server.info("used_memory").parse().unwrap()
}

/// The same when Redis has finished growing its tables, which it does bit by bit.
pub async fn used_at_rest(server: &Server) -> u64 {
    let (mut last, mut same) = (0, 0);
    until(SOON, "memory that stands still", || {
        let now = used(server);
        same = if now == last { same + 1 } else { 0 };
        last = now;
        std::future::ready((same >= 10).then_some(now))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_grows_without_bound() {
    let server = Server::start(&[]).await;
    let (store, maker) = (open(&server.url()).await, Maker::new());
    // Once round, so that Redis knows the scripts and this side has its buffers.
    soak(&store, &maker, 64).await;
    expire_all(&server).await;
    let (keys, floor) = (server.command(&["DBSIZE"]), used(&server));

    let begun = Instant::now();
    soak(&store, &maker, 1_200).await;
    let (most, all) = (used(&server), lives(&server));
    let mut kinds = std::collections::BTreeMap::<_, usize>::new();
    for (key, left) in &all {
        let (kind, most) = kind(key);
        *kinds.entry(kind).or_default() += 1;
        match most {
            Some(most) => assert!((0..=most as i64).contains(left), "{key} lives for {left} ms, at most {most}"),
            None => assert_eq!(*left, -1, "{key}"),
        }
    }
    println!("after {:?}: {kinds:?}", begun.elapsed());
    for (kind, at_least) in [("record", 300), ("number", 300), ("window", 4), ("fact", 1)] {
        assert!(kinds.get(kind).is_some_and(|many| *many >= at_least), "{kind}: {kinds:?}");
    }
    expire_all(&server).await;
    assert_eq!(server.command(&["DBSIZE"]), keys);
    let bound = floor + floor / 20 + 100_000;
    // Redis makes its table of keys small again bit by bit.
    let after = until(SOON, "memory at its floor", || {
        let now = used(&server);
        std::future::ready((now <= bound).then_some(now))
    })
    .await;
    println!("{keys} keys stay; memory {floor} bytes before, {most} with everything, {after} after");
}

/// A gateway's steps with a new verification, up to the carrier that has the SMS.
async fn submitted(store: &Store, maker: &Maker, n: usize) -> Record {
    let record = maker.verification(&maker.number(), 600_000);
    let op = maker.start(record, usual_limits(), 15_000);
    let (token, id) = (op.lease.token, op.record.id);
    let started = store.numbers.start(op).await.unwrap();
    assert!(matches!(started, Started::Created(_)));
    let reason = "drawn by weight, weight 100, of 2".to_owned();
    let begin = Begin { id: id.delivery(1), token, carrier: "sandbox-a".into(), reason, sender: None };
    let Begun::Attempt(attempt) = store.numbers.begin(begin).await.unwrap() else { panic!("it was started now") };
    let moved = Moved::Submitted { reference: Some(format!("sbx_{n}")), keep_lease: false };
    match store.numbers.settle(Settle { id: attempt, token, moved }).await.unwrap() {
        otp_gateway::store::Settled::Done(record) => record,
        lost => panic!("{lost:?}"),
    }
}

/// The bytes of all keys with that in their name, as far as they are the keys' own.
fn kind_bytes(server: &Server, part: &str) -> f64 {
    let script = "local sum = 0 for _, key in ipairs(redis.call('KEYS', '*' .. ARGV[1] .. '*')) do \
                  sum = sum + redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0) end return sum";
    server.command(&["EVAL", script, "0", part]).parse().unwrap()
}

/// How many bytes each field takes, with its name, the largest first.
fn fields(server: &Server, key: &str) -> String {
    let script = "local sizes = {} \
        local function add(path, value) for name, each in pairs(value) do \
          if type(each) == 'table' and type(name) == 'string' and (name == 'd' or name == 'x') then \
            for i, one in ipairs(each) do add(path .. name .. i .. '.', one) end \
          else table.insert(sizes, {#cmsgpack.pack(each) + 2, path .. name}) end end end \
        add('', cmsgpack.unpack(redis.call('GET', KEYS[1]))) \
        table.sort(sizes, function(x, y) return x[1] > y[1] end) \
        local told = {} for _, size in ipairs(sizes) do table.insert(told, size[2] .. ' ' .. size[1]) end \
        return table.concat(told, ', ')";
    server.command(&["EVAL", script, "1", key])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_verification_costs_at_most_800_bytes() {
    const MANY: usize = 20_000;
    let server = Server::start(&[]).await;
    let (store, maker) = (open(&server.url()).await, Maker::new());
    submitted(&store, &maker, 0).await;
    let (floor, begun) = (used(&server), Instant::now());
    let made = stream::iter(1..=MANY).map(|n| submitted(&store, &maker, n)).buffer_unordered(64);
    let records: Vec<Record> = made.collect().await;
    let took = begun.elapsed();
    let each = (used_at_rest(&server).await - floor) as f64 / MANY as f64;
    println!("{MANY} verifications made in {took:?}: {each:.0} bytes of Redis each");

    let sample = record_key(records[MANY / 2].id);
    let row = lives(&server).into_iter().find(|(key, _)| key.contains("}:n:")).expect("a number has a row").0;
    let [record, number, job] = [":ver_", "}:n:", "}:jobs"].map(|part| kind_bytes(&server, part) / MANY as f64);
    let rest = each - record - number - job;
    println!("record {record:.0}, its number {number:.0}, job {job:.0}, tables of keys and expiries {rest:.0} bytes");
    for (what, key) in [("record", &sample), ("number", &row)] {
        let [length, bytes] = [&["STRLEN", key][..], &["MEMORY", "USAGE", key]].map(|command| server.command(command));
        println!(
            "{what}, one: {bytes} bytes for a key of {} and {length} of MessagePack: {}",
            key.len(),
            fields(&server, key)
        );
    }
    assert!(each <= 800.0, "{each:.0} bytes");
    let mut raced = 0;
    for record in records.iter().take(100) {
        let code_hash = record.code_hash.expect("it is live");
        let check = Check { id: record.id, tenant: maker.tenant.clone(), code_hash, memo: None };
        raced += usize::from(matches!(store.numbers.check(check).await.unwrap(), Checked::Approved(_)));
    }
    assert_eq!(raced, 100, "they are live");
}
