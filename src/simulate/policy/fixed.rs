//! `fixed`: always the cheapest carrier.

use rand_pcg::Pcg64Mcg;

use super::{Offer, Pick, Policy, any_sender, carriers};
use crate::model::Ms;

/// The cheapest, whatever happens; its senders in turn.
pub struct Fixed;

impl Policy for Fixed {
    fn choose(&mut self, _now: Ms, offer: &Offer<'_>, rng: &mut Pcg64Mcg) -> Pick {
        let cheapest = carriers(offer).min_by(|one, other| one.price.total_cmp(&other.price));
        Pick::usual(any_sender(offer, cheapest.map_or(0, |route| route.carrier), rng))
    }
}
