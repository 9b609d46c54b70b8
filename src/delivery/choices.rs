//! Who is asked to take a message, and in which order: what `routing` says of the carriers
//! that have not failed this delivery for good and, for a cover, do not have it already.
//! Who just failed its person comes last.

use super::Deliveries;
use super::carriers::draws;
use super::job::{Job, Stop};
use crate::blocks::{CellKey, Lot, State};
use crate::model::{AttemptState, Cause, E164, MINUTE, Ms, SECOND, Sender, Status};
use crate::routing::{self, Ask, Choice};
use crate::store::{Attempt, Delivery, Record};

/// Over all gateways a blocked cell gets one probe in so long: until everybody has heard
/// of it.
const PROBE_MS: Ms = 3 * SECOND;

/// Who starts again this soon after a verification in vain gets another carrier.
const JUST_BEFORE_MS: Ms = 10 * MINUTE;

/// The carriers of one delivery.
pub(super) struct Choices {
    /// Those to be asked, in order.
    pub order: Vec<Choice>,
    /// Not all are blocked.
    pub others_work: bool,
    /// When the first one that rests may be used again, and why it rests.
    pub rest_ends: Option<(Ms, Cause)>,
}

impl Deliveries {
    pub(super) async fn choices(&self, job: &Job, delivery: &Delivery, to: &E164) -> Result<Choices, Stop> {
        let (record, channel, now) = (&job.record, delivery.channel, self.parts.clock.now());
        let before = self.in_vain(job).await?;
        let just_before = before.iter().filter(|before| {
            let is_young = now.saturating_sub(before.created) < JUST_BEFORE_MS;
            before.status != Status::Approved && before.tenant == record.tenant && is_young
        });
        let tried: Vec<_> = record.tried().chain(just_before.flat_map(Record::tried)).collect();
        let aside = before.is_some() || job.accepted.is_none();
        let ask = Ask { channel, tried: &tried, value: self.parts.routing.value, aside };
        let cell = |carrier: &str, sender: Option<&Sender>| {
            self.cell(record, to, channel, carrier, sender.map(|sender| sender.id.as_str()))
        };
        let outlook = |carrier: &str, sender: Option<&Sender>| self.outlook(&cell(carrier, sender));
        let mut candidates = self.parts.carriers.candidates(channel, record.to.country, now, outlook);
        // Who failed here for good is not asked again, whoever else is busy; and what is
        // sent because another's message may not arrive is sent by somebody else.
        let covers = job.is_covering();
        candidates.retain(|candidate| {
            let rules_out = |attempt: &Attempt| {
                let has_it = attempt.carrier == candidate.name && attempt.state != AttemptState::Failed;
                attempt.is_lost_on(&candidate.name) || covers && has_it
            };
            !delivery.attempts.iter().any(rules_out)
        });
        let others_work = candidates.iter().any(|candidate| candidate.outlook.state != State::Blocked);
        let mut order = routing::order(&candidates, ask, &self.rules, &mut draws());
        if let Some(first) = order.first().filter(|first| first.lot == Lot::Probe && others_work)
            && !self.may_probe(&cell(&first.carrier, first.sender.as_ref())).await
        {
            // Another message is the probe; this one is a first try like others.
            candidates.iter_mut().for_each(|candidate| candidate.outlook.probe_due = false);
            order = routing::order(&candidates, ask, &self.rules, &mut draws());
        }
        Ok(Choices { order, others_work, rest_ends: routing::rest_ends(&candidates) })
    }

    /// The number's verification before this one, if its first message did not do. One person
    /// to whom nothing comes says the same each time: the first of a day counts.
    async fn in_vain(&self, job: &Job) -> Result<Option<Record>, Stop> {
        let before = job.accepted.iter().flat_map(|accepted| &accepted.before).find(|id| **id != job.record.id);
        let Some(before) = before else { return Ok(None) };
        let before = self.parts.store.numbers.read(*before).await?;
        Ok(before.filter(|before| before.status != Status::Approved || before.tried().count() > 1))
    }

    /// Whether this gateway is the one that sends a probe now.
    async fn may_probe(&self, cell: &CellKey) -> bool {
        let CellKey { carrier, sender, network, channel } = cell;
        let what = format!("probe/{carrier}/{sender}/{network}/{channel}");
        self.parts.store.fleet.only_one(&what, PROBE_MS).await.unwrap_or(false)
    }
}
