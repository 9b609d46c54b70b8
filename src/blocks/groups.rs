//! What cells have in common: their country, carrier, and all of a channel. A group's
//! sums are exactly the sums of its cells, so that a cell's own share can be left out.

use serde::{Deserialize, Serialize};

use super::rules::ScoreRules;
use super::users::Users;
use crate::model::{Channel, Ms};

/// So many of so many; both decayed weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// How many had it.
    pub got: f32,
    /// Of how many.
    pub of: f32,
}

impl Share {
    /// One more.
    pub fn add(&mut self, got: bool, weight: f64) {
        self.got += if got { weight as f32 } else { 0.0 };
        self.of += weight as f32;
    }

    /// Both weights times `factor`.
    pub fn scale(&mut self, factor: f64) {
        self.got = (f64::from(self.got) * factor) as f32;
        self.of = (f64::from(self.of) * factor) as f32;
    }

    /// One more, where at most `most` are remembered.
    pub fn add_bounded(&mut self, got: bool, most: f64) {
        self.add(got, 1.0);
        if f64::from(self.of) > most {
            self.scale(most / f64::from(self.of));
        }
    }

    /// One look at something that comes with probability `likely`; at most `most` expected
    /// ones are remembered.
    pub fn add_expected(&mut self, got: bool, likely: f64, most: f64) {
        self.got += f32::from(u8::from(got));
        self.of += likely as f32;
        if f64::from(self.of) > most {
            self.scale(most / f64::from(self.of));
        }
    }

    /// The share, leaning on `mean` with `weight`.
    pub fn leaning(&self, mean: f64, weight: f64) -> f64 {
        (f64::from(self.got) + mean * weight) / (f64::from(self.of) + weight).max(1e-9)
    }
}

/// A sum of cells' shares, precise enough to subtract from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Sum {
    /// How many had it.
    pub got: f64,
    /// Of how many.
    pub of: f64,
}

impl Sum {
    /// A cell's share was `before` and is `after` now.
    pub fn replace(&mut self, before: Share, after: Share) {
        self.got = (self.got + f64::from(after.got) - f64::from(before.got)).max(0.0);
        self.of = (self.of + f64::from(after.of) - f64::from(before.of)).max(0.0);
    }

    /// Without one cell.
    pub fn without(&self, own: Share) -> Sum {
        Sum { got: (self.got - f64::from(own.got)).max(0.0), of: (self.of - f64::from(own.of)).max(0.0) }
    }

    /// The share, leaning on `mean` with `weight`.
    pub fn leaning(&self, mean: f64, weight: f64) -> f64 {
        (self.got + mean * weight) / (self.of + weight).max(1e-9)
    }
}

/// What a group is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All cells of a channel.
    All(Channel),
    /// All of a country.
    Country(Channel, String),
    /// All of a carrier.
    Carrier(Channel, String),
    /// All of a carrier in a country.
    Branch(Channel, String, String),
}

/// A group of cells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// What it is of.
    pub scope: Scope,
    /// How many cells it has; without any it is forgotten.
    pub cells: u32,
    /// Of a branch: the groups above it (all, country, carrier).
    pub above: [u32; 3],
    /// Codes typed.
    pub typed: Sum,
    /// Messages received.
    pub received: Sum,
    /// How much its people type now.
    pub users: Users,
    /// Untyped messages after which the person clicked.
    pub clicked: Share,
    /// Untyped messages without a click after which something else worked.
    pub rescued: Share,
    /// The same of all untyped messages.
    pub saved: Share,
    /// Blocked cells.
    pub blocked: u32,
    /// When the last one became so.
    pub blocked_at: Ms,
    /// Suspect cells whose contrast points at them; counted per carrier.
    pub credible: u32,
}

impl Group {
    /// An empty one.
    pub fn new(scope: Scope, above: [u32; 3]) -> Group {
        Group {
            scope,
            cells: 0,
            above,
            typed: Sum::default(),
            received: Sum::default(),
            users: Users::default(),
            clicked: Share::default(),
            rescued: Share::default(),
            saved: Share::default(),
            blocked: 0,
            blocked_at: 0,
            credible: 0,
        }
    }
}

/// What a sign (click, rescue) after an untyped message says, in nats, and its absence when
/// a share `due` of such signs would have come.
pub fn sign_says(usual: Share, start: f64, most: f64, due: f64, rules: &ScoreRules) -> (f64, f64) {
    let usual = usual.leaning(start, rules.click_messages).clamp(0.005, 0.9);
    let in_block = (rules.click_times * usual + 0.02).min(rules.click_share_max).max(usual);
    let ln = super::maths::ln;
    (ln(in_block / usual).min(most), ln((1.0 - in_block * due) / (1.0 - usual * due)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cells_own_share_can_be_left_out() {
        let (mut sum, mut one, mut other) = (Sum::default(), Share::default(), Share::default());
        for n in 0..1000 {
            for (cell, every) in [(&mut one, 2), (&mut other, 5)] {
                let before = *cell;
                cell.add_bounded(n % every == 0, 100.0);
                sum.replace(before, *cell);
            }
        }
        let rest = sum.without(one);
        assert!((rest.got / rest.of - 0.2).abs() < 0.02, "{rest:?}");
        assert!((rest.of - 100.0).abs() < 1e-3);
    }

    #[test]
    fn only_the_last_expected_codes_are_remembered() {
        let mut share = Share::default();
        (0..100).for_each(|_| share.add_expected(false, 0.8, 25.0));
        assert_eq!((share.got, share.of), (0.0, 25.0));
        (0..100).for_each(|_| share.add_expected(true, 1.0, 25.0));
        assert!(share.got > 24.0 && share.of <= 25.0, "{share:?}");
    }

    #[test]
    fn a_click_says_more_where_few_click() {
        let rules = ScoreRules::default();
        let rare = sign_says(Share { got: 1.0, of: 100.0 }, 0.15, 1.0, 1.0, &rules);
        let common = sign_says(Share { got: 50.0, of: 100.0 }, 0.15, 1.0, 1.0, &rules);
        assert!(rare.0 > common.0 && rare.1 < 0.0 && common.0 > 0.0);
        assert_eq!(sign_says(Share { got: 90.0, of: 90.0 }, 0.15, 1.0, 1.0, &rules), (0.0, 0.0));
    }
}
