//! The order of carriers for a first try, by the expected value of a received code against
//! the price. Suspicion moves traffic before certainty, by a draw with known shares.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::blocks::{ChoiceRules, Label, Lot, Outlook, Rules, State};
use crate::model::Ms;

/// A carrier that may be used for this message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offered {
    /// What to expect of its cell.
    pub outlook: Outlook,
    /// What it asks, in the unit of a received code's value; `None`: nobody said. Unless
    /// all prices are known they are left out, as if all were equal.
    pub price: Option<f64>,
    /// Its share among equals. 0: only when nothing else is equal.
    pub weight: f64,
}

/// A carrier's place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// Which of the offered ones.
    pub index: usize,
    /// Expected value less price, as drawn from what is known.
    pub score: f64,
}

/// Why the first one is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing else was offered.
    Only,
    /// Best expected value.
    BestValue,
    /// Drawn by weight among equals.
    Weight,
    /// The small share that keeps all known.
    Explored,
    /// Suspect, and in the share that stays.
    StaysSuspect,
    /// The first choice is suspect, and this message is in the share that moves.
    MovedFromSuspect,
    /// Another one is suspect and gets a share to compare.
    ComparedWithSuspect,
    /// Suspect and not the first choice: in the share that compares.
    ComparesSuspect,
    /// No carrier is above suspicion.
    AllSuspect,
    /// On its way back, and in its share.
    Ramp,
    /// The first choice is on its way back, and this message is in the other share.
    HeldFromRamp,
    /// Blocked, and a probe is due.
    Probe,
    /// All are blocked.
    AllBlocked,
}

/// A choice, complete enough to be kept with the attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// All that were offered, first one first, with their scores.
    pub order: Vec<Ranked>,
    /// What the message proves.
    pub lot: Lot,
    /// The number in (0, 1] that decided about the lot.
    pub draw: f64,
    /// When the same code goes out through the next one, if it is not typed by then (or
    /// received, if `receipts_count`).
    pub fall_back: Option<Ms>,
    /// Whether a delivered receipt makes the fall-back needless.
    pub receipts_count: bool,
    /// Why.
    pub reason: Reason,
}

impl Choice {
    /// Which of the offered ones comes first.
    pub fn index(&self) -> Option<usize> {
        self.order.first().map(|ranked| ranked.index)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Only => "the only one",
            Reason::BestValue => "best expected value",
            Reason::Weight => "drawn by weight among equals",
            Reason::Explored => "the share that keeps all known",
            Reason::StaysSuspect => "suspect, in the share that stays",
            Reason::MovedFromSuspect => "moved from a suspect one",
            Reason::ComparedWithSuspect => "best expected value while another is suspect",
            Reason::ComparesSuspect => "suspect, in the share that compares",
            Reason::AllSuspect => "drawn while all are suspect",
            Reason::Ramp => "on its way back, in its share",
            Reason::HeldFromRamp => "in the share that a returning one does not get yet",
            Reason::Probe => "probe of a blocked one",
            Reason::AllBlocked => "drawn while all are blocked",
        })
    }
}

