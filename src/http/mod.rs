//! What every face over HTTP shares: the server, problems, API keys, request
//! bodies and request ids. It knows no endpoint.

mod auth;
mod body;
mod layers;
mod params;
mod problem;
mod ranged;
mod serve;

pub use auth::{ApiKeys, Caller};
pub use body::{Body, BodyLimit, IdempotencyKey, RawBody, check_text, check_texts, object};
pub use layers::{detached, observe, time_limit};
pub use params::{InPath, InQuery};
pub use problem::{Kind, Problem, fallback, method_not_allowed};
pub use ranged::ranged;
pub use serve::{Served, serve};
