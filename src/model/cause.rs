//! Why an attempt or a delivery failed: one closed list, whatever the carrier's
//! own code was, and the one table that routing, the API's advice and the
//! support text read.

use serde::{Deserialize, Serialize};

/// Whose fault a failure is. It decides who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The person's number or handset.
    Number,
    /// The person's mobile network.
    Network,
    /// The carrier that we submitted to.
    Carrier,
    /// Our own configuration or rules.
    Gateway,
    /// What the person did with the call.
    Person,
}

/// What a caller can best do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// Offer the other channel.
    OtherChannel,
    /// Ask the person to check or change the number.
    CheckNumber,
    /// Offer the same again after the waiting time.
    TryAgain,
    /// Only the operator of the gateway can help.
    AskOperator,
    /// Do not send again unless the person asks.
    Stop,
}

/// What one cause means to every room that acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// Whose fault it is.
    pub fault: Fault,
    /// The same carrier may be tried again, later.
    pub same_carrier_later: bool,
    /// Another carrier may succeed where this one failed.
    pub other_carrier_helps: bool,
    /// Another channel may succeed.
    pub other_channel_helps: bool,
    /// What the API tells its caller.
    pub advice: Advice,
}

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident $text:literal: $fault:ident, $again:literal, $carrier:literal, $channel:literal, $advice:ident;)*) => {
        /// Why an attempt or a delivery failed. The list is closed: a carrier's
        /// unlisted code becomes [`Cause::PermanentOther`] and is counted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum Cause { $($(#[$doc])* $name,)* }

        impl Cause {
            /// Every cause, in the order of the table.
            pub const ALL: &'static [Cause] = &[$(Cause::$name,)*];

            /// The word used in the API, logs and metrics.
            pub fn as_str(self) -> &'static str {
                match self { $(Cause::$name => $text,)* }
            }

            /// What this cause means for retrying, routing and advice.
            pub fn meaning(self) -> Meaning {
                match self {
                    $(Cause::$name => Meaning {
                        fault: Fault::$fault,
                        same_carrier_later: $again,
                        other_carrier_helps: $carrier,
                        other_channel_helps: $channel,
                        advice: Advice::$advice,
                    },)*
                }
            }
        }
    };
}

causes! {
    //                                                      fault,   again, carrier, channel, advice
    /// The network or carrier filtered the text.
    CarrierFiltered "carrier_filtered":                     Network, false, true,  true,  OtherChannel;
    /// The person opted out of messages from this sender.
    RecipientOptedOut "recipient_opted_out":                Number,  false, false, true,  OtherChannel;
    /// Off, out of coverage or full.
    UnreachableHandset "unreachable_handset":               Number,  true,  false, true,  TryAgain;
    /// No such subscriber.
    UnknownSubscriber "unknown_subscriber":                 Number,  false, false, false, CheckNumber;
    /// A landline, or a line that cannot receive SMS.
    LandlineOrIncapable "landline_or_incapable":            Number,  false, false, true,  OtherChannel;
    /// Not a number that can be reached.
    InvalidNumber "invalid_number":                         Number,  false, false, false, CheckNumber;
    /// The carrier's account may not send to this country.
    RegionNotPermitted "region_not_permitted":              Carrier, false, true,  true,  OtherChannel;
    /// The sender or template is not registered there.
    SenderNotRegistered "sender_not_registered":            Carrier, false, true,  true,  OtherChannel;
    /// The carrier asks us to slow down.
    RateLimited "rate_limited":                             Carrier, true,  true,  true,  TryAgain;
    /// The carrier's account has run out of money.
    InsufficientFunds "insufficient_funds":                 Carrier, false, true,  true,  AskOperator;
    /// The carrier refused our credentials.
    AuthFailed "auth_failed":                               Carrier, false, true,  true,  AskOperator;
    /// A fault at the carrier that should pass.
    TemporaryCarrierFault "temporary_carrier_fault":        Carrier, true,  true,  true,  TryAgain;
    /// The carrier accepted and never told what became of it.
    NoReceipt "no_receipt":                                 Network, false, true,  true,  OtherChannel;
    /// The line was busy.
    Busy "busy":                                            Person,  true,  false, true,  TryAgain;
    /// It rang and nobody answered.
    NoAnswer "no_answer":                                   Person,  true,  false, true,  TryAgain;
    /// The person declined the call.
    Declined "declined":                                    Person,  false, false, true,  OtherChannel;
    /// The person said: I did not ask for this.
    DeclinedByPerson "declined_by_person":                  Person,  false, false, false, Stop;
    /// Answered, but no key was pressed.
    NotAcknowledged "not_acknowledged":                     Person,  true,  false, true,  TryAgain;
    /// An answering machine took the call.
    AnsweredByMachine "answered_by_machine":                Person,  true,  false, true,  OtherChannel;
    /// The person's local night; calls wait.
    QuietHours "quiet_hours":                               Gateway, true,  false, true,  OtherChannel;
    /// No carrier may take this.
    NoRoute "no_route":                                     Gateway, false, false, true,  AskOperator;
    /// The code ended before it could be submitted.
    ExpiredUnsent "expired_unsent":                         Gateway, false, false, false, TryAgain;
    /// A permanent refusal that has no word of its own.
    PermanentOther "permanent_other":                       Carrier, false, true,  true,  OtherChannel;
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Cause {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Cause::ALL.iter().copied().find(|cause| cause.as_str() == text).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_reads_back_and_serializes_as_its_word() {
        for cause in Cause::ALL {
            assert_eq!(cause.as_str().parse(), Ok(*cause));
            assert_eq!(serde_json::to_string(cause).unwrap(), format!("\"{cause}\""));
        }
        assert_eq!(Cause::ALL.len(), 23);
    }

    #[test]
    fn advice_never_contradicts_the_table() {
        for cause in Cause::ALL {
            let meaning = cause.meaning();
            if meaning.advice == Advice::OtherChannel {
                assert!(meaning.other_channel_helps, "{cause}");
            }
            if matches!(meaning.advice, Advice::CheckNumber | Advice::Stop) {
                assert!(!meaning.other_channel_helps && !meaning.other_carrier_helps, "{cause}");
            }
        }
    }
}
