//! What is counted as right, false, found and noticed.

use rand_pcg::Pcg64Mcg;

use super::super::policy::{Found, Offer, Pick};
use super::*;
use crate::blocks::State;
use crate::model::Ms;

const MINUTE: Ms = 60_000;

/// Takes the first route always, and says at given minutes what it was told to.
struct Cries {
    due: Vec<(Ms, Found)>,
    now: Ms,
}

impl Policy for Cries {
    fn choose(&mut self, _now: Ms, _offer: &Offer<'_>, _rng: &mut Pcg64Mcg) -> Pick {
        Pick::usual(0)
    }
    fn tick(&mut self, now: Ms) {
        self.now = now;
    }
    fn found(&mut self) -> Vec<Found> {
        let now = self.now;
        let (said, due) = std::mem::take(&mut self.due).into_iter().partition(|(at, _)| *at <= now);
        self.due = due;
        let said: Vec<(Ms, Found)> = said;
        said.into_iter().map(|(_, found)| found).collect()
    }
}

/// The first route on north changes its state at a minute.
fn becomes(minute: Ms, from: State, to: State) -> (Ms, Found) {
    (minute * MINUTE, Found::Changed { cell: 0, from, to, reason: String::new() })
}

fn alarm(minute: Ms, network: usize) -> (Ms, Found) {
    (minute * MINUTE, Found::Alarm { network, reason: String::new() })
}

fn judged(events: &str, due: Vec<(Ms, Found)>) -> Outcome {
    outcome(&small(events), 1, &mut Cries { due, now: 0 })
}

#[test]
fn a_block_of_a_sound_cell_is_false_also_after_a_burst() {
    let cry = |minute| vec![becomes(minute, State::Suspect, State::Blocked)];
    assert_eq!(judged("", cry(30)).false_blocks, 1);
    let block = event("kind = \"block\"\ncarrier = \"cheap\"\nfor = \"20m\"");
    let count = |minute| judged(&block, cry(minute)).false_blocks;
    // 10 minutes after the end are forgiven.
    assert_eq!([count(59), count(65), count(85), count(95)], [1, 0, 0, 1]);
    for burst in ["down", "pumping", "app_fault"] {
        let burst = event(&format!("kind = \"{burst}\"\nnetwork = \"north\"\nfor = \"20m\""));
        for minute in [65, 85] {
            let outcome = judged(&burst, cry(minute));
            assert_eq!(outcome.false_blocks, 1, "{burst} {minute}");
            assert!(outcome.bursts[0].blocked && !outcome.bursts[0].alarmed, "{burst} {minute}");
        }
        assert!(!judged(&burst, cry(95)).bursts[0].blocked);
    }
}

#[test]
fn an_alarm_is_right_where_the_network_has_a_burst_or_all_its_cells_are_harmed() {
    let burst = event("kind = \"pumping\"\nnetwork = \"north\"\nfor = \"20m\"");
    let counts = |events: &str, minute, network| {
        let outcome = judged(events, vec![alarm(minute, network)]);
        (outcome.right_alarms, outcome.false_alarms)
    };
    assert_eq!(counts(&burst, 65, 0), (1, 0));
    assert_eq!(counts(&burst, 65, 1), (0, 1));
    assert_eq!(counts(&burst, 95, 0), (0, 1));
    let one = event("kind = \"outage\"\ncarrier = \"cheap\"");
    assert_eq!(counts(&one, 65, 0), (0, 1));
    let both = one + &event("kind = \"outage\"\ncarrier = \"dear\"");
    assert_eq!(counts(&both, 65, 0), (1, 0));
}

#[test]
fn judged_first_tries_are_those_whose_typing_was_due() {
    let block = event("kind = \"block\"\ncarrier = \"cheap\"\nnetwork = \"north\"");
    let due = vec![becomes(62, State::Healthy, State::Suspect), becomes(64, State::Suspect, State::Blocked)];
    let outcome = judged(&block, due);
    let found: Vec<_> = outcome.detections.iter().filter(|detection| detection.judged.is_some()).collect();
    assert_eq!(found.len(), 1);
    // 10 a minute, of which the last 40 s are too young.
    let (suspect, blocked) = (found[0].judged_suspect.unwrap(), found[0].judged.unwrap());
    assert!((6..=22).contains(&suspect) && (22..=46).contains(&blocked), "{suspect} {blocked}");
    assert_eq!(found[0].took, Some(4 * MINUTE));
    assert!(found[0].carrying);
    let other = outcome.detections.iter().find(|detection| detection.judged.is_none()).unwrap();
    assert!(!other.carrying, "nothing went by the other sender");
}

#[test]
fn a_lift_is_noticed_when_traffic_returns_and_not_after_the_next_block() {
    let blocks = event("kind = \"block\"\ncarrier = \"cheap\"\nnetwork = \"north\"\nfor = \"10m\"\nevery = \"30m\"");
    let blocked = becomes(65, State::Suspect, State::Blocked);
    let back = |minute| vec![blocked.clone(), becomes(minute, State::Blocked, State::Ramp)];
    assert_eq!(judged(&blocks, back(77)).lifts, [Some(7 * MINUTE)]);
    let late = judged(&blocks, back(95)).lifts;
    assert_eq!(late, [None], "back only in the next block");
    assert_eq!(judged(&blocks, vec![]).lifts, []);
}

#[test]
fn two_harms_of_one_cell_are_found_and_lifted_once() {
    let at = |minute: u64, keys: &str| format!("[[event]]\nat = \"{minute}m\"\n{keys}\n");
    let harms = at(40, "kind = \"block\"\ncarrier = \"cheap\"\nsender = \"A\"\nnetwork = \"north\"")
        + &at(41, "kind = \"slow\"\ncarrier = \"cheap\"\nsender = \"A\"\nnetwork = \"north\"")
        + &at(80, "kind = \"lift\"");
    let found = vec![becomes(45, State::Suspect, State::Blocked), becomes(87, State::Blocked, State::Ramp)];
    let outcome = judged(&harms, found);
    assert_eq!((outcome.detections.len(), outcome.lifts.len()), (1, 1));
    assert_eq!(outcome.lifts[0].unwrap() / MINUTE, 7);
}

#[test]
fn who_comes_when_no_carrier_is_left_is_lost() {
    let text = "length = \"2h\"\n[carriers.a]\nprice = 1\nend = \"1h\"\n[networks.n]\nrate = \"10/min\"\n";
    let outcome = cheapest(&parse("ends", text).unwrap());
    assert!(outcome.all.codes > 1_000 && outcome.all.lost > outcome.all.codes / 2 - 100, "{:?}", outcome.all);
}
