//! The order, as tables.

use super::*;

fn candidate(name: &str, weight: u32) -> Candidate {
    Candidate {
        name: name.into(),
        weight,
        sender: None,
        outlook: outlook(State::Healthy),
        standing: Standing::Ready,
        price: None,
    }
}

fn outlook(state: State) -> Outlook {
    let fresh = crate::blocks::Radar::new(Rules::default());
    let key = crate::blocks::CellKey {
        carrier: "a".into(),
        sender: String::new(),
        network: "JP/x".into(),
        channel: Channel::Sms,
    };
    Outlook { state, ..fresh.outlook(&key, 0) }
}

/// Without the small share that keeps all known.
fn rules() -> Rules {
    let mut rules = Rules::default();
    rules.choice.explore = 0.0;
    rules
}

fn names(candidates: &[Candidate], tried: &[(Channel, &str)], u: f64) -> Vec<String> {
    let ask = Ask { channel: Channel::Sms, tried, value: None, aside: false };
    order(candidates, ask, &rules(), &mut || u).into_iter().map(|choice| choice.carrier).collect()
}

#[test]
fn a_tried_carrier_never_comes_before_an_untried_one() {
    let all = [candidate("a", 1000), candidate("b", 1), candidate("c", 0)];
    assert_eq!(names(&all, &[], 0.5), ["a", "b", "c"]);
    assert_eq!(names(&all, &[(Channel::Sms, "a")], 0.5), ["b", "c", "a"]);
    assert_eq!(names(&all, &[(Channel::Sms, "a"), (Channel::Voice, "b")], 0.5), ["c", "b", "a"]);
    assert_eq!(names(&all, &[(Channel::Sms, "a"), (Channel::Sms, "b"), (Channel::Sms, "c")], 0.5), ["a", "b", "c"]);
}

#[test]
fn a_resting_carrier_is_not_chosen_and_one_on_trial_takes_its_turn() {
    let mut all = [candidate("a", 100), candidate("b", 100), candidate("c", 0), candidate("d", 0)];
    all[0].standing = Standing::Resting(900, Cause::AuthFailed);
    all[1].standing = Standing::HalfOpen;
    let price = |amount| Money::new(amount, crate::model::Currency::new("EUR").unwrap());
    (all[2].price, all[3].price) = (price("0.09"), price("0.07"));
    assert_eq!(names(&all, &[], 0.5), ["b", "d", "c"]);
    let ask = Ask { channel: Channel::Voice, tried: &[], value: None, aside: false };
    let choices = order(&all, ask, &rules(), &mut || 0.5);
    assert!(choices[0].on_trial && choices[0].reason.starts_with("on trial"));
    assert_eq!(rest_ends(&all), Some((900, Cause::AuthFailed)));
}

#[test]
fn shares_follow_the_weights() {
    let all = [candidate("a", 300), candidate("b", 100)];
    let (mut state, mut first) = (1u64, 0);
    for _ in 0..4000 {
        let ask = Ask { channel: Channel::Sms, tried: &[], value: None, aside: false };
        let mut draw = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 11) + 1) as f64 / (1u64 << 53) as f64
        };
        first += usize::from(order(&all, ask, &rules(), &mut draw)[0].carrier == "a");
    }
    assert!((2880..3120).contains(&first), "{first}");
}
