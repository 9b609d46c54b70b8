//! `oracle`: knows how the world is at every instant. Nobody can do better on average.

use rand_pcg::Pcg64Mcg;

use super::{Offer, Offered, Pick, Policy};
use crate::model::Ms;

/// Takes the largest value of a code in time less the price, with the true probabilities.
pub struct Oracle {
    /// What a code that arrives is worth, in the unit of prices.
    pub value: f64,
}

impl Oracle {
    fn best(&self, now: Ms, offer: &Offer<'_>, may: impl Fn(&Offered) -> bool) -> Option<usize> {
        let gain = |i: &usize| {
            let route = &offer.routes[*i];
            self.value * offer.truth.in_time(route.cell, now) - route.price
        };
        // The first of equals.
        let better = |one: usize, other: usize| if gain(&other) > gain(&one) { other } else { one };
        (0..offer.routes.len()).filter(|i| may(&offer.routes[*i])).reduce(better)
    }
}

impl Policy for Oracle {
    fn choose(&mut self, now: Ms, offer: &Offer<'_>, _rng: &mut Pcg64Mcg) -> Pick {
        Pick::usual(self.best(now, offer, |_| true).unwrap_or(0))
    }

    fn choose_again(&mut self, now: Ms, offer: &Offer<'_>, tried: &[u8], _rng: &mut Pcg64Mcg) -> usize {
        let untried = self.best(now, offer, |route| !tried.contains(&(route.carrier as u8)));
        untried.or_else(|| self.best(now, offer, |_| true)).unwrap_or(0)
    }
}