/// The offered carriers in order, for a first try. `value` is what a received code is worth,
/// in the unit of the prices; `draw` gives uniform numbers in (0, 1]. A blocked one is never
/// first while another is not, except for a probe, whose person the fall-back serves.
pub fn choose(offered: &[Offered], value: f64, rules: &Rules, draw: &mut dyn FnMut() -> f64) -> Choice {
    let rules = &rules.choice;
    let mut order = rank(offered, value, rules, draw);
    let by_weight = settle_equals(offered, &mut order, rules, draw);
    // Best first among each: above suspicion, suspect, blocked.
    let standing = |index: usize| match offered[index].outlook.state {
        State::Healthy | State::Ramp => 0,
        State::Suspect => 1,
        State::Blocked => 2,
    };
    let state = |ranked: &Ranked| offered[ranked.index].outlook.state;
    let wish = order.iter().position(|ranked| state(ranked) != State::Blocked);
    let wish = wish.map(|place| order[place].index);
    order.sort_by_key(|ranked| standing(ranked.index));
    let decided = draw();
    let (first, lot, reason) = first(offered, &order, wish, value, rules, decided, draw);
    if let Some(place) = order.iter().position(|ranked| Some(ranked.index) == first) {
        order[..=place].rotate_right(1);
    }
    let reason = if reason == Reason::BestValue && by_weight { Reason::Weight } else { reason };
    let outlook = order.first().map(|ranked| offered[ranked.index].outlook);
    // Nobody is lost to a test, be it only of the small share that keeps all known. Where all
    // carriers of a network are in trouble a second message helps nobody, and would double
    // what pumping costs.
    let tested = |outlook: &Outlook| {
        outlook.label != Some(Label::Network) && (outlook.state != State::Healthy || lot == Lot::Explored)
    };
    let fall_back = outlook.filter(|outlook| order.len() > 1 && tested(outlook));
    Choice {
        lot,
        draw: decided,
        fall_back: fall_back.map(|outlook| outlook.fall_back_after),
        receipts_count: fall_back.is_some_and(|outlook| outlook.receipts_count),
        reason,
        order,
    }
}

/// All, by drawn value less price.
fn rank(offered: &[Offered], value: f64, rules: &ChoiceRules, draw: &mut dyn FnMut() -> f64) -> Vec<Ranked> {
    let priced = offered.iter().all(|one| one.price.is_some());
    let mut order: Vec<Ranked> = offered
        .iter()
        .enumerate()
        .map(|(index, one)| {
            let luck = rules.sampling * one.outlook.sd * normal(draw);
            let price = one.price.filter(|price| priced && price.is_finite()).unwrap_or(0.0);
            Ranked { index, score: value * (one.outlook.mean + luck).clamp(0.0, 1.0) - price }
        })
        .collect();
    order.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
    order
}

/// A standard normal number.
fn normal(draw: &mut dyn FnMut() -> f64) -> f64 {
    let (radius, angle) = (draw().max(f64::MIN_POSITIVE), draw());
    (-2.0 * radius.ln()).max(0.0).sqrt() * (angle * std::f64::consts::TAU).cos()
}

/// Among the best one and those that cost the same and are not credibly worse, draws the
/// order by weight. Says whether there was a choice.
fn settle_equals(
    offered: &[Offered],
    order: &mut [Ranked],
    rules: &ChoiceRules,
    draw: &mut dyn FnMut() -> f64,
) -> bool {
    let usable = |ranked: &Ranked| offered[ranked.index].outlook.state != State::Blocked;
    let Some(best) = order.iter().find(|ranked| usable(ranked)).map(|ranked| offered[ranked.index]) else {
        return false;
    };
    let priced = offered.iter().all(|one| one.price.is_some());
    let equal = |ranked: &Ranked| {
        let one = &offered[ranked.index];
        let apart = (one.outlook.mean - best.outlook.mean).abs();
        let sd = (one.outlook.sd.powi(2) + best.outlook.sd.powi(2)).sqrt();
        usable(ranked) && (!priced || one.price == best.price) && apart <= rules.differ * sd
    };
    let mut equals: Vec<(f64, Ranked)> = Vec::new();
    for ranked in order.iter().filter(|ranked| equal(ranked)) {
        // Sorting by -ln(u)/weight is drawing one after the other by weight (Efraimidis and
        // Spirakis 2006). Weight 0 sorts last.
        equals.push((-draw().max(f64::MIN_POSITIVE).ln() / offered[ranked.index].weight, *ranked));
    }
    if equals.len() < 2 {
        return false;
    }
    let mut rest = order.iter().filter(|ranked| !equal(ranked)).copied().collect::<Vec<_>>().into_iter();
    equals.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut equals = equals.into_iter().map(|(_, ranked)| ranked);
    for place in order.iter_mut() {
        // Equals come first; what is left keeps its order.
        *place = equals.next().or_else(|| rest.next()).unwrap_or(*place);
    }
    true
}

