//! States as the numbers that the scripts know them by. Numbers are for ever: a new
//! state gets a new one.

use crate::model::{AskedBy, AttemptState, Channel, DeliveryState, NumberKind, Status};
use crate::store::StoreError;

macro_rules! numbered {
    ($($type:ident: $($value:ident $number:literal)*;)*) => {$(
        impl Numbered for $type {
            fn number(self) -> u8 {
                match self { $($type::$value => $number,)* }
            }

            fn from_number(number: u64) -> Result<Self, StoreError> {
                match number {
                    $($number => Ok($type::$value),)*
                    _ => Err(StoreError::unreadable(concat!("a ", stringify!($type), " that this version does not know"))),
                }
            }
        }
    )*};
}

/// A state with a number.
pub trait Numbered: Sized {
    /// Its number.
    fn number(self) -> u8;
    /// The state of a number.
    fn from_number(number: u64) -> Result<Self, StoreError>;
}

numbered! {
    Channel: Sms 0 Voice 1;
    AskedBy: Person 0 System 1;
    Status: Pending 0 Approved 1 Canceled 2 Expired 3 MaxAttemptsReached 4;
    DeliveryState: Queued 0 Submitted 1 Ringing 2 Answered 3 Delivered 4 Failed 5 Canceled 6;
    AttemptState: Submitting 0 Unknown 1 Submitted 2 Delivered 3 Failed 4;
    NumberKind: Mobile 0 FixedLine 1 FixedLineOrMobile 2 Voip 3 Personal 4 TollFree 5 PremiumRate 6
        SharedCost 7 Satellite 8 Other 9;
}
