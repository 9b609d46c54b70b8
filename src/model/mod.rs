//! The words of the gateway, without input or output: ids, numbers, channels,
//! causes, states, limits, secrets and scripts. Every other room speaks in
//! these. Nothing here reads a clock, a file or a socket.

mod bytes;
mod cause;
mod channel;
mod ids;
mod limit;
mod money;
mod number;
mod script;
mod secret;
mod sender;
mod state;
mod usage;

pub use bytes::{Digest, Sealed};
pub use cause::{Advice, Cause, Fault};
pub use channel::{AskedBy, Channel};
pub use ids::{AttemptId, DeliveryId, IdError, Partition, RecordId, RecordKind};
pub use limit::{LimitName, LimitSpec, LimitSpecError, NumberLimits};
pub use money::{Currency, Money};
pub use number::{Country, E164, Locale, Network, NumberHash, NumberKind, TenantId};
pub use script::{Part, Script, digits_of};
pub use secret::{Code, Secret};
pub use sender::Sender;
pub use state::{AttemptState, DeliveryState, Progress, Status};
pub use usage::{Refusal, Sent, Usage, Waits};

/// Milliseconds since the Unix epoch.
pub type Ms = u64;

/// One second in [`Ms`].
pub const SECOND: Ms = 1_000;
/// One minute in [`Ms`].
pub const MINUTE: Ms = 60 * SECOND;
/// One hour in [`Ms`].
pub const HOUR: Ms = 60 * MINUTE;
/// One day in [`Ms`].
pub const DAY: Ms = 24 * HOUR;
