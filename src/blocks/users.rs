//! The user factor: how much people type now, against what their cells expect.

use serde::{Deserialize, Serialize};

use super::maths::left;
use super::rules::UserRules;
use crate::model::Ms;

/// Typed codes and expected ones, fading with time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Users {
    typed: f64,
    expected: f64,
    at: Ms,
}

/// The same for one cell, in less room; seconds, because half an hour is the scale.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct OwnUsers {
    typed: f32,
    expected: f32,
    at: u32,
}

/// The factor as estimated for one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factor {
    /// Best guess.
    pub mean: f64,
    /// Lower bound for the test.
    pub low: f64,
}

impl Users {
    /// Adds one message: whether its code was typed in time, and how likely that was.
    pub fn add(&mut self, at: Ms, typed: bool, expected: f64, rules: &UserRules) {
        let (old_typed, old_expected) = self.now(at, rules);
        *self = Users { typed: old_typed + f64::from(u8::from(typed)), expected: old_expected + expected, at };
    }

    fn now(&self, at: Ms, rules: &UserRules) -> (f64, f64) {
        let left = left(at.saturating_sub(self.at), rules.half_life_ms);
        (self.typed * left, self.expected * left)
    }
}

impl OwnUsers {
    /// See [`Users::add`].
    pub fn add(&mut self, at: Ms, typed: bool, expected: f64, rules: &UserRules) {
        let (old_typed, old_expected) = self.now(at, rules);
        self.typed = (old_typed + f64::from(u8::from(typed))) as f32;
        self.expected = (old_expected + expected) as f32;
        self.at = (at / 1000) as u32;
    }

    fn now(&self, at: Ms, rules: &UserRules) -> (f64, f64) {
        let left = left(at.saturating_sub(u64::from(self.at) * 1000), rules.half_life_ms);
        (f64::from(self.typed) * left, f64::from(self.expected) * left)
    }
}

/// The factor for a cell, from all cells of its channel and those of its country, without
/// itself. Only where those say next to nothing does it count itself, up to a bound.
pub fn factor(all: &Users, country: &Users, own: &OwnUsers, at: Ms, rules: &UserRules) -> Factor {
    let (own_typed, own_expected) = own.now(at, rules);
    let without = |users: &Users| {
        let (typed, expected) = users.now(at, rules);
        ((typed - own_typed).max(0.0), (expected - own_expected).max(0.0))
    };
    let prior = rules.prior_codes.max(1e-6);
    let (typed, expected) = without(all);
    let everywhere = (prior + typed) / (prior + expected);
    let (mut typed, mut expected) = without(country);
    let missing = (rules.own_codes - expected).clamp(0.0, own_expected);
    let mut floor = 0.02;
    if missing > 0.0 {
        typed += own_typed * missing / own_expected;
        expected += missing;
        floor = rules.own_floor;
    }
    let mean = ((prior * everywhere + typed) / (prior + expected)).clamp(floor.min(1.15), 1.15);
    let sd = (rules.code_variance * mean / (prior + expected)).sqrt().max(rules.sd_min);
    Factor { mean, low: (mean - rules.bound * sd).max(0.01) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Ms = 60_000;

    fn filled(share: f64, until: Ms) -> (Users, OwnUsers) {
        let (mut users, mut own, rules) = (Users::default(), OwnUsers::default(), UserRules::default());
        let mut credit = 0.0;
        for at in (0..until).step_by(6_000) {
            credit += share;
            users.add(at, credit >= 1.0, 0.8, &rules);
            if at % 60_000 == 0 {
                own.add(at, credit >= 1.0, 0.8, &rules);
                users.add(at, credit >= 1.0, 0.8, &rules);
            }
            credit -= f64::from(u8::from(credit >= 1.0));
        }
        (users, own)
    }

    #[test]
    fn it_follows_the_night_and_forgets() {
        let (users, own) = filled(0.5, 120 * MINUTE);
        let rules = UserRules::default();
        let night = factor(&users, &users, &own, 120 * MINUTE, &rules);
        assert!((night.mean - 0.63).abs() < 0.06 && night.low < night.mean, "{night:?}");
        let later = factor(&users, &users, &own, 120 * MINUTE + 24 * 60 * MINUTE, &rules);
        assert!((later.mean - 1.0).abs() < 1e-6, "{later:?}");
        assert_eq!(factor(&users, &users, &own, u64::MAX, &rules).mean, 1.0);
    }

    #[test]
    fn a_cell_is_its_own_witness_only_when_alone_and_never_wholly() {
        let rules = UserRules::default();
        let (mut users, mut own) = (Users::default(), OwnUsers::default());
        for at in (0..120 * MINUTE).step_by(60_000) {
            users.add(at, false, 0.8, &rules);
            own.add(at, false, 0.8, &rules);
        }
        let alone = factor(&users, &users, &own, 120 * MINUTE, &rules);
        assert!(alone.mean >= rules.own_floor && alone.mean < 0.9, "{alone:?}");
        for n in 0..200 {
            users.add(119 * MINUTE + n, true, 0.8, &rules);
        }
        assert!(factor(&users, &users, &own, 120 * MINUTE, &rules).mean > 1.0);
    }
}
