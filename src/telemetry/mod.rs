//! Logs and metrics. Owns how they are written, never what happens. No code, no
//! number and no secret passes here: labels come from closed sets, and fields
//! are ids, masks and words of the model.

mod logs;
mod metrics;

pub use logs::start_logs;
pub use metrics::{Metrics, Outcome};
