//! The ordered choice of carriers, with its reason, and the breaker of each. Pure:
//! randomness, health, prices and instants come in, nothing is read or kept.

mod breaker;

pub use breaker::{BreakerRules, Open, Sign, Standing, Turn, sign, standing};

use crate::blocks::Health;
use crate::model::{Cause, Channel, Country, Ms};

/// A carrier that may be chosen.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its name in the configuration.
    pub name: String,
    /// Its share of the traffic among equals. 0: only when nothing else is left.
    pub weight: u32,
    /// What it is used for.
    pub channels: Vec<Channel>,
    /// Where it is used; `None` is everywhere.
    pub countries: Option<Vec<Country>>,
    /// What is believed about it.
    pub health: Health,
    /// Whether its breaker is closed.
    pub standing: Standing,
    /// What it asks for this message, in millionths; `None`: the operator did not say.
    pub price: Option<i64>,
}

/// What is to be sent where.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Over which channel.
    pub channel: Channel,
    /// To which country.
    pub country: Country,
    /// What this record already tried, in any delivery.
    pub tried: &'a [(Channel, &'a str)],
}

/// A carrier and why it stands where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The carrier.
    pub carrier: String,
    /// The reason, for the record and the log.
    pub reason: String,
    /// Its breaker is half-open: one message at a time is tried.
    pub on_trial: bool,
}

/// How much of this record's bad luck a carrier already had; less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tried {
    Never,
    OtherChannel,
    ThisChannel,
}

impl Candidate {
    /// Whether it takes this channel in this country at all.
    pub fn permits(&self, channel: Channel, country: Country) -> bool {
        self.channels.contains(&channel) && self.countries.as_ref().is_none_or(|countries| countries.contains(&country))
    }
}

/// Permitted carriers that do not rest, best first. One that this record tried comes
/// after every one that it did not, whatever the weights; among equals the order is
/// drawn by weight, and what has weight 0 follows by price. `draw` gives uniform
/// numbers in (0, 1].
pub fn order(candidates: &[Candidate], ask: Ask<'_>, draw: &mut dyn FnMut() -> f64) -> Vec<Choice> {
    let permitted = candidates.iter().filter(|candidate| candidate.permits(ask.channel, ask.country));
    let ready = permitted.filter(|candidate| !matches!(candidate.standing, Standing::Resting(..)));
    let mut ranked: Vec<_> = ready
        .map(|candidate| {
            let tried = ask.tried.iter().filter(|(_, name)| *name == candidate.name);
            let tried = tried
                .map(|(channel, _)| if *channel == ask.channel { Tried::ThisChannel } else { Tried::OtherChannel })
                .max()
                .unwrap_or(Tried::Never);
            let on_trial = candidate.standing == Standing::HalfOpen;
            // Sorting by -ln(u)/weight is drawing one after the other by weight
            // (Efraimidis and Spirakis 2006). Weight 0 sorts last.
            let key = -draw().ln() / f64::from(candidate.weight);
            let price = candidate.price.unwrap_or(i64::MAX);
            (tried, key, price, on_trial, candidate)
        })
        .collect();
    ranked.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
    let of = ranked.len();
    ranked
        .into_iter()
        .map(|(tried, _, _, on_trial, candidate)| {
            let why = match tried {
                _ if on_trial => "on trial after failures",
                Tried::Never if ask.tried.is_empty() => "drawn by weight",
                Tried::Never => "not tried yet",
                Tried::OtherChannel => "tried on the other channel only",
                Tried::ThisChannel => "all were tried",
            };
            let reason = format!("{why}, weight {}, of {of}", candidate.weight);
            Choice { carrier: candidate.name.clone(), reason, on_trial }
        })
        .collect()
}

/// When the first permitted carrier that rests may be used again, and why it rests.
pub fn rest_ends(candidates: &[Candidate], ask: Ask<'_>) -> Option<(Ms, Cause)> {
    let permitted = candidates.iter().filter(|candidate| candidate.permits(ask.channel, ask.country));
    let resting = permitted.filter_map(|candidate| match candidate.standing {
        Standing::Resting(until, cause) => Some((until, cause)),
        Standing::Ready | Standing::HalfOpen => None,
    });
    resting.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(name: &str, weight: u32) -> Candidate {
        Candidate {
            name: name.into(),
            weight,
            channels: Channel::ALL.to_vec(),
            countries: None,
            health: Health::Healthy,
            standing: Standing::Ready,
            price: None,
        }
    }

    fn names(candidates: &[Candidate], tried: &[(Channel, &str)], u: f64) -> Vec<String> {
        let country = Country::new("JP").unwrap();
        let ask = Ask { channel: Channel::Sms, country, tried };
        order(candidates, ask, &mut || u).into_iter().map(|choice| choice.carrier).collect()
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
        (all[2].price, all[3].price) = (Some(9), Some(7));
        assert_eq!(names(&all, &[], 0.5), ["b", "d", "c"]);
        let ask = Ask { channel: Channel::Voice, country: Country::new("JP").unwrap(), tried: &[] };
        let choices = order(&all, ask, &mut || 0.5);
        assert!(choices[0].on_trial && choices[0].reason.starts_with("on trial"));
        assert_eq!(rest_ends(&all, ask), Some((900, Cause::AuthFailed)));
        all[0].countries = Some(Vec::new());
        assert_eq!(rest_ends(&all, ask), None);
    }

    #[test]
    fn only_permitted_carriers_are_chosen() {
        let mut all = [candidate("a", 1), candidate("b", 1)];
        all[0].countries = Some(vec![Country::new("US").unwrap()]);
        all[1].channels = vec![Channel::Voice];
        assert!(names(&all, &[], 0.5).is_empty());
    }

    #[test]
    fn shares_follow_the_weights() {
        let all = [candidate("a", 300), candidate("b", 100)];
        let (mut state, mut first) = (1u64, 0);
        for _ in 0..4000 {
            let ask = Ask { channel: Channel::Sms, country: Country::new("JP").unwrap(), tried: &[] };
            let mut draw = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                ((state >> 11) + 1) as f64 / (1u64 << 53) as f64
            };
            first += usize::from(order(&all, ask, &mut draw)[0].carrier == "a");
        }
        assert!((2880..3120).contains(&first), "{first}");
    }
}
