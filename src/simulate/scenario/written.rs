//! A scenario as it stands in its file. Only shapes and defaults; what the parts mean
//! together is checked in `plan`.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::units::{Amount, Baseline, Bound, Hour, Rate, Share, Span, Spread};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One sentence for reports.
    #[serde(default)]
    pub about: String,
    /// Two letters.
    pub country: Option<Spanned<String>>,
    /// Time of day at the start.
    #[serde(default = "morning")]
    pub starts_at: Hour,
    /// How long people come.
    pub length: Spanned<Span>,
    /// How much of that is not counted.
    #[serde(default)]
    pub warm_up: Option<Spanned<Span>>,
    /// What a code that arrives is worth, in the unit of prices.
    #[serde(default = "value")]
    pub value: Amount,
    /// What people do.
    #[serde(default)]
    pub people: People,
    /// What is different at night.
    pub night: Option<Night>,
    /// By name.
    pub carriers: BTreeMap<String, Spanned<Carrier>>,
    /// By name.
    pub networks: BTreeMap<String, Spanned<Network>>,
    /// In any order.
    #[serde(default, rename = "event")]
    pub events: Vec<Spanned<Event>>,
    /// Our own policy with other settings, by name.
    #[serde(default)]
    pub policy: BTreeMap<String, Spanned<Settings>>,
    /// What must hold.
    #[serde(default)]
    pub expect: Expect,
}

fn morning() -> Hour {
    Hour(8 * super::units::HOUR)
}

fn value() -> Amount {
    Amount(10.0)
}

/// What people do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct People {
    /// Part of arrived codes that is typed.
    pub typed: Share,
    /// Median from arrival to typed.
    pub typing: Span,
    /// Standard deviation of its logarithm.
    pub typing_spread: Spread,
    /// Median after which someone to whom nothing has come does something.
    pub patience: Span,
    /// Standard deviation of its logarithm.
    pub patience_spread: Spread,
    /// Part of those who click "didn't receive".
    pub click: Share,
    /// Part of those who leave.
    pub leave: Share,
    /// Part of those who ask again without the click.
    pub again: Share,
}

impl Default for People {
    fn default() -> Self {
        People {
            typed: Share(0.85),
            typing: Span(15_000),
            typing_spread: Spread(0.5),
            patience: Span(45_000),
            patience_spread: Spread(0.2),
            click: Share(0.5),
            leave: Share(0.25),
            again: Share(0.1),
        }
    }
}

/// What is different in the dead of night.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Night {
    /// Factor on the part of codes that is typed.
    #[serde(default = "whole")]
    pub typed: Share,
    /// Factor on the rate.
    #[serde(default = "whole")]
    pub rate: Share,
    /// When the night is deepest.
    #[serde(default = "deepest")]
    pub deepest: Hour,
}

fn whole() -> Share {
    Share(1.0)
}

fn deepest() -> Hour {
    Hour(3 * super::units::HOUR)
}

/// What receipts are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receipts {
    /// They say delivered where the message arrived.
    Honest,
    /// They always say delivered.
    Lying,
    /// There are none.
    Missing,
}

/// Adds the keys of a way from carrier to network, each optional.
macro_rules! with_way {
    ($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($body)*
            /// Probability that a message arrives.
            pub delivery: Option<Baseline>,
            /// Median from sending to arrival.
            pub delay: Option<Span>,
            /// Standard deviation of its logarithm.
            pub delay_spread: Option<Spread>,
            /// What receipts are worth.
            pub receipts: Option<Receipts>,
            /// Part of messages that get the receipt that is theirs.
            pub receipt_share: Option<Share>,
            /// Median from arrival to receipt.
            pub receipt_delay: Option<Span>,
            /// Standard deviation of its logarithm.
            pub receipt_spread: Option<Spread>,
        }

        impl $name {
            /// What it says of the way.
            pub fn way(&self) -> Way {
                Way {
                    delivery: self.delivery,
                    delay: self.delay,
                    delay_spread: self.delay_spread,
                    receipts: self.receipts,
                    receipt_share: self.receipt_share,
                    receipt_delay: self.receipt_delay,
                    receipt_spread: self.receipt_spread,
                }
            }
        }
    };
}

/// A way from a carrier to a network; what is not said is left to the wider layer.
#[derive(Debug, Clone, Default)]
pub struct Way {
    /// Probability that a message arrives.
    pub delivery: Option<Baseline>,
    /// Median from sending to arrival.
    pub delay: Option<Span>,
    /// Standard deviation of its logarithm.
    pub delay_spread: Option<Spread>,
    /// What receipts are worth.
    pub receipts: Option<Receipts>,
    /// Part of messages that get the receipt that is theirs.
    pub receipt_share: Option<Share>,
    /// Median from arrival to receipt.
    pub receipt_delay: Option<Span>,
    /// Standard deviation of its logarithm.
    pub receipt_spread: Option<Spread>,
}

