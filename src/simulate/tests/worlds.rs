//! The same seed is the same world, whatever a policy does.

use rand_pcg::Pcg64Mcg;

use super::super::policy::{Offer, Pick, Policy};
use super::*;
use crate::blocks::{Event, Lot, Outcome as Said};
use crate::model::Ms;

/// Takes one carrier always, and writes down what the world does.
struct Spy {
    carrier: usize,
    asked: Vec<(Ms, usize)>,
    received: Vec<u64>,
    clicked: Vec<u64>,
}

impl Spy {
    fn on(carrier: usize) -> Self {
        Spy { carrier, asked: Vec::new(), received: Vec::new(), clicked: Vec::new() }
    }
}

impl Policy for Spy {
    fn choose(&mut self, now: Ms, offer: &Offer<'_>, _rng: &mut Pcg64Mcg) -> Pick {
        self.asked.push((now, offer.routes[0].cell));
        Pick::usual(offer.routes.iter().position(|route| route.carrier == self.carrier).unwrap())
    }

    fn event(&mut self, _now: Ms, event: &Event) {
        match event {
            Event::Receipt { m, outcome: Said::Delivered } => self.received.push(*m),
            Event::Clicked { m } => self.clicked.push(*m),
            _ => {}
        }
    }
}

#[test]
fn people_and_verdicts_do_not_depend_on_the_policy() {
    let plan = small(&event("kind = \"pumping\"\nfor = \"10m\""));
    let (mut one, mut other) = (Spy::on(0), Spy::on(1));
    let (first, second) = (outcome(&plan, 7, &mut one), outcome(&plan, 7, &mut other));
    assert!(one.asked.len() > 2_400, "{}", one.asked.len());
    assert_eq!(one.asked, other.asked);
    assert_eq!(one.received, other.received);
    assert_eq!(one.clicked, other.clicked);
    assert_eq!(first.all, second.all);
    assert!(first.spent < second.spent);
}

#[test]
fn another_seed_is_another_world() {
    let plan = small("");
    let (mut one, mut other) = (Spy::on(0), Spy::on(0));
    outcome(&plan, 1, &mut one);
    outcome(&plan, 2, &mut other);
    assert_ne!(one.asked, other.asked);
}

#[test]
fn people_come_type_and_lose_as_often_as_the_file_says() {
    let plan = small("delivery = 0.9\n[people]\ntyped = 0.8\nclick = 0.4\n");
    let mut spy = Spy::on(0);
    let outcome = outcome(&plan, 3, &mut spy);
    let codes = outcome.all.codes as f64;
    assert!((codes / 2_200.0 - 1.0).abs() < 0.1, "20 a minute over 110 minutes: {codes}");
    // north loses 5 %, south 10 %, and a few come after a minute.
    let lost = outcome.all.lost as f64 / codes;
    assert!((lost - 0.075).abs() < 0.02, "{lost}");
    let clicked = spy.clicked.len() as f64 / outcome.all.lost as f64;
    assert!((clicked - 0.4).abs() < 0.15, "{clicked}");
}

#[test]
fn nights_are_quiet_and_start_and_end_are_kept() {
    let at = |hour: &str| {
        let text = format!("starts_at = \"{hour}\"\n");
        let night = "[night]\nrate = 0.2\n";
        let plan = parse(
            "night",
            &format!("{text}length = \"2h\"\n[carriers.a]\nprice = 1\n[networks.n]\nrate = \"20/min\"\n{night}"),
        );
        cheapest(&plan.unwrap()).all.codes as f64
    };
    let ratio = at("02:00") / at("14:00");
    assert!((ratio - 0.2).abs() < 0.05, "{ratio}");

    let plan = small("start = \"1h\"\nend = \"90m\"\n");
    let mut spy = Spy::on(0);
    outcome(&plan, 1, &mut spy);
    let south = plan.cell(1, 0);
    let times: Vec<Ms> = spy.asked.iter().filter(|(_, cell)| *cell == south).map(|(at, _)| *at).collect();
    assert!(times.len() > 200 && times.iter().all(|at| (3_600_000..5_400_000).contains(at)));
}

#[test]
fn a_code_typed_after_a_second_message_rescues_the_first() {
    #[derive(Default)]
    struct FallsBack(usize, usize, usize);
    impl Policy for FallsBack {
        fn choose(&mut self, _now: Ms, _offer: &Offer<'_>, _rng: &mut Pcg64Mcg) -> Pick {
            let then = super::super::policy::FallBack { after: 20_000, index: 2, unless_received: true };
            Pick { index: 0, lot: Lot::Usual, fall_back: Some(then) }
        }
        fn event(&mut self, _now: Ms, event: &Event) {
            match event {
                Event::Sent { lot: Lot::Aside, cell, .. } if cell.carrier == "dear" => self.0 += 1,
                Event::Rescued { .. } => self.1 += 1,
                Event::Typed { .. } => self.2 += 1,
                _ => {}
            }
        }
    }
    let plan = small("[[event]]\nat = \"0s\"\nkind = \"outage\"\ncarrier = \"cheap\"");
    let mut policy = FallsBack::default();
    let outcome = outcome(&plan, 1, &mut policy);
    assert!(policy.0 > 2_000, "all fall back: {}", policy.0);
    assert_eq!(policy.1, policy.2, "whatever is typed was a rescue");
    assert!((outcome.all.lost as f64) < 0.09 * outcome.all.codes as f64, "{:?}", outcome.all);
}
