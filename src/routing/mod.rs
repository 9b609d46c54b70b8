//! The ordered choice of carriers, with its reason, and the breaker of each. Pure:
//! randomness, outlooks, prices and instants come in, nothing is read or kept.
//!
//! ```text
//! permitted, breaker not open ─► not blocked ─► not tried ─► value, weight: choice
//! ```

mod breaker;
mod choice;

pub use breaker::{BreakerRules, Open, Sign, Standing, Turn, sign, standing};
pub use choice::{Choice as Draw, Offered, Ranked, Reason, choose};

use crate::blocks::{Lot, Outlook, Rules, State};
use crate::model::{Cause, Channel, Money, Ms, Sender};

/// A carrier that may take the channel to the country, with one of its senders.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its name in the configuration.
    pub name: String,
    /// Whom the person would see; `None` is the carrier's own choice.
    pub sender: Option<Sender>,
    /// Its share of the traffic among equals. 0: only when nothing else is left.
    pub weight: u32,
    /// What to expect of it on the number's network.
    pub outlook: Outlook,
    /// Whether its breaker is closed.
    pub standing: Standing,
    /// What it asks for this message; `None`: the operator did not say.
    pub price: Option<Money>,
}

/// What is to be sent where.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Over which channel.
    pub channel: Channel,
    /// What this record already tried, in any delivery.
    pub tried: &'a [(Channel, &'a str)],
    /// What a received code is worth; `None`: ten times the dearest price.
    pub value: Option<Money>,
    /// Whatever becomes of it proves nothing about a carrier.
    pub aside: bool,
}

/// A carrier and why it stands where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The carrier.
    pub carrier: String,
    /// Whom the person sees.
    pub sender: Option<Sender>,
    /// The reason, for the record and the log: the candidates, their scores, the draw.
    pub reason: String,
    /// Its breaker is half-open: one message at a time is tried.
    pub on_trial: bool,
    /// What the message proves about the carrier.
    pub lot: Lot,
    /// When another carrier sends the same code as well.
    pub fall_back: Option<FallBack>,
}

/// The same code goes out through another carrier, unless it was typed by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FallBack {
    /// After so long, in milliseconds.
    pub after_ms: Ms,
    /// Not if a receipt said by then that it was delivered.
    pub receipts_count: bool,
}

/// How much of this record's bad luck a carrier already had; less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tried {
    Never,
    OtherChannel,
    ThisChannel,
}

impl Candidate {
    fn tried(&self, ask: &Ask<'_>) -> Tried {
        let tried = ask.tried.iter().filter(|(_, name)| *name == self.name);
        let tried =
            tried.map(|(channel, _)| if *channel == ask.channel { Tried::ThisChannel } else { Tried::OtherChannel });
        tried.max().unwrap_or(Tried::Never)
    }

    fn is_above_suspicion(&self) -> bool {
        matches!(self.outlook.state, State::Healthy | State::Ramp)
    }
}

