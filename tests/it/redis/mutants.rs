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
    ("intents stay open", "begin", "attempt.s, attempt.h = 1, now", ""),
    ("anybody settles", "settle", "delivery.u and delivery.t == token", "delivery.u"),
    ("a receipt is overwritten", "settle", "attempt.s == FELL", "false"),
    ("retries are not counted", "settle", "delivery.r = (delivery.r or 0) + 1", ""),
    ("receipts move backward", "receive", "attempt.s < 3 and attempt_state > attempt.s", "attempt_state ~= attempt.s"),
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
