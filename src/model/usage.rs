//! What a number has had lately, and the rule that says when it may have more.
//! The rule is pure: the embedded store applies it inside its atomic step, and
//! the API asks it again, without using anything up, for `retry_after_seconds`.

use serde::{Deserialize, Serialize};

use super::{Channel, DAY, LimitName, LimitSpec, Ms, NumberLimits};

/// One delivery that counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// When it was accepted.
    pub at: Ms,
    /// Over which channel.
    pub channel: Channel,
}

/// What counts for one number: of one tenant, and over all tenants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// This tenant's deliveries of the last 24 hours, oldest first.
    pub sent: Vec<Sent>,
    /// When this tenant's verifications ended in wrong codes, oldest first.
    pub failures: Vec<Ms>,
    /// Deliveries over all tenants, oldest first.
    pub sent_all_tenants: Vec<Ms>,
    /// No start before this instant: the person pressed 9.
    pub paused_until: Ms,
}

/// A limit that refuses, and when it will not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which limit.
    pub limit: LimitName,
    /// The first instant at which it would let this pass.
    pub until: Ms,
}

/// When each channel may be used again; `None` is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// For an SMS.
    pub sms: Option<Refusal>,
    /// For a call.
    pub voice: Option<Refusal>,
}

impl Waits {
    /// The wait for one channel.
    pub fn of(&self, channel: Channel) -> Option<Refusal> {
        match channel {
            Channel::Sms => self.sms,
            Channel::Voice => self.voice,
        }
    }
}

impl Usage {
    /// Whether one more delivery may be made now, and if not, when. `starting`
    /// asks for a new verification rather than a resend in an open one; only
    /// starts wait longer after a bad day. Of several refusals the latest counts,
    /// because the caller must outwait all of them.
    pub fn refusal(&self, limits: &NumberLimits, channel: Channel, starting: bool, now: Ms) -> Option<Refusal> {
        let (name, interval) = match channel {
            Channel::Sms => (LimitName::SmsInterval, limits.sms_interval_ms),
            Channel::Voice => (LimitName::VoiceInterval, limits.voice_interval_ms),
        };
        let last = self.sent.iter().rev().find(|sent| sent.channel == channel);
        let tenant = self.sent.iter().map(|sent| sent.at);
        let candidates = [
            last.map(|sent| Refusal { limit: name, until: sent.at + interval }),
            window_full_until(tenant, limits.deliveries, now)
                .map(|until| Refusal { limit: LimitName::NumberDeliveries, until }),
            window_full_until(self.sent_all_tenants.iter().copied(), limits.deliveries_all_tenants, now)
                .map(|until| Refusal { limit: LimitName::NumberAllTenants, until }),
            starting.then_some(Refusal { limit: LimitName::NumberPaused, until: self.paused_until }),
            starting.then(|| self.day_refusal(limits, now)).flatten(),
        ];
        candidates.into_iter().flatten().filter(|refusal| refusal.until > now).max_by_key(|refusal| refusal.until)
    }

    /// The waits for a resend over each channel.
    pub fn waits(&self, limits: &NumberLimits, now: Ms) -> Waits {
        Waits {
            sms: self.refusal(limits, Channel::Sms, false, now),
            voice: self.refusal(limits, Channel::Voice, false, now),
        }
    }

    /// The growing wait: after the last delivery or failure of a day that had
    /// too many of them.
    fn day_refusal(&self, limits: &NumberLimits, now: Ms) -> Option<Refusal> {
        let recent = |at: &Ms| *at + DAY > now;
        let deliveries = self.sent.iter().map(|sent| sent.at).filter(recent).count() as u32;
        let failures = self.failures.iter().copied().filter(recent).count() as u32;
        let level = [(deliveries, limits.day_deliveries), (failures, limits.day_failures)]
            .into_iter()
            .filter_map(|(count, free)| count.checked_sub(free))
            .max()?;
        let wait = *limits.day_waits_ms.get(level as usize).or(limits.day_waits_ms.last())?;
        let last = self.sent.iter().map(|sent| sent.at).chain(self.failures.iter().copied()).max()?;
        Some(Refusal { limit: LimitName::NumberDay, until: last + wait })
    }