/// The carriers that do not rest, best first. One that is blocked comes after every
/// one that is not (but for a probe, on a first try), and one that this record tried after
/// those that it did not, whatever they promise. What has weight 0 follows what has more,
/// unless all of that is under suspicion. The rest is [`choose`]'s. `draw` gives uniform
/// numbers in (0, 1].
pub fn order(candidates: &[Candidate], ask: Ask<'_>, rules: &Rules, draw: &mut dyn FnMut() -> f64) -> Vec<Choice> {
    let ready: Vec<&Candidate> =
        candidates.iter().filter(|candidate| !matches!(candidate.standing, Standing::Resting(..))).collect();
    let mut groups: Vec<(Tried, Vec<&Candidate>)> = Vec::new();
    for level in [Tried::Never, Tried::OtherChannel, Tried::ThisChannel] {
        let all: Vec<&Candidate> = ready.iter().copied().filter(|one| one.tried(&ask) == level).collect();
        let trusted = all.iter().any(|one| one.weight > 0 && one.is_above_suspicion());
        let (first, reserve): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| !trusted || one.weight > 0);
        groups.extend([(level, first), (level, reserve)].into_iter().filter(|(_, group)| !group.is_empty()));
    }
    let is_first_try = !ask.tried.iter().any(|(channel, _)| *channel == ask.channel);
    let mut choices: Vec<(bool, Choice)> = Vec::with_capacity(ready.len());
    for (level, group) in &groups {
        let drawn = choose(&offered(group, ask.value), worth(group, ask.value), rules, draw);
        let reason = reason(*level, &ask, group, &drawn);
        for (place, ranked) in drawn.order.iter().enumerate() {
            let candidate = group[ranked.index];
            // What was chosen first proves something; whoever stands in for it does not.
            let is_drawn = is_first_try && choices.is_empty() && place == 0 && !(ask.aside && drawn.lot == Lot::Probe);
            let lot = if is_drawn && !ask.aside { drawn.lot } else { Lot::Aside };
            // Another sender is no other carrier.
            let others = ready.iter().any(|other| other.name != candidate.name);
            let fall_back = drawn.fall_back.filter(|_| is_drawn && others);
            let fall_back = fall_back.map(|after_ms| FallBack { after_ms, receipts_count: drawn.receipts_count });
            let on_trial = candidate.standing == Standing::HalfOpen;
            let blocked = candidate.outlook.state == State::Blocked && lot != Lot::Probe;
            let reason = if on_trial { format!("on trial after failures; {reason}") } else { reason.clone() };
            let (carrier, sender) = (candidate.name.clone(), candidate.sender.clone());
            choices.push((blocked, Choice { carrier, sender, reason, on_trial, lot, fall_back }));
        }
    }
    choices.sort_by_key(|(blocked, _)| *blocked);
    choices.into_iter().map(|(_, choice)| choice).collect()
}

/// Prices count if all are in one currency, that of the value if there is one.
fn offered(group: &[&Candidate], value: Option<Money>) -> Vec<Offered> {
    let currency = value.or_else(|| group.first()?.price).map(|money| money.currency);
    let price = |one: &Candidate| one.price.filter(|price| Some(price.currency) == currency);
    let of = |one: &&Candidate| Offered {
        outlook: one.outlook,
        price: price(one).map(|price| price.micros as f64),
        // The senders of a carrier share its weight.
        weight: f64::from(one.weight) / group.iter().filter(|other| other.name == one.name).count().max(1) as f64,
    };
    group.iter().map(of).collect()
}

fn worth(group: &[&Candidate], value: Option<Money>) -> f64 {
    let dearest = group.iter().filter_map(|one| one.price).map(|price| price.micros).max().unwrap_or(0);
    value.map_or(10 * dearest.max(1), |value| value.micros.max(1)) as f64
}

/// One line: why, then every candidate with what it was expected to bring, as a share of a
/// code's value, then the draw.
fn reason(level: Tried, ask: &Ask<'_>, group: &[&Candidate], drawn: &Draw) -> String {
    let why = match level {
        Tried::Never if ask.tried.is_empty() => drawn.reason.to_string(),
        Tried::Never => format!("not tried yet, {}", drawn.reason),
        Tried::OtherChannel => format!("tried on the other channel only, {}", drawn.reason),
        Tried::ThisChannel => format!("all were tried, {}", drawn.reason),
    };
    let value = worth(group, ask.value);
    let several = |one: &Candidate| group.iter().filter(|other| other.name == one.name).count() > 1;
    let scores = drawn.order.iter().take(8).map(|ranked| {
        let one = group[ranked.index];
        let sender = one.sender.as_ref().filter(|_| several(one)).map(|sender| format!(" {}", sender.id));
        format!("{}{} {:.2}", one.name, sender.unwrap_or_default(), ranked.score / value)
    });
    format!("{why}: {}; draw {:.3}", scores.collect::<Vec<_>>().join(", "), drawn.draw)
}

/// When the first carrier that rests may be used again, and why it rests.
pub fn rest_ends(candidates: &[Candidate]) -> Option<(Ms, Cause)> {
    let resting = candidates.iter().filter_map(|candidate| match candidate.standing {
        Standing::Resting(until, cause) => Some((until, cause)),
        Standing::Ready | Standing::HalfOpen => None,
    });
    resting.min()
}

#[cfg(test)]
mod tests;