/// Who comes first, and why. `order` has those above suspicion first, `wish` is the best one
/// that is not blocked.
fn first(
    offered: &[Offered],
    order: &[Ranked],
    wish: Option<usize>,
    value: f64,
    rules: &ChoiceRules,
    decided: f64,
    draw: &mut dyn FnMut() -> f64,
) -> (Option<usize>, Lot, Reason) {
    let outlook = |index: usize| &offered[index].outlook;
    let with = |state: State| order.iter().map(|ranked| ranked.index).filter(move |one| outlook(*one).state == state);
    let is_network = |index: usize| outlook(index).label == Some(Label::Network);
    let Some(wish) = wish else {
        return (pick(with(State::Blocked), draw), Lot::Probe, Reason::AllBlocked);
    };
    if let Some(due) = with(State::Blocked).find(|one| outlook(*one).probe_due) {
        return (Some(due), Lot::Probe, Reason::Probe);
    }
    let best_fine = order.first().map(|ranked| ranked.index).filter(|one| outlook(*one).state != State::Suspect);
    let suspects = with(State::Suspect).count();
    if suspects > 0 {
        let Some(best_fine) = best_fine else {
            if suspects == 1 {
                return (Some(wish), Lot::Drawn, Reason::AllSuspect);
            }
            let stays = decided <= if is_network(wish) { rules.network_stays } else { rules.all_suspect_stays };
            let one = if stays { Some(wish) } else { pick(with(State::Suspect).filter(|one| *one != wish), draw) };
            return (one, Lot::Drawn, Reason::AllSuspect);
        };
        if outlook(wish).state == State::Suspect {
            let stays = if is_network(wish) { rules.network_stays } else { rules.suspect_stays };
            return if decided <= stays {
                (Some(wish), Lot::Drawn, Reason::StaysSuspect)
            } else {
                (Some(best_fine), Lot::Drawn, Reason::MovedFromSuspect)
            };
        }
        return if decided <= rules.suspect_other {
            (pick(with(State::Suspect), draw), Lot::Drawn, Reason::ComparesSuspect)
        } else {
            (Some(wish), Lot::Drawn, Reason::ComparedWithSuspect)
        };
    }
    if outlook(wish).state == State::Ramp {
        return match with(State::Healthy).next().filter(|_| decided > rules.ramp) {
            Some(healthy) => (Some(healthy), Lot::Drawn, Reason::HeldFromRamp),
            None => (Some(wish), Lot::Drawn, Reason::Ramp),
        };
    }
    if decided <= rules.explore
        && let Some(other) = explored(order, wish, |one| outlook(one).state != State::Blocked, value, draw)
    {
        return (Some(other), Lot::Explored, Reason::Explored);
    }
    let reason = if offered.len() == 1 { Reason::Only } else { Reason::BestValue };
    (Some(wish), Lot::Usual, reason)
}

/// One of them, each alike.
fn pick(among: impl Iterator<Item = usize>, draw: &mut dyn FnMut() -> f64) -> Option<usize> {
    let among: Vec<usize> = among.collect();
    let place = ((1.0 - draw()) * among.len() as f64) as usize;
    among.get(place.min(among.len().saturating_sub(1))).copied()
}

/// Another one than the wish; the less it loses, the likelier.
fn explored(
    order: &[Ranked],
    wish: usize,
    usable: impl Fn(usize) -> bool,
    value: f64,
    draw: &mut dyn FnMut() -> f64,
) -> Option<usize> {
    let best = order.iter().map(|ranked| ranked.score).fold(f64::NEG_INFINITY, f64::max);
    // Two hundredths of a code's value: a gap below that is no loss.
    let grain = (0.02 * value.abs()).max(1e-9);
    let others = order.iter().filter(|ranked| ranked.index != wish && usable(ranked.index));
    let keyed = others.map(|ranked| {
        let likely = grain / (best - ranked.score + grain).max(1e-12);
        (-draw().max(f64::MIN_POSITIVE).ln() / likely, ranked.index)
    });
    keyed.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, index)| index)
}

#[cfg(test)]
mod tests;
