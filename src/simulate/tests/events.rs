//! Each kind of event changes what it should, when it should.

use super::super::scenario::written::Receipts;
use super::super::truth::Truth;
use super::*;
use crate::model::Ms;

const HOUR: Ms = 3_600_000;

/// The world of a plan as it is at a time.
fn at(plan: &Plan, now: Ms) -> Truth<'_> {
    let mut truth = Truth::new(plan, 1);
    for (index, happening) in plan.happenings.iter().enumerate() {
        if happening.at <= now {
            truth.begin(index);
        }
        if happening.until <= now {
            truth.end(index);
        }
    }
    truth
}

/// Delivery by the routes cheap/A, cheap/B and dear on both networks.
fn deliveries(plan: &Plan, now: Ms) -> Vec<f64> {
    let truth = at(plan, now);
    (0..6).map(|cell| (truth.delivery(cell, now) * 1e3).round() / 1e3).collect()
}

#[test]
fn a_block_is_of_a_carrier_a_sender_a_network_and_a_time() {
    let plan = small(&event("kind = \"block\"\ncarrier = \"cheap\"\nnetwork = \"north\""));
    assert_eq!(deliveries(&plan, HOUR - 1), [0.95; 6]);
    assert_eq!(deliveries(&plan, HOUR), [0.05, 0.05, 0.95, 0.95, 0.95, 0.95]);
    let plan = small(&event("kind = \"block\"\ncarrier = \"cheap\"\nsender = \"B\"\nto = 0.5\nfor = \"10m\""));
    assert_eq!(deliveries(&plan, HOUR), [0.95, 0.5, 0.95, 0.95, 0.5, 0.95]);
    assert_eq!(deliveries(&plan, HOUR + 600_000), [0.95; 6]);
}

#[test]
fn an_outage_is_of_a_carrier_and_down_is_of_a_network() {
    let plan = small(&event("kind = \"outage\"\ncarrier = \"dear\""));
    assert_eq!(deliveries(&plan, HOUR), [0.95, 0.95, 0.0, 0.95, 0.95, 0.0]);
    assert!(at(&plan, HOUR).is_impaired(2, HOUR));
    let plan = small(&event("kind = \"down\"\nnetwork = \"south\""));
    assert_eq!(deliveries(&plan, HOUR), [0.95, 0.95, 0.95, 0.0, 0.0, 0.0]);
    assert!(!at(&plan, HOUR).is_impaired(3, HOUR), "leaving a cell of a dead network is no help");
}

#[test]
fn slow_is_late_and_not_lost() {
    let plan = small(&event("kind = \"slow\"\ncarrier = \"cheap\"\nfactor = 20"));
    let truth = at(&plan, HOUR);
    assert_eq!(truth.delivery(0, HOUR), 0.95);
    assert!((truth.in_time(0, HOUR) - 0.95 * 0.316).abs() < 0.002, "{}", truth.in_time(0, HOUR));
    assert!(truth.is_impaired(0, HOUR) && !truth.is_impaired(2, HOUR));
}

#[test]
fn creeping_goes_all_the_way_slowly() {
    let plan = small(&event("kind = \"creep\"\ncarrier = \"cheap\"\nnetwork = \"north\"\nto = 0.55\nover = \"40m\""));
    let of_cheap = |now| deliveries(&plan, now)[0];
    assert_eq!([of_cheap(HOUR), of_cheap(HOUR + 1_200_000), of_cheap(2 * HOUR)], [0.95, 0.75, 0.55]);
    assert_eq!(deliveries(&plan, 2 * HOUR)[2..], [0.95; 4]);
}

#[test]
fn a_lift_ends_what_it_names() {
    let block = event("kind = \"block\"\ncarrier = \"cheap\"");
    let plan = small(&format!("{block}[[event]]\nat = \"80m\"\nkind = \"lift\"\nnetwork = \"north\"\n"));
    assert_eq!(deliveries(&plan, 80 * 60_000), [0.95, 0.95, 0.95, 0.05, 0.05, 0.95]);
    let mut truth = Truth::new(&plan, 1);
    truth.begin(0);
    assert_eq!(truth.begin(1), [(0, 0), (0, 1)], "two cells were healed");
}

