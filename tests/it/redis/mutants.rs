//! Scripts that are wrong on purpose, one line each: the suite must notice every one.

use std::sync::Arc;
use std::time::Instant;

use otp_gateway::store::conformance::{cases, histories};

use super::servers::Server;
use super::suite::many;

/// What is broken: a script, a line of it, and what stands there instead.
const MUTANTS: &[(&str, &str, &str, &str)] = &[
    ("approved twice", "check", "finish(record, APPROVED, now)", ""),
    ("wrong codes are not counted", "check", "record.w = (record.w or 0) + 1", "record.w = record.w or 0"),
    ("one more guess", "check", "record.w >= record.m", "record.w > record.m"),
    ("a failure is not noted", "check", "table.insert(own.f, now)", ""),
    ("approval keeps it open", "check", "close(own, a.i)\n  record.g", "record.g"),
    ("checked by anybody", "check", "record.n ~= a.n", "false"),
    ("codes live longer", "check", "status ~= PENDING", "status ~= PENDING and status ~= EXPIRED"),
    ("cancel lets calls go on", "cancel", "finish(record, CANCELED_RECORD, now)", "record.s = CANCELED_RECORD"),
    ("starts are not counted", "start", "count(number, own, a.L, a.c, now)", ""),
    ("one more open verification", "start", "math.max(a.L.ov, 1) + 1", "math.max(a.L.ov, 1)"),
    ("the newest is closed", "start", "table.remove(own.o, 1)[1]", "table.remove(own.o)[1]"),
    ("subjects are ignored", "start", "if a.S ~= ''", "if false"),
    ("resends are not counted", "resend", "count(number, own, a.L, a.c, now)", ""),
    ("the old code is forgotten", "resend", "table.insert(record.o, record.c)", ""),
    ("a pause holds nobody", "start", "hold('number_paused', own.p)", ""),
    (
        "other tenants do not count",
        "start",
        "hold('number_all_tenants', full_until(number.a, limits.ac, limits.ap))",
        "",
    ),
    ("claimed before it is due", "claim", "at and at <= now", "at"),
    ("expired keeps its secrets", "claim", "record.s = EXPIRED\n    erase(record)", "record.s = EXPIRED"),
    ("anybody renews", "lease", "delivery.u and delivery.t == token", "delivery.u"),
    ("released stays held", "lease", "unlease(delivery, now)", ""),
    ("begun after expiry", "begin", "status_at(record, now) ~= PENDING", "false"),
    ("intents stay open", "begin", "attempt.s, attempt.h = UNKNOWN, now", ""),
    ("anybody settles", "settle", "delivery.u and delivery.t == token", "delivery.u"),
    ("a receipt is overwritten", "settle", "attempt.s == FELL", "false"),
    ("retries are not counted", "settle", "delivery.r = (delivery.r or 0) + 1", ""),
    (
        "receipts move backward",
        "receive",
        "attempt.s < ARRIVED and attempt_state > attempt.s",
        "attempt_state ~= attempt.s",
    ),
    ("another is never tried", "receive", "if a.x and status_at", "if false and status_at"),
    ("the ended get another", "receive", "a.x and status_at(record, now) == PENDING", "a.x"),
    ("an answered call goes on", "receive", "and delivery.s < ANSWERED", "and delivery.s < DELIVERED"),
    ("a submit in flight is taken away", "receive", "PENDING and not in_hands", "PENDING"),
    ("a keeper keeps what failed", "receive", "unlease(delivery, now)", "delivery.q = now"),
    ("what overtook is let go", "settle", "not a.l and not overtaken", "not a.l"),
    (
        "a repeat fails what goes on",
        "receive",
        "decides and was < ARRIVED and state == FAILED then",
        "decides then moved = true",
    ),
    ("only the last attempt decides", "receive", "or delivery.s == SUBMITTED and not delivery.u", "or false"),
    ("what all lost is left to them", "settle", "left and is_lost(delivery)", "false"),
    ("a cover is begun beside a call", "begin", "n < #record.d and is_with_carrier(delivery)", "false"),
    ("a cover is due again beside a call", "settle", "a.n == #record.d and a.z", "a.z"),
    ("worked on, but failed", "receive", "delivery.u and was ~= TAKEN", "false"),
    ("references are replaced", "receive", "if a.f and not attempt.f then", "if a.f then"),
    ("the told reference is forgotten", "settle", "a.k == 'submitted' and a.f then", "a.k == 'submitted' then"),
    ("senders are dropped", "begin", "attempt.y = ARGV[6]", ""),
    ("senders keep the old layout", "begin", "record.v = math.max(record.v, WITH_SENDERS)", ""),
    ("canceled, but tried again", "cancel", "not is_with_carrier(delivery) then", "delivery.s == QUEUED then"),
    (
        "expired, but tried again",
        "claim",
        "if not is_with_carrier(delivery) then adv",
        "if delivery.s == QUEUED then adv",
    ),
    ("a report is a submission", "log", "ARGV[i] == 's' and 3 or 4", "3"),
    ("a short log shortens others", "log", "attempt[2] = math.max(attempt[2], ends)", "attempt[2] = ends"),
    ("what is parked is given twice", "index", "or parked.m and parked.m ~= ARGV[3] then", "then"),
    ("parked without end", "find", "#parked.p < tonumber(ARGV[3])", "true"),
    ("parked twice", "find", "if other == ARGV[1] then", "if false then"),
    ("parked behind what was taken", "find", "if not parked or parked.m then", "if not parked then"),
    ("counters start anew", "tally", "'HINCRBY'", "'HSET'"),
    ("a repeat is a new opt-out", "opt_out", "if not redis.call('HGET', KEYS[1], name) then", "if true then"),
    ("every channel is lifted", "opt_in", "string.sub(name, 1, #ARGV[2]) == ARGV[2]", "true"),
    ("breakers stay open", "switch", "redis.call('HDEL', KEYS[1], ARGV[1])", ""),
    ("a repeated batch counts twice", "witness", "epoch == e and sequence <= s", "false"),
    ("an older run counts", "witness", "epoch < e or", ""),
    ("places jump", "witness", "tonumber(place) + 1", "tonumber(place) + 2"),
    ("any state replaces", "conclude", "place >= tonumber(ARGV[1])", "false"),
    ("the log is never cut", "conclude", "redis.call('XTRIM', KEYS[1], 'MINID', ARGV[3] .. '-0')", ""),
    ("everybody is the one", "once", "if given then", "if false then"),
    ("declining pauses nothing", "receive", "own.p = math.max(own.p, now + a.z)", ""),
    ("one more than the limit", "take", "if used < most then break end", "if used <= most then break end"),
    ("nothing is given back", "give_back", "redis.call('HDEL', key, slice)", ""),
    ("another body gets the answer", "start", "kept.f ~= fingerprint", "false"),
    ("a kept answer keeps the code", "start", "erase(record)\n    kept[4]", "kept[4]"),
];

