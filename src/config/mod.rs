//! Options. Owns their types, their defaults (`config/default.toml`, compiled
//! in), the layers (defaults, the operator's file, `OTP_*` variables) and the
//! errors about them, each with file, line and fix.

mod carrier;
mod check;
mod load;
mod options;
#[cfg(test)]
mod tests;

pub use carrier::{CarrierOptions, Places, Prices, Senders};
pub use load::{ConfigError, Loaded, load};
pub use options::{
    ArchiveOptions, CarrierHttpOptions, CarrierProfileOptions, Config, Countries, CountryList, DeliveryOptions,
    KeyOptions, LimitOptions, LogFormat, LogOptions, NumberLimitOptions, OnResend, RoutingOptions, SandboxOptions,
    Scope, SealOptions, ServerOptions, Speech, StoreOptions, TTL_SECONDS, TemplateOptions, TenantLimits, TenantOptions,
    VerificationOptions, VoiceOptions, WideLimitOptions,
};

/// The defaults, as they are compiled in.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");
