//! Gateways that share one Redis: a dead one's jobs are taken over, one that hangs
//! writes over nobody, single use holds across them, and idle ones ask for little.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use otp_gateway::carrier::sandbox::Item;
use otp_gateway::model::{Cause, Ms, Progress, RecordId};
use otp_gateway::store::{Begin, Begun, Moved, Next, Receive, Release, Renew, Renewed, Settle, Settled, Store, Then};
use serde_json::Value;

use super::crew::{Site, every_sms, given, idle, metric, now, pause, resume, see_each_other};
use super::made::{Maker, claim, jobs_key, lease, open, open_limits, raw, stored};
use super::servers::Server;
use crate::gateway::{Gateway, SOON, Setup, code_in, until};

/// The lease of these gateways, in seconds.
const LEASE: u64 = 3;
/// A dead gateway's job is taken over within this after its lease.
const TAKEN_OVER: Ms = 5_000;

/// A carrier that hangs is waited for longer than a lease, so that it is the lease
/// that ends.
fn short_lease(setup: Setup) -> Setup {
    setup.option("OTP_DELIVERY__LEASE_SECONDS", &LEASE.to_string()).option("OTP_DELIVERY__SUBMIT_TIMEOUT_SECONDS", "60")
}

/// Waits until an attempt (from 0) of a verification's first delivery is in a state.
async fn attempt(gateway: &Gateway, id: &str, m: usize, state: &str) -> Value {
    until(Duration::from_secs(20), &format!("attempt {m} {state}"), || async {
        let attempt = gateway.verification(id).await["deliveries"][0]["attempts"][m].clone();
        (attempt["state"] == state).then_some(attempt)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_gateways_jobs_are_taken_by_others_in_time() {
    let site = Site::new().await;
    let gateway = || short_lease(site.gateway()).option("OTP_DELIVERY__RETRY_FIRST_SECONDS", "4").start();
    let (mut dies, lives) = (gateway(), [gateway(), gateway()]);
    let first_due = |id: &str| {
        let id: RecordId = id.parse().unwrap();
        site.server.command(&["ZSCORE", &jobs_key(id), &id.to_string()]).parse::<Ms>().unwrap()
    };
    let mut jobs = HashMap::new();
    // Twelve whose carrier refuses for now, to be tried again later; then twenty-four
    // whose carrier never answers, each begun a moment after the one before.
    for (outcome, many, state) in [("temporary_fault", 12, "failed"), ("silent", 24, "submitting")] {
        every_sms(&dies, outcome, 0).await;
        for _ in 0..many {
            let to = dies.number();
            let id = dies.start(&to).await;
            attempt(&dies, &id, if outcome == "silent" { 0 } else { 1 }, state).await;
            jobs.insert(to, (outcome, id));
        }
    }
    let waiting: Vec<_> = jobs.iter().filter(|(_, (outcome, _))| *outcome == "temporary_fault").collect();
    let due: HashMap<String, Ms> = waiting.into_iter().map(|(to, (_, id))| (to.clone(), first_due(id))).collect();
    dies.kill();
    let killed = now();
    let arrived = until(Duration::from_secs(30), "the arrival of a dead gateway's messages", || {
        let items: Vec<Item> = lives.iter().flat_map(|gateway| given(gateway.folder())).collect();
        std::future::ready((items.len() >= jobs.len()).then_some(items))
    })
    .await;
    assert_eq!(arrived.len(), jobs.len(), "one message each");
    let mut worst = HashMap::<&str, Vec<Ms>>::new();
    for item in &arrived {
        let outcome = jobs[&item.to].0;
        let from = due.get(&item.to).copied().unwrap_or(0).max(killed);
        worst.entry(outcome).or_default().push(item.at.saturating_sub(from));
    }
    for (outcome, mut waits) in worst {
        waits.sort_unstable();
        let (most, median) = (waits[waits.len() - 1], waits[waits.len() / 2]);
        println!("{} jobs of a dead gateway ({outcome}) taken over: median {median} ms, worst {most} ms", waits.len());
        assert!(most <= LEASE * 1_000 + TAKEN_OVER, "{outcome}: {waits:?}");
    }
}

/// What the owner of an old lease may still try; all of it must come to nothing.
async fn all_lost(store: &Store, id: RecordId, m: u16, old: otp_gateway::model::Digest, ended: bool) {
    let (delivery, numbers) = (id.delivery(1), &store.numbers);
    let renewed = numbers.renew(Renew { id: delivery, lease: otp_gateway::store::Lease { token: old, ms: 60_000 } });
    assert_eq!(renewed.await.unwrap(), if ended { Renewed::Ended } else { Renewed::Lost });
    let begin = Begin { id: delivery, token: old, carrier: "late".into(), reason: "late".into(), sender: None };
    assert_eq!(numbers.begin(begin).await.unwrap(), if ended { Begun::Ended } else { Begun::Lost });
    let reference = Some("late".to_owned());
    for moved in [
        Moved::Submitted { reference: reference.clone(), keep_lease: false },
        Moved::Submitted { reference, keep_lease: true },
        Moved::Failed(Cause::NoRoute, Next::Never),
        Moved::Failed(Cause::TemporaryCarrierFault, Next::Later(1_000)),
        Moved::Unknown(Next::Another),
    ] {
        let settle = Settle { id: delivery.attempt(m), token: old, moved };
        assert_eq!(numbers.settle(settle).await.unwrap(), Settled::Lost);
    }
    numbers.release(Release { id: delivery, token: old }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_lease_changes_no_byte() {
    let server = Server::start(&[]).await;
    let (hangs, takes, maker) = (open(&server.url()).await, open(&server.url()).await, Maker::new());
    let mut raw = raw(&server.url()).await;
    let mut taken = 0;
    for _ in 0..20 {
        let record = maker.verification(&maker.number(), 600_000);
        let id = record.id;
        hangs.numbers.start(maker.start(record, open_limits(), 1)).await.unwrap();
        let [old, new] = [lease(300).token, lease(300).token];
        until(SOON, "the first claim", || async { (!claim(&hangs, old, 300).await.is_empty()).then_some(()) }).await;
        let begin = |token| Begin {
            id: id.delivery(1),
            token,
            carrier: "sandbox".into(),
            reason: "a test".into(),
            sender: None,
        };
        assert_eq!(hangs.numbers.begin(begin(old)).await.unwrap(), Begun::Attempt(id.delivery(1).attempt(1)));
        until(SOON, "the second claim", || async { (!claim(&takes, new, 60_000).await.is_empty()).then_some(()) })
            .await;
        taken += 1;
        let before = stored(&mut raw, id).await;
        all_lost(&hangs, id, 1, old, false).await;
        assert_eq!(claim(&hangs, old, 300).await, [], "held by another");
        assert!(before == stored(&mut raw, id).await, "nothing was written before the new owner's own steps");

        let mine = id.delivery(1).attempt(2);
        assert_eq!(takes.numbers.begin(begin(new)).await.unwrap(), Begun::Attempt(mine));
        let before = stored(&mut raw, id).await;
        all_lost(&hangs, id, 1, old, false).await;
        all_lost(&hangs, id, 2, old, false).await;
        assert!(before == stored(&mut raw, id).await, "nothing was written while the new owner submits");

        let moved = Moved::Submitted { reference: Some("new".into()), keep_lease: false };
        takes.numbers.settle(Settle { id: mine, token: new, moved }).await.unwrap();
        let before = stored(&mut raw, id).await;
        all_lost(&hangs, id, 1, old, false).await;
        assert!(before == stored(&mut raw, id).await, "nothing was written after the new owner submitted");

        takes
            .numbers
            .receive(Receive {
                id: mine,
                progress: Progress::Delivered,
                network: None,
                pause_ms: 0,
                reference: None,
                then: Then::Fail,
            })
            .await
            .unwrap();
        let before = stored(&mut raw, id).await;
        all_lost(&hangs, id, 1, old, true).await;
        assert!(before == stored(&mut raw, id).await, "nothing was written after the end");
    }
    println!("{taken} jobs changed hands; no step under the old lease changed a byte");
}

/// A gateway hangs with a job, another takes it and is at it when the first comes back.
/// Gives what each gave its carriers for that job, and the job as it ended.
async fn hangs_and_comes_back(hangs: Setup, takes: Setup, paced: bool) -> (Vec<Item>, Vec<Item>, Value) {
    // A report about the first one's message would be a fact of its own.
    let hangs = short_lease(hangs).option("OTP_SANDBOX__SMS_DELAY_MS", "60000").start();
    let takes = short_lease(takes).start();
    every_sms(&hangs, "slow", 1_000).await;
    every_sms(&takes, "slow", 3_000).await;
    if paced {
        // It uses up the turn, so that the next job waits for its own.
        attempt(&hangs, &hangs.start(&hangs.number()).await, 0, "submitted").await;
    }
    let to = hangs.number();
    let id = hangs.start(&to).await;
    if !paced {
        attempt(&hangs, &id, 0, "submitting").await;
    }
    pause(&hangs);
    let m = usize::from(!paced);
    attempt(&takes, &id, m, "submitting").await;
    resume(&hangs);
    idle(&hangs).await;
    assert_eq!(
        takes.verification(&id).await["deliveries"][0]["attempts"][m]["state"],
        "submitting",
        "it came in between"
    );
    let ended = takes.delivery(&id, 1, "delivered").await;
    let of = |gateway: &Gateway| given(gateway.folder()).into_iter().filter(|item| item.to == to).collect::<Vec<_>>();
    let (late, new) = (of(&hangs), of(&takes));
    assert_eq!(new.len(), 1);
    let code = code_in(&new[0].body);
    assert!(late.iter().all(|item| code_in(&item.body) == code), "one code");
    assert_eq!(hangs.check(&id, &code).await.expect(200)["status"], "approved");
    (late, new, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_hung_before_its_submit_does_not_submit() {
    let site = Site::new().await;
    let config = "[carriers.sandbox-a]\nprofile = \"sandbox\"\nthroughput = \"1/4s\"\n\
                  [carriers.sandbox-b]\nprofile = \"sandbox\"\nchannels = [\"voice\"]\n";
    let gateway = || site.gateway().config(config);
    let (late, _, ended) = hangs_and_comes_back(gateway(), gateway(), true).await;
    assert!(late.is_empty(), "{late:?}");
    assert_eq!(ended["attempts"].as_array().unwrap().len(), 1, "{ended}");
    println!("hung before its submit: one message, one attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_hung_in_its_submit_does_not_write_over_the_next() {
    let site = Site::new().await;
    let (late, _, ended) = hangs_and_comes_back(site.gateway(), site.gateway(), false).await;
    assert!(late.len() <= 1, "at most the copy that at-least-once allows");
    let states: Vec<_> = ended["attempts"].as_array().unwrap().iter().map(|a| a["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["unknown", "delivered"], "{ended}");
    println!("hung between submit and record: {} message and {} late copy, same code", 1, late.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_gateways_ask_for_little() {
    const SPAN: Duration = Duration::from_secs(12);
    let site = Site::new().await;
    let gateways = [(); 3].map(|()| site.gateway().start());
    see_each_other(&gateways).await;
    // What each looked at first is behind it, and one job each has come and gone.
    for gateway in &gateways {
        let to = gateway.number();
        let id = gateway.start(&to).await;
        gateway.delivery(&id, 1, "delivered").await;
        let code = gateway.code(&to).await;
        gateway.check(&id, &code).await.expect(200);
    }
    let commands = || site.server.info("total_commands_processed").parse::<u64>().unwrap();
    let (before, begun) = (commands(), Instant::now());
    tokio::time::sleep(SPAN).await;
    // The INFO that asks is counted only by the next one.
    let rate = (commands() - before - 1) as f64 / begun.elapsed().as_secs_f64();
    let alive = metric(&gateways[0], "otp_gateways").await;
    println!("an idle fleet of three: {rate:.1} commands a second");
    assert_eq!(alive, 3);
    assert!(rate > 1.0, "they beat and look");
    assert!(rate < 50.0, "{rate:.1} commands a second");
}

#[tokio::test(flavor = "multi_thread")]
async fn single_use_holds_over_two_gateways() {
    const VERIFICATIONS: usize = 200;
    const EACH: usize = 5;
    let site = Site::new().await;
    let gateways = [(); 2].map(|()| site.gateway().start());
    let mut ids = HashMap::new();
    for n in 0..VERIFICATIONS {
        let gateway = &gateways[n % 2];
        let to = gateway.number();
        ids.insert(to.clone(), gateway.start(&to).await);
    }
    let codes = until(SOON, "all codes", || {
        let items: Vec<Item> = gateways.iter().flat_map(|gateway| given(gateway.folder())).collect();
        std::future::ready((items.len() >= VERIFICATIONS).then_some(items))
    })
    .await;
    let mut first = [0; 2];
    for item in &codes {
        let (id, code) = (&ids[&item.to], code_in(&item.body));
        gateways.iter().for_each(|gateway| gateway.secret(&code));
        let checks = (0..2 * EACH).map(|k| gateways[k % 2].check(id, &code));
        let answers = join_all(checks).await;
        let approved: Vec<_> = (0..2 * EACH).filter(|k| answers[*k].status == 200).collect();
        assert_eq!(approved.len(), 1, "{id}: {answers:?}");
        assert_eq!(answers[approved[0]].body["status"], "approved");
        first[approved[0] % 2] += 1;
        for refused in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!((refused.status, refused.problem()), (409, "already_approved"));
        }
    }
    assert_eq!(first[0] + first[1], VERIFICATIONS);
    println!("{VERIFICATIONS} codes, {} checks each over two gateways: one approval each ({first:?})", 2 * EACH);
}
