use std::collections::BTreeMap;

use super::*;

fn outlook(state: State, mean: f64) -> Outlook {
    Outlook {
        state,
        label: None,
        mean,
        sd: 0.01,
        probe_due: false,
        fall_back_after: 40_000,
        receipts_count: false,
        p50: 7_000,
        p95: 13_000,
    }
}

fn offered(state: State, mean: f64, price: f64) -> Offered {
    Offered { outlook: outlook(state, mean), price: Some(price), weight: 100.0 }
}

/// How often each comes first, by lot and reason, in 10,000 choices.
fn firsts(offered: &[Offered]) -> BTreeMap<(usize, String), u32> {
    let (mut lots, rules, mut firsts) = (1u64, Rules::default(), BTreeMap::new());
    let mut draw = || {
        lots = lots.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((lots >> 11) + 1) as f64 / (1u64 << 53) as f64
    };
    for _ in 0..10_000 {
        let choice = choose(offered, 10.0, &rules, &mut draw);
        let mut seen: Vec<usize> = choice.order.iter().map(|ranked| ranked.index).collect();
        let first = seen[0];
        let blocked = |index: usize| offered[index].outlook.state == State::Blocked;
        assert!(!blocked(first) || choice.lot == Lot::Probe, "{choice:?}");
        let first_blocked = seen[1..].iter().position(|index| blocked(*index)).unwrap_or(seen.len());
        assert!(seen[1..].iter().skip(first_blocked).all(|index| blocked(*index)), "{choice:?}");
        let outlook = &offered[first].outlook;
        let usual = outlook.state == State::Healthy && choice.lot != Lot::Explored;
        let served = offered.len() == 1 || usual || outlook.label == Some(Label::Network);
        assert_eq!(choice.fall_back.is_none(), served, "{choice:?}");
        seen.sort_unstable();
        assert_eq!(seen, (0..offered.len()).collect::<Vec<_>>());
        *firsts.entry((first, format!("{:?}", choice.lot))).or_default() += 1;
    }
    firsts
}

fn share(firsts: &BTreeMap<(usize, String), u32>, index: usize, lot: &str) -> f64 {
    f64::from(firsts.get(&(index, lot.to_owned())).copied().unwrap_or(0)) / 10_000.0
}

fn near(share: f64, wanted: f64) -> bool {
    (share - wanted).abs() < 0.02
}

#[test]
fn a_received_code_is_weighed_against_its_price() {
    let worth_it = firsts(&[offered(State::Healthy, 0.95, 1.3), offered(State::Healthy, 0.85, 1.0)]);
    assert!(share(&worth_it, 0, "Usual") > 0.97, "{worth_it:?}");
    let too_dear = firsts(&[offered(State::Healthy, 0.95, 2.5), offered(State::Healthy, 0.85, 1.0)]);
    assert!(share(&too_dear, 1, "Usual") > 0.97 && near(share(&too_dear, 0, "Explored"), 0.02), "{too_dear:?}");
}

#[test]
fn an_unknown_price_leaves_all_prices_out_and_weights_decide_between_equals() {
    let mut all = [offered(State::Healthy, 0.90, 9.0), offered(State::Healthy, 0.905, 0.1)];
    all[0].price = None;
    all[0].weight = 300.0;
    assert!(near(share(&firsts(&all), 0, "Usual"), 0.98 * 0.75));
    all[1].outlook.mean = 0.99;
    assert!(share(&firsts(&all), 1, "Usual") > 0.97, "a credible difference outdoes the weight");
    all[1].outlook.mean = 0.905;
    all[1].weight = 0.0;
    assert!(share(&firsts(&all), 0, "Usual") > 0.97, "weight 0 only when nothing else is equal");
}

