//! What one message costs the radar: its choice, and all of its evidence with the
//! decisions that follow from it.
//!
//! ```text
//! cargo bench --bench radar
//! ```
//!
//! Medians of spans of 500 messages, so that what else the machine does stays out; and
//! the ratio to one keyed hash, by which each message is named for the radar anyhow.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use otp_gateway::blocks::{CellKey, Event, Lot, Outcome, Radar, Rules};
use otp_gateway::model::Channel;
use otp_gateway::routing::{Offered, choose};
use otp_gateway::seal::{Keys, MasterKey};
use rand_distr::{Distribution, OpenClosed01};
use rand_pcg::Pcg64Mcg;

const CARRIERS: usize = 4;
const MESSAGES: u64 = 400_000;
const SPAN: u64 = 500;
/// Between two messages, in milliseconds.
const GAP_MS: u64 = 5;

fn main() {
    let hash = keyed_hash();
    println!("one keyed hash: {hash:.2} us");
    for networks in [50, 1_250] {
        let (choice, evidence, radar) = run(networks);
        let begun = Instant::now();
        let kept = rmp_serde::to_vec(&radar).unwrap_or_default();
        println!(
            "{:5} cells: choice {choice:.2} us ({:.2}), evidence with decisions {evidence:.2} us ({:.2}); \
             its state is {:.1} MB, written in {} ms",
            networks * CARRIERS,
            choice / hash,
            evidence / hash,
            kept.len() as f64 / 1e6,
            begun.elapsed().as_millis(),
        );
    }
}

/// Uniform numbers in (0, 1], the same in each run.
fn draws() -> impl FnMut() -> f64 {
    let mut source = Pcg64Mcg::new(1);
    move || OpenClosed01.sample(&mut source)
}

/// Microseconds each, of the span in the middle.
fn median(mut spans: Vec<u128>) -> f64 {
    spans.sort_unstable();
    spans[spans.len() / 2] as f64 / SPAN as f64 / 1e3
}

/// Microseconds for a choice among four carriers, and for the rest of a message's life.
fn run(networks: usize) -> (f64, f64, Radar) {
    let rules = Rules::default();
    let mut draw = draws();
    let key = |network: usize, carrier: usize| CellKey {
        carrier: format!("carrier-{carrier}"),
        sender: String::new(),
        network: format!("IN/404-{network}"),
        channel: Channel::Sms,
    };
    let keys: Vec<Vec<CellKey>> =
        (0..networks).map(|network| (0..CARRIERS).map(|carrier| key(network, carrier)).collect()).collect();
    let mut radar = Radar::new(rules.clone());
    let (mut choosing, mut learning) = (0, 0);
    let (mut choices, mut lessons) = (Vec::new(), Vec::new());
    let mut later = BTreeMap::<u64, Vec<Event>>::new();
    for m in 0..MESSAGES {
        let now = 1_700_000_000_000 + m * GAP_MS;
        let network = &keys[(draw() * networks as f64) as usize % networks];
        let rest = later.split_off(&(now + 1));
        let due: Vec<Event> = std::mem::replace(&mut later, rest).into_values().flatten().collect();
        let begun = Instant::now();
        due.iter().for_each(|event| radar.apply(now, event));
        learning += begun.elapsed().as_nanos();
        let begun = Instant::now();
        let offer = |key| Offered { outlook: radar.outlook(key, now), price: Some(1.0), weight: 100.0 };
        let offered: Vec<Offered> = network.iter().map(offer).collect();
        let choice = choose(&offered, 10.0, &rules, &mut draw);
        choosing += begun.elapsed().as_nanos();
        // A tenth is drawn for comparison, as while somebody is suspect.
        let lot = if m % 10 == 0 { Lot::Drawn } else { choice.lot };
        let sent = Event::Sent { m, cell: network[choice.index().unwrap_or(0)].clone(), lot };
        let begun = Instant::now();
        radar.apply(now, &sent);
        learning += begun.elapsed().as_nanos();
        if m % SPAN == SPAN - 1 {
            choices.push(std::mem::take(&mut choosing));
            lessons.push(std::mem::take(&mut learning));
        }
        if draw() < 0.95 {
            later.entry(now + 4_000).or_default().push(Event::Receipt { m, outcome: Outcome::Delivered });
            if draw() < 0.85 {
                later.entry(now + 18_000).or_default().push(Event::Typed { m });
            }
        }
    }
    (median(choices), median(lessons), radar)
}

/// Microseconds for the name of a message.
fn keyed_hash() -> f64 {
    let masters = vec![MasterKey::from_base64(MasterKey::generate().reveal()).expect("it was just made")];
    let wrapped = Keys::wrap_new(&masters);
    let keys = Keys::unwrap(masters, &wrapped, 1).expect("it was just wrapped");
    let spans = (0..200)
        .map(|_| {
            let begun = Instant::now();
            for m in 0..SPAN {
                black_box(keys.digest("evidence", &[&m.to_be_bytes()]));
            }
            begun.elapsed().as_nanos()
        })
        .collect();
    median(spans)
}
