//! otp-gateway: gets one-time login codes to phones, by SMS and by voice.
//!
//! Each module is a room; `docs/architecture.md` says what each owns and which
//! others it may import, and a test holds that.

#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod admission;
pub mod api;
pub mod app;
pub mod blocks;
pub mod carrier;
pub mod cli;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod http;
pub mod message;
pub mod model;
pub mod number;
pub mod pages;
pub mod radar;
pub mod routing;
pub mod seal;
pub mod simulate;
pub mod store;
pub mod telemetry;
pub mod template;
pub mod verification;
pub mod voice;
pub mod webhook;
