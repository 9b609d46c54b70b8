//! How records and numbers stand in Redis, in MessagePack, which the scripts read and
//! write as Lua tables. What no script looks at is one blob in `b`.
//!
//! ```text
//! record   v version  n tenant  s status  a created  e expires  k secret  c code's hash
//!          o replaced hashes  w wrong  m most wrong  t network  b blob
//!          g ids of checks that counted  d deliveries
//! delivery c channel  a asked by  s state  w cause  b created  h changed  q due  r retries
//!          t token  u lease ends  z id of the last begin, settle or report  x attempts
//! attempt  c carrier  s state  w cause  r reason  b started  h changed  f reference  y sender
//! number   v version  b its first time  a deliveries over all tenants  l its longest span,
//!          if over a day  t {tenant: {s sent, f failures, p paused until, o open: [id without
//!          `ver_`, expires, subject]}}
//! memo     v version  f fingerprint  a the kept answer
//! parked   v version  p reports  m id of the index that took them
//! log      v version  a attempts, oldest first: [id, kept until, submission, report]
//! ```
//!
//! Records, deliveries and attempts are lists in this order, nil where there is nothing, and
//! shorter where nothing is at the end. A record with senders has version 2, others 1;
//! the rest are maps. Times of a record but `a` are milliseconds
//! after `a`, those of a number after `b`. The
//! ids of operations are there so that a retry after a lost answer is known.

mod log;
mod number;
mod phrases;
mod record;

use serde::de::DeserializeOwned;

pub use log::{entry_id, logs, pack_logged, pack_reported};
pub use number::number;
pub use phrases::short;
pub use record::{network, pack, unpack};

use crate::store::StoreError;

/// Milliseconds after another time; before it, when another server's clock is behind.
type After = i64;

/// Reads a MessagePack value.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    rmp_serde::from_slice(bytes).map_err(StoreError::unreadable)
}