    /// Forgets what no limit looks at any more.
    pub fn prune(&mut self, limits: &NumberLimits, now: Ms) {
        self.sent.retain(|sent| sent.at + DAY.max(limits.deliveries.per_ms) > now);
        self.failures.retain(|at| *at + DAY > now);
        // Another tenant may look further back than this one's span.
        self.sent_all_tenants.retain(|at| *at + DAY.max(limits.deliveries_all_tenants.per_ms) > now);
    }
}

impl NumberLimits {
    /// How many verifications a stranger could start at one number in 24 hours,
    /// if each ended in wrong codes: an attacker who starts whenever these limits
    /// allow it, played through.
    pub fn starts_a_day(&self) -> u32 {
        let (mut usage, mut now, mut starts) = (Usage::default(), DAY, 0);
        while now < 2 * DAY {
            match usage.refusal(self, Channel::Sms, true, now) {
                Some(refusal) => now = refusal.until,
                None => {
                    starts += 1;
                    usage.sent.push(Sent { at: now, channel: Channel::Sms });
                    usage.failures.push(now);
                    // Without any pause the count would never end.
                    now += 1_000;
                }
            }
        }
        starts
    }
}

/// When a sliding window that is full has room again.
fn window_full_until(times: impl DoubleEndedIterator<Item = Ms>, spec: LimitSpec, now: Ms) -> Option<Ms> {
    let oldest_that_counts = times.rev().nth(spec.count as usize - 1)?;
    let until = oldest_that_counts + spec.per_ms;
    (until > now).then_some(until)
}

#[cfg(test)]
mod tests {
    use super::super::{HOUR, MINUTE, SECOND};
    use super::*;

    fn limits() -> NumberLimits {
        NumberLimits {
            sms_interval_ms: 30 * SECOND,
            voice_interval_ms: MINUTE,
            deliveries: "5/10m".parse().unwrap(),
            deliveries_all_tenants: "10/10m".parse().unwrap(),
            open_verifications: 3,
            day_deliveries: 10,
            day_failures: 4,
            day_waits_ms: [5, 10, 20, 40, 60].map(|m| m * MINUTE).to_vec(),
        }
    }

    fn sent(at: Ms, channel: Channel) -> Sent {
        Sent { at, channel }
    }

    #[test]
    fn voice_follows_an_sms_at_once_but_not_a_call() {
        let mut usage = Usage { sent: vec![sent(1000, Channel::Sms)], ..Usage::default() };
        assert_eq!(usage.refusal(&limits(), Channel::Voice, false, 1001), None);
        let refused = usage.refusal(&limits(), Channel::Sms, false, 1001).unwrap();
        assert_eq!((refused.limit, refused.until), (LimitName::SmsInterval, 31_000));
        usage.sent.push(sent(2000, Channel::Voice));
        let refused = usage.refusal(&limits(), Channel::Voice, false, 2001).unwrap();
        assert_eq!((refused.limit, refused.until), (LimitName::VoiceInterval, 62_000));
        assert_eq!(usage.refusal(&limits(), Channel::Sms, false, 31_000), None);
    }

    #[test]
    fn the_sixth_delivery_waits_for_the_first_to_leave_the_window() {
        let usage = Usage { sent: (0..5).map(|i| sent(i * MINUTE, Channel::Sms)).collect(), ..Usage::default() };
        let refused = usage.refusal(&limits(), Channel::Voice, false, 5 * MINUTE).unwrap();
        assert_eq!((refused.limit, refused.until), (LimitName::NumberDeliveries, 10 * MINUTE));
        assert_eq!(usage.refusal(&limits(), Channel::Voice, false, 10 * MINUTE), None);
    }

    #[test]
    fn guesses_a_day_stay_at_what_the_design_promises() {
        let starts = limits().starts_a_day();
        assert!((29..=31).contains(&starts), "{starts} starts are {} guesses", starts * 5);
    }

    #[test]
    fn a_resend_never_waits_for_a_bad_day() {
        let usage = Usage { failures: vec![HOUR; 9], ..Usage::default() };
        assert_eq!(usage.refusal(&limits(), Channel::Sms, false, HOUR + 1), None);
        assert_eq!(usage.refusal(&limits(), Channel::Sms, true, HOUR + 1).unwrap().until, 2 * HOUR);
    }
}
