//! Which channels may be used now, and why one may not.

use serde::Serialize;

use super::{Admission, Denied, Memory};
use crate::model::{Channel, Country, Ms, NumberKind, NumberLimits, SECOND, Status, TenantId};
use crate::store::{Destination, OptOut, View};

/// The channel that a caller asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Whichever suits the number.
    #[default]
    Auto,
    /// This one. A first SMS to a landline still goes as a call.
    First(Channel),
    /// This one and no other: the person chose it.
    Exactly(Channel),
}

/// Why a channel is not available. The list is part of the outside interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A limit; `retry_after_seconds` says when it ends.
    Limit,
    /// Not in this country.
    Country,
    /// Not to this kind of number.
    NumberType,
    /// This number lets nothing through: its owner answered STOP, it is a landline, or its
    /// network filtered what was sent there; `retry_after_seconds` says how long that is
    /// believed. A landline or filter is advice: who asks for the channel by name gets it.
    BlockedNetwork,
    /// No carrier may take it.
    NoRoute,
}

/// Whether a channel may be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ChannelState {
    /// It may be used now.
    pub available: bool,
    /// When it may be used again, in seconds; 0 is now, null is never.
    pub retry_after_seconds: Option<u64>,
    /// Why not; null if available, or if the verification has ended.
    pub reason: Option<Why>,
}

/// Both channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Channels {
    /// A text.
    pub sms: ChannelState,
    /// A call.
    pub voice: ChannelState,
}

/// What is closed for a number, beside what its kind and country say.
#[derive(Debug, Clone, Default)]
pub struct Closed {
    /// Channels over which the person wants nothing of the tenant.
    pub out: Vec<Channel>,
    /// What is remembered.
    pub memory: Memory,
}

impl Closed {
    /// For a tenant, from what a number refuses and what is remembered of it.
    pub(super) fn of(out: Vec<OptOut>, tenant: &TenantId, memory: Memory) -> Closed {
        let out = out.into_iter().filter(|out| out.tenant == *tenant);
        Closed { out: out.map(|out| out.channel).collect(), memory }
    }
}

const NEVER: ChannelState = ChannelState { available: false, retry_after_seconds: None, reason: None };

impl ChannelState {
    fn not(reason: Why) -> Self {
        ChannelState { reason: Some(reason), ..NEVER }
    }

    fn from(wait: Option<Ms>) -> Self {
        match wait {
            None => ChannelState { available: true, retry_after_seconds: Some(0), reason: None },
            Some(ms) => ChannelState {
                available: false,
                retry_after_seconds: Some(ms.div_ceil(SECOND)),
                reason: Some(Why::Limit),
            },
        }
    }
}

impl Admission {
    /// The channel for a number, or why there is none.
    pub fn choose(&self, country: Country, kind: NumberKind, wanted: Wanted) -> Result<Channel, Denied> {
        let channel = match wanted {
            Wanted::Exactly(channel) => channel,
            Wanted::Auto | Wanted::First(Channel::Sms) if !kind.takes_sms() => Channel::Voice,
            Wanted::Auto => Channel::Sms,
            Wanted::First(channel) => channel,
        };
        self.permits(country, kind, channel).map(|()| channel)
    }

    pub(super) fn permits(&self, country: Country, kind: NumberKind, channel: Channel) -> Result<(), Denied> {
        if kind.is_refused() || (channel == Channel::Sms && !kind.takes_sms()) {
            return Err(Denied::NumberType(kind, channel));
        }
        if !self.countries.permits(channel, country) {
            return Err(Denied::Country(country, channel));
        }
        if !self.deliveries.has_route(channel, country) {
            return Err(Denied::NoRoute(country, channel));
        }
        Ok(())
    }

    /// The channels of a tenant's number that are closed. None, if the store is away: a
    /// send asks again.
    pub async fn closed(&self, to: &Destination, tenant: &TenantId) -> Closed {
        let (out, memory) = tokio::join!(self.consents.opted_out(to.partition, to.hash), self.memory_of(tenant, to));
        Closed::of(out.unwrap_or_default(), tenant, memory)
    }

    /// Which channels a record may be sent over at the view's instant.
    pub fn channels(&self, view: &View, limits: &NumberLimits, closed: &Closed) -> Channels {
        let ended = view.record.status_at(view.now) != Status::Pending;
        let waits = view.usage.waits(limits, view.now);
        let open = |channel| {
            let wait = waits.of(channel).map(|refusal| refusal.until - view.now);
            self.state(view.record.to.country, view.record.to.kind, channel, wait)
        };
        let state = |channel, other| {
            if ended {
                return NEVER;
            }
            if closed.out.contains(&channel) {
                return ChannelState::not(Why::BlockedNetwork);
            }
            match closed.memory.blocked_until(channel).and_then(|until| until.checked_sub(view.now)) {
                // Where nothing else is left, it is tried all the same.
                Some(ms) if open(other).reason.is_none_or(|why| why == Why::Limit) => {
                    let retry_after_seconds = Some(ms.div_ceil(SECOND));
                    ChannelState { retry_after_seconds, ..ChannelState::not(Why::BlockedNetwork) }
                }
                _ => open(channel),
            }
        };
        Channels { sms: state(Channel::Sms, Channel::Voice), voice: state(Channel::Voice, Channel::Sms) }
    }

    /// Which channels a number may be reached over at all.
    pub fn reachable(&self, country: Country, kind: NumberKind) -> Channels {
        let state = |channel| self.state(country, kind, channel, None);
        Channels { sms: state(Channel::Sms), voice: state(Channel::Voice) }
    }

    fn state(&self, country: Country, kind: NumberKind, channel: Channel, wait: Option<Ms>) -> ChannelState {
        match self.permits(country, kind, channel) {
            Ok(()) => ChannelState::from(wait),
            Err(Denied::Country(..)) => ChannelState::not(Why::Country),
            Err(Denied::NumberType(..)) => ChannelState::not(Why::NumberType),
            Err(Denied::NoRoute(..) | Denied::OptedOut(_) | Denied::Limit(_) | Denied::Store(_)) => {
                ChannelState::not(Why::NoRoute)
            }
        }
    }
}