#[test]
fn suspicion_splits_with_known_shares() {
    let moved = firsts(&[offered(State::Suspect, 0.9, 1.0), offered(State::Healthy, 0.9, 2.0)]);
    assert!(near(share(&moved, 0, "Drawn"), 0.25) && near(share(&moved, 1, "Drawn"), 0.75), "{moved:?}");
    let other = firsts(&[offered(State::Healthy, 0.9, 1.0), offered(State::Suspect, 0.9, 2.0)]);
    assert!(near(share(&other, 1, "Drawn"), 0.1) && near(share(&other, 0, "Drawn"), 0.9), "{other:?}");
    let both = firsts(&[offered(State::Suspect, 0.9, 1.0), offered(State::Suspect, 0.9, 2.0)]);
    assert!(near(share(&both, 0, "Drawn"), 0.5) && near(share(&both, 1, "Drawn"), 0.5), "{both:?}");
    let with_blocked = firsts(&[offered(State::Suspect, 0.9, 1.0), offered(State::Blocked, 0.9, 0.1)]);
    assert!(near(share(&with_blocked, 0, "Drawn"), 1.0), "{with_blocked:?}");
}

#[test]
fn a_blocked_one_gets_its_probe_when_due_and_nothing_else() {
    let mut all = [offered(State::Blocked, 0.1, 0.1), offered(State::Healthy, 0.9, 1.0)];
    assert!(near(share(&firsts(&all), 1, "Usual"), 1.0));
    all[0].outlook.probe_due = true;
    assert!(near(share(&firsts(&all), 0, "Probe"), 1.0));
    all[1].outlook.state = State::Blocked;
    let both = firsts(&all);
    assert!(near(share(&both, 0, "Probe"), 0.5) && near(share(&both, 1, "Probe"), 0.5), "{both:?}");
}

#[test]
fn one_on_its_way_back_gets_half() {
    let ramp = firsts(&[offered(State::Ramp, 0.9, 1.0), offered(State::Healthy, 0.9, 2.0)]);
    assert!(near(share(&ramp, 0, "Drawn"), 0.5) && near(share(&ramp, 1, "Drawn"), 0.5), "{ramp:?}");
    let alone = firsts(&[offered(State::Ramp, 0.9, 1.0)]);
    assert!(near(share(&alone, 0, "Drawn"), 1.0));
}

#[test]
fn exploring_prefers_what_costs_little() {
    let all = [offered(State::Healthy, 0.9, 1.0), offered(State::Healthy, 0.9, 1.2), offered(State::Healthy, 0.9, 9.0)];
    let firsts = firsts(&all);
    assert!(share(&firsts, 1, "Explored") > 5.0 * share(&firsts, 2, "Explored"), "{firsts:?}");
    assert!(share(&firsts, 2, "Explored") > 0.0);
}

#[test]
fn nonsense_is_survived() {
    let rules = Rules::default();
    assert_eq!(choose(&[], 10.0, &rules, &mut || 0.5).index(), None);
    let mut odd = offered(State::Healthy, f64::NAN, f64::NAN);
    odd.outlook.sd = f64::INFINITY;
    for draw in [1e-300, 0.5, 1.0] {
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let choice = choose(&[odd, offered(State::Blocked, 0.5, 1.0), odd], value, &rules, &mut || draw);
            assert!(matches!(choice.index(), Some(0 | 2)), "{choice:?}");
        }
    }
}

#[test]
fn where_the_whole_network_is_in_trouble_most_stays_where_it_is() {
    let mut all = [offered(State::Suspect, 0.5, 1.0), offered(State::Suspect, 0.5, 2.0)];
    assert!(near(share(&firsts(&all), 0, "Drawn"), 0.5));
    all.iter_mut().for_each(|one| one.outlook.label = Some(Label::Network));
    assert!(near(share(&firsts(&all), 0, "Drawn"), 0.8));
    all[1].outlook = outlook(State::Healthy, 0.2);
    assert!(near(share(&firsts(&all), 0, "Drawn"), 0.8), "also while another is only not yet suspect");
}