impl Way {
    /// This, with what `wider` says where this says nothing.
    pub fn or(self, wider: Way) -> Way {
        Way {
            delivery: self.delivery.or(wider.delivery),
            delay: self.delay.or(wider.delay),
            delay_spread: self.delay_spread.or(wider.delay_spread),
            receipts: self.receipts.or(wider.receipts),
            receipt_share: self.receipt_share.or(wider.receipt_share),
            receipt_delay: self.receipt_delay.or(wider.receipt_delay),
            receipt_spread: self.receipt_spread.or(wider.receipt_spread),
        }
    }
}

with_way! {
    /// A carrier.
    pub struct Carrier {
        /// Of one message.
        pub price: Amount,
        /// Share in policies that split by weight.
        pub weight: Option<Amount>,
        /// None: the carrier chooses.
        #[serde(default)]
        pub senders: Vec<String>,
        /// From when it is there.
        pub start: Option<Span>,
        /// Until when.
        pub end: Option<Span>,
    }
}

with_way! {
    /// A network, or `count` of them that are alike.
    pub struct Network {
        /// People by day.
        pub rate: Rate,
        /// So many that are alike.
        pub count: Option<u16>,
        /// Part of arrived codes that is typed.
        pub typed: Option<Share>,
        /// From when it is there.
        pub start: Option<Span>,
        /// Until when.
        pub end: Option<Span>,
        /// What differs for one carrier.
        #[serde(default)]
        pub carriers: BTreeMap<String, Spanned<Cell>>,
    }
}

with_way! {
    /// One carrier on one network.
    pub struct Cell {}
}

/// What kind of thing happens; [`super::Effect`] says what each does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Block,
    Slow,
    Creep,
    Outage,
    Down,
    Lift,
    NewNetwork,
    NewCarrier,
    Pumping,
    AppFault,
    Drift,
    Receipts,
}

/// What drifts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drifting {
    /// Deliveries, each cell by itself.
    Delivery,
    /// Typing, everywhere the same.
    Typed,
}

/// What the carrier says of a message that was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// Not a word.
    Nothing,
    /// A failed receipt.
    Lost,
    /// That it was filtered.
    Filtered,
}

/// Something that happens at a time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Since the start.
    pub at: Span,
    /// What happens.
    pub kind: Kind,
    /// To whom; none is all.
    pub carrier: Option<Spanned<String>>,
    /// To which of its senders; none is all.
    pub sender: Option<Spanned<String>>,
    /// Where; none is everywhere.
    pub network: Option<Spanned<String>>,
    /// What delivery or typing falls to.
    pub to: Option<Share>,
    /// How many times.
    pub factor: Option<Amount>,
    /// How long a creeping change takes.
    pub over: Option<Span>,
    /// How long it lasts.
    #[serde(rename = "for")]
    pub lasts: Option<Span>,
    /// How often it is repeated.
    pub every: Option<Span>,
    /// What the carrier says of what it drops.
    pub says: Option<Says>,
    /// What receipts are worth.
    pub receipts: Option<Receipts>,
    /// What drifts.
    pub what: Option<Drifting>,
    /// How far it drifts.
    pub size: Option<Share>,
    /// The length of one wave.
    pub period: Option<Span>,
}

/// Other settings for our own policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The value of a code that arrives, in the unit of prices.
    pub value: Option<Amount>,
    /// Thresholds and constants, as the gateway's configuration names them.
    #[serde(default)]
    pub rules: toml::Table,
}

/// What must hold, else the exit code is 1: the most or least of each number, as
/// `docs/simulator.md` explains them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub lost_above_oracle: Option<Bound>,
    pub excess_ratio: Option<Bound>,
    pub detection_judged_median: Option<Bound>,
    pub detection_judged_p95: Option<Bound>,
    pub detection_seconds_median: Option<Bound>,
    pub detected_share: Option<Share>,
    pub false_blocks: Option<Bound>,
    pub false_network_alarms: Option<Bound>,
    pub burst_block_share: Option<Share>,
    pub burst_alarm_share: Option<Share>,
    pub suspects_per_thousand: Option<Bound>,
    pub lift_minutes_median: Option<Bound>,
    pub lift_minutes_p90: Option<Bound>,
    pub money_ratio: Option<Bound>,
}
