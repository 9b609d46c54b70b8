//! What counts, and whether one more fits: by counting the log, never by
//! keeping a count.

use super::{Counted, Model, Moment, What};
use crate::model::{Channel, DAY, LimitName, LimitSpec, Ms, NumberHash, NumberLimits, Refusal, Sent, TenantId, Usage};
use crate::store::conformance::operation::Answer;
use crate::store::{Started, Take, Taken, Taking};

/// The first instant from `now` on at which fewer than the limit's count lie
/// in the span before it.
fn room(times: &[Ms], spec: LimitSpec, now: Ms) -> Ms {
    let fits = |t: &Ms| times.iter().filter(|at| **at + spec.per_ms > *t).count() < spec.count as usize;
    let turns = times.iter().map(|at| at + spec.per_ms).filter(|turn| *turn > now);
    turns.chain([now]).filter(fits).min().expect("after the last turn the span is empty")
}

/// The refusal that an answer tells.
fn told(answer: &Answer) -> Option<Refusal> {
    match answer {
        Answer::Started(Started::Refused(refusal, _) | Started::JoinedWaiting(_, refusal)) => Some(*refusal),
        Answer::Resent(crate::store::Resent::Refused(_, refusal)) => Some(*refusal),
        _ => None,
    }
}

impl Model {
    fn events(&self, number: NumberHash) -> impl Iterator<Item = (&TenantId, Ms, What)> {
        self.log.iter().filter(move |e| e.number == number).map(|e| (&e.tenant, e.at, e.what))
    }

    /// What a number has had, seen by a tenant.
    pub fn usage(&self, tenant: &TenantId, number: NumberHash, now: Ms) -> Usage {
        let mut usage = Usage::default();
        for (whose, at, what) in self.events(number) {
            match what {
                What::Sent(channel) => {
                    usage.sent_all_tenants.push(at);
                    if whose == tenant {
                        usage.sent.push(Sent { at, channel });
                    }
                }
                What::Failed if whose == tenant => usage.failures.push(at),
                What::Paused(until) if whose == tenant && until > now => {
                    usage.paused_until = usage.paused_until.max(until);
                }
                What::Failed | What::Paused(_) => {}
            }
        }
        usage.sent_all_tenants.sort();
        usage
    }

    /// Why one more delivery must wait. Where two limits end together, either
    /// may be told.
    pub fn refusal(
        &self,
        (tenant, number): (&TenantId, NumberHash),
        limits: &NumberLimits,
        (channel, starting): (Channel, bool),
        (now, seen): (Ms, &Answer),
    ) -> Option<Refusal> {
        let usage = self.usage(tenant, number, now);
        let sent: Vec<Ms> = usage.sent.iter().map(|sent| sent.at).collect();
        let same_channel = usage.sent.iter().filter(|sent| sent.channel == channel).map(|sent| sent.at).max();
        let (interval, interval_ms) = match channel {
            Channel::Sms => (LimitName::SmsInterval, limits.sms_interval_ms),
            Channel::Voice => (LimitName::VoiceInterval, limits.voice_interval_ms),
        };
        let mut waits = vec![
            (interval, same_channel.map_or(0, |at| at + interval_ms)),
            (LimitName::NumberDeliveries, room(&sent, limits.deliveries, now)),
            (LimitName::NumberAllTenants, room(&usage.sent_all_tenants, limits.deliveries_all_tenants, now)),
        ];
        if starting {
            waits.push((LimitName::NumberPaused, usage.paused_until));
            waits.push((LimitName::NumberDay, day(&sent, &usage.failures, limits, now)));
        }
        let until = waits.iter().map(|(_, until)| *until).filter(|until| *until > now).max()?;
        let ends = |refusal: &Refusal| waits.contains(&(refusal.limit, refusal.until)) && refusal.until == until;
        let limit = waits.iter().find(|wait| wait.1 == until).map(|wait| wait.0)?;
        told(seen).filter(ends).or(Some(Refusal { limit, until }))
    }

    /// Whether the answer to these takes can be true. What no store need do
    /// exactly is only held within its bounds: never above the count in any
    /// span, never refused for longer than the span and a twelfth.
    pub fn take(&mut self, takes: &[Take], seen: &Answer, at: Moment) -> Result<(), String> {
        let Answer::Taking(taking) = seen else { return Err("an answer to takes".into()) };
        match taking {
            Taking::Taken(taken) => {
                if taken.iter().map(|taken| taken.take).ne(takes.iter().copied()) {
                    return Err("one from each, in their order".into());
                }
                for Taken { take, slice } in taken {
                    let in_span = self.of(take).filter(|c| at.last.saturating_sub(c.first) < take.spec.per_ms);
                    if in_span.count() >= take.spec.count as usize {
                        return Err(format!("{:?} is full: {:?}", take.limit, self.of(take).collect::<Vec<_>>()));
                    }
                    let counted = Counted {
                        key: take.key,
                        per_ms: take.spec.per_ms,
                        slice: *slice,
                        first: at.first,
                        last: at.last,
                    };
                    let order = |c: &Counted| (c.key, c.per_ms, c.first, c.last, c.slice);
                    let place = self.counted.partition_point(|other| order(other) < order(&counted));
                    self.counted.insert(place, counted);
                }
                Ok(())
            }
            Taking::Refused(refusal) => {
                let full = takes.iter().filter(|take| take.limit == refusal.limit);
                if full.into_iter().any(|take| self.is_full(take, refusal.until, at)) {
                    Ok(())
                } else {
                    Err(format!("taken, or full until another instant: {:?}", self.counted))
                }
            }
        }
    }

    /// Whether a limit may be full now, and until that instant.
    fn is_full(&self, take: &Take, until: Ms, at: Moment) -> bool {
        let (per, slack) = (take.spec.per_ms, take.spec.per_ms / 12);
        // The one that must leave before another fits, counted from the newest.
        let nth = take.spec.count as usize - 1;
        let mut first: Vec<Ms> = self.of(take).map(|counted| counted.first).collect();
        let mut last: Vec<Ms> = self.of(take).map(|counted| counted.last).collect();
        first.sort_by(|a, b| b.cmp(a));
        last.sort_by(|a, b| b.cmp(a));
        let (Some(first), Some(last)) = (first.get(nth), last.get(nth)) else { return false };
        until > at.first && first + per <= until && until <= last + per + slack
    }

    fn of(&self, take: &Take) -> impl Iterator<Item = &Counted> {
        let (key, per_ms) = (take.key, take.spec.per_ms);
        self.counted.iter().filter(move |counted| counted.key == key && counted.per_ms == per_ms)
    }

    pub fn give_back(&mut self, taken: &[Taken]) -> Answer {
        for Taken { take, slice } in taken {
            let is = |c: &Counted| c.key == take.key && c.per_ms == take.spec.per_ms && c.slice == *slice;
            if let Some(place) = self.counted.iter().position(is) {
                self.counted.remove(place);
            }
        }
        Answer::GivenBack
    }
}

/// Until when a bad day holds back starts.
fn day(sent: &[Ms], failures: &[Ms], limits: &NumberLimits, now: Ms) -> Ms {
    let today = |times: &[Ms]| times.iter().filter(|at| **at + DAY > now).count();
    let over = |count: usize, free: u32| count.checked_sub(free as usize);
    let worst = over(today(sent), limits.day_deliveries).max(over(today(failures), limits.day_failures));
    let (Some(level), Some(longest)) = (worst, limits.day_waits_ms.last()) else { return 0 };
    let last = sent.iter().chain(failures).max().copied().unwrap_or(0);
    last + limits.day_waits_ms.get(level).unwrap_or(longest)
}