#[test]
fn a_new_network_and_a_new_carrier_begin() {
    let plan = small(&event("kind = \"new_network\"\nnetwork = \"south\""));
    assert_eq!((plan.networks[0].start, plan.networks[1].start), (0, HOUR));
    let plan = small(&event("kind = \"new_carrier\"\ncarrier = \"cheap\""));
    assert_eq!((plan.carriers[0].start, plan.carriers[1].start), (HOUR, 0));
    let without = cheapest(&small(""));
    let with = cheapest(&plan);
    assert!(with.spent > 1.3 * without.spent, "half of the time only the dear one is there");
}

#[test]
fn pumping_adds_requests_that_nobody_waits_for() {
    let calm = cheapest(&small(""));
    let pumped = cheapest(&small(&event("kind = \"pumping\"\nnetwork = \"north\"\nfactor = 3\nfor = \"30m\"")));
    let more = pumped.first_tries as f64 - calm.first_tries as f64;
    assert!((more / 900.0 - 1.0).abs() < 0.15, "3 times 10 a minute for 30 minutes: {more}");
    assert_eq!(pumped.all.codes, calm.all.codes);
    assert_eq!(pumped.all.lost, calm.all.lost);
}

#[test]
fn an_app_fault_and_drift_change_people_and_cells() {
    let plan = small(&event("kind = \"app_fault\"\nto = 0.2\nfor = \"20m\""));
    let typed = |now| (at(&plan, now).typed(0, now) * 1e3).round() / 1e3;
    assert_eq!([typed(HOUR - 1), typed(HOUR), typed(HOUR + 1_200_000)], [0.85, 0.17, 0.85]);

    let drift =
        |what: &str| small(&format!("[[event]]\nat = \"0s\"\nkind = \"drift\"\nsize = 0.1\nperiod = \"2h\"\n{what}"));
    let plan = drift("");
    let (one, other) = (deliveries(&plan, HOUR / 2), deliveries(&plan, HOUR));
    assert!(one != other && one[0] != one[1], "each cell by itself");
    assert!(one.iter().all(|delivery| (0.855..=0.995).contains(delivery)));
    assert!((0..6).all(|cell| !at(&plan, HOUR).is_impaired(cell, HOUR)), "drift is no block");
    let plan = drift("what = \"typed\"\n");
    assert!((at(&plan, HOUR / 2).typed(0, HOUR / 2) - 0.85 * 1.1).abs() < 1e-9);
    assert_eq!(deliveries(&plan, HOUR / 2), [0.95; 6]);
}

#[test]
fn receipts_change_what_they_are_worth() {
    let plan = small(&event("kind = \"receipts\"\ncarrier = \"cheap\"\nreceipts = \"missing\"\nfor = \"10m\""));
    let of = |now| at(&plan, now).receipts(0);
    assert_eq!([of(0), of(HOUR), of(HOUR + 600_000)], [Receipts::Honest, Receipts::Missing, Receipts::Honest]);
}

#[test]
fn a_carrier_that_says_so_sends_refusals() {
    use crate::blocks::{Event, Outcome as Said};
    #[derive(Default)]
    struct Counts([usize; 3]);
    impl Policy for Counts {
        fn choose(
            &mut self,
            now: Ms,
            offer: &super::super::policy::Offer<'_>,
            rng: &mut rand_pcg::Pcg64Mcg,
        ) -> super::super::policy::Pick {
            Fixed.choose(now, offer, rng)
        }
        fn event(&mut self, _now: Ms, event: &Event) {
            match event {
                Event::Receipt { outcome: Said::Delivered, .. } => self.0[0] += 1,
                Event::Receipt { outcome: Said::Filtered, .. } => self.0[1] += 1,
                Event::Receipt { outcome: Said::Lost, .. } => self.0[2] += 1,
                _ => {}
            }
        }
    }
    let count = |says: &str| {
        let mut counts = Counts::default();
        outcome(&small(&event(&format!("kind = \"block\"\ncarrier = \"cheap\"\nsays = \"{says}\""))), 1, &mut counts);
        counts.0
    };
    let ([heard, none, nothing], [_, filtered, _], [_, _, lost]) = (count("nothing"), count("filtered"), count("lost"));
    assert!(heard > 1_000 && none == 0 && nothing == 0);
    assert!(filtered > 900 && lost == filtered, "{filtered} {lost}");
}