async fn notices(url: &str, at: usize) -> Option<String> {
    let (name, script, from, to) = MUTANTS[at];
    let edit = Arc::new(move |which: &str, text: String| {
        if which != script {
            return text;
        }
        assert_eq!(text.matches(from).count(), 1, "{name}: {from:?} must stand once in {script}.lua");
        text.replace(from, to)
    });
    // Here, so that a line that does not stand there fails the test and not a case.
    let harnesses = many(url.to_owned(), &format!("m{at}-"), edit);
    harnesses.fresh().await;
    let failed = cases(harnesses.clone(), 16).await;
    if let Some(first) = failed.first() {
        return Some(format!("{} cases, first {}", failed.len(), first.name));
    }
    let failed = histories(harnesses, 0..48, 16).await;
    failed.first().map(|first| format!("no case, {} histories, first {}", failed.len(), first.name))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_script_is_noticed() {
    let (begun, server) = (Instant::now(), Server::start(&[]).await);
    let url = server.url();
    let mut missed = Vec::new();
    for some in (0..MUTANTS.len()).collect::<Vec<_>>().chunks(4) {
        let running = some.iter().map(|at| notices(&url, *at));
        for (at, seen) in some.iter().zip(futures_util::future::join_all(running).await) {
            println!("{}: {}", MUTANTS[*at].0, seen.as_deref().unwrap_or("not noticed"));
            if seen.is_none() {
                missed.push(MUTANTS[*at].0);
            }
        }
    }
    println!("{} wrong scripts: {:?}", MUTANTS.len(), begun.elapsed());
    assert!(missed.is_empty(), "nothing noticed {missed:?}");
}
