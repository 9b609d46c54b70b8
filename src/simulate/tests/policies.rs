//! The plain policies do what they are known for.

use super::super::policy::{Bandit, Oracle, Ours, Shift};
use super::*;
use crate::blocks::Rules;

fn lost(outcome: &Outcome) -> u64 {
    outcome.affected.lost
}

#[test]
fn the_oracle_is_never_worse_than_the_cheapest() {
    for events in [
        event("kind = \"block\"\ncarrier = \"cheap\"\nnetwork = \"north\""),
        event("kind = \"slow\"\ncarrier = \"cheap\""),
        event("kind = \"creep\"\ncarrier = \"cheap\"\nover = \"30m\""),
        event("kind = \"down\"\nfor = \"30m\""),
        String::new(),
    ] {
        let plan = small(&events);
        for seed in 1..=5 {
            let oracle = outcome(&plan, seed, &mut Oracle { value: plan.value });
            let fixed = outcome(&plan, seed, &mut Fixed);
            assert!(lost(&oracle) <= lost(&fixed), "{events} seed {seed}");
        }
    }
}

#[test]
fn the_oracle_leaves_a_blocked_carrier_and_pays_no_more_than_it_must() {
    let plan = small(&event("kind = \"block\"\ncarrier = \"cheap\""));
    let (oracle, fixed) = (outcome(&plan, 1, &mut Oracle { value: plan.value }), cheapest(&plan));
    assert!(20 * lost(&oracle) < 3 * oracle.affected.codes, "{:?}", oracle.affected);
    assert!(20 * lost(&fixed) > 18 * fixed.affected.codes, "{:?}", fixed.affected);
    let plan = small("");
    let oracle = outcome(&plan, 1, &mut Oracle { value: plan.value });
    assert_eq!(oracle.spent, cheapest(&plan).spent);
}

#[test]
fn shift_moves_by_missing_receipts_and_not_by_lying_ones() {
    let run = |receipts: &str| {
        let keys = format!("receipts = \"{receipts}\"\n");
        let block = event("kind = \"block\"\ncarrier = \"cheap\"\nnetwork = \"south\"");
        let plan = small(&format!("{keys}{block}"));
        lost(&outcome(&plan, 1, &mut Shift::new(&plan)))
    };
    let (honest, lying) = (run("honest"), run("lying"));
    assert!(honest * 3 < lying * 2, "{honest} {lying}");
}

#[test]
fn shift_moves_by_errors_within_a_minute() {
    let run = |says: &str| {
        let keys = format!("kind = \"outage\"\ncarrier = \"cheap\"\nsays = \"{says}\"");
        let text = format!(
            "length = \"2h\"\n[carriers.cheap]\nprice = 1\n[carriers.dear]\nprice = 2\n[networks.n]\nrate = \"5/s\"\n{}",
            event(&keys)
        );
        let plan = parse("errors", &text).unwrap();
        lost(&outcome(&plan, 1, &mut Shift::new(&plan)))
    };
    let (said, silent) = (run("lost"), run("nothing"));
    assert!(said < silent, "{said} {silent}");
}

#[test]
fn the_bandit_learns_and_likes_a_low_price() {
    let plan = small("");
    let calm = outcome(&plan, 1, &mut Bandit::new(&plan));
    let fixed = cheapest(&plan);
    assert!(calm.spent < 1.2 * fixed.spent, "{} {}", calm.spent, fixed.spent);
    let plan = small(&event("kind = \"outage\"\ncarrier = \"cheap\""));
    let bandit = outcome(&plan, 1, &mut Bandit::new(&plan));
    assert!(lost(&bandit) < lost(&cheapest(&plan)), "{} of {}", lost(&bandit), bandit.affected.codes);
}

#[test]
fn ours_finds_a_block_that_receipts_hide_and_loses_little() {
    let block = event("kind = \"block\"\ncarrier = \"cheap\"\nnetwork = \"south\"");
    let plan = small(&format!("receipts = \"lying\"\n{block}"));
    let ours = outcome(&plan, 1, &mut Ours::new(&plan, Rules::default(), plan.value));
    let oracle = outcome(&plan, 1, &mut Oracle { value: plan.value });
    let shift = outcome(&plan, 1, &mut Shift::new(&plan));
    let (excess, plain) = (lost(&ours) as f64 - lost(&oracle) as f64, lost(&shift) as f64 - lost(&oracle) as f64);
    assert!(excess < 0.35 * plain, "{excess} {plain}");
    assert!(ours.detections.iter().any(|detection| detection.judged.is_some_and(|judged| judged < 40)), "{ours:?}");
}

#[test]
fn ours_follows_other_rules() {
    let block = event("kind = \"block\"\ncarrier = \"cheap\"");
    let plan = small(&block);
    let mut rules = Rules::default();
    (rules.states.block_at, rules.states.pool_block_at) = (1e9, 1e9);
    let deaf = outcome(&plan, 1, &mut Ours::new(&plan, rules, plan.value));
    assert!(deaf.detections.iter().all(|detection| detection.judged.is_none()), "{:?}", deaf.detections);
    let usual = outcome(&plan, 1, &mut Ours::new(&plan, Rules::default(), plan.value));
    assert!(usual.detections.iter().any(|detection| detection.judged.is_some()), "{:?}", usual.detections);
}
