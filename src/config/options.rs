//! The options as types. What each means stands in `config/default.toml`.
#![allow(missing_docs, reason = "config/default.toml documents each option, and is what operators read")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::CarrierOptions;
use crate::model::{Channel, Country, LimitSpec, Locale, MINUTE, Money, Ms, NumberLimits, SECOND, Secret, TenantId};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: ServerOptions,
    pub log: LogOptions,
    pub store: StoreOptions,
    pub seal: SealOptions,
    pub verification: VerificationOptions,
    pub limits: LimitOptions,
    pub countries: Countries,
    pub delivery: DeliveryOptions,
    pub voice: VoiceOptions,
    pub templates: TemplateOptions,
    pub sandbox: SandboxOptions,
    pub archive: ArchiveOptions,
    pub routing: RoutingOptions,
    pub carrier_profiles: CarrierProfileOptions,
    pub carrier_http: CarrierHttpOptions,
    #[serde(default)]
    pub carriers: BTreeMap<String, CarrierOptions>,
    #[serde(default)]
    pub tenants: Vec<TenantOptions>,
    #[serde(default)]
    pub keys: Vec<KeyOptions>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ServerOptions {
    pub listen: SocketAddr,
    pub public_url: String,
    pub body_limit_bytes: usize,
    pub request_timeout_seconds: u64,
    pub header_timeout_seconds: u64,
    pub connections: usize,
    pub shutdown_grace_seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Deserialize)]
pub struct LogOptions {
    pub format: LogFormat,
    pub level: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct StoreOptions {
    #[serde(deserialize_with = "secret")]
    pub url: Secret<String>,
    pub path: PathBuf,
    pub partitions: u16,
    pub key_prefix: String,
    pub tls_ca_file: PathBuf,
    pub min_replicas_acked: u32,
}

impl StoreOptions {
    /// Whether gateways share it.
    pub fn is_shared(&self) -> bool {
        !self.url.reveal().is_empty()
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct SealOptions {
    #[serde(deserialize_with = "secret")]
    pub master_key: Secret<String>,
    pub master_key_file: PathBuf,
}

fn secret<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(d).map(Secret::new)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnResend {
    Same,
    New,
}

/// How short and how long a code may live, whoever says so.
pub const TTL_SECONDS: std::ops::RangeInclusive<u64> = 60..=3600;

#[derive(Debug, Clone, Deserialize)]
pub struct VerificationOptions {
    pub code_length: u8,
    pub short_codes: bool,
    pub ttl_seconds: u64,
    pub max_wrong_codes: u32,
    pub on_resend: OnResend,
    pub app_name: String,
    #[serde(deserialize_with = "locale")]
    pub locale: Locale,
    #[serde(deserialize_with = "optional_country")]
    pub default_region: Option<Country>,
}

fn locale<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Locale, D::Error> {
    let text = String::deserialize(d)?;
    Locale::new(&text).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a language tag such as \"en\"")))
}

fn optional_country<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Country>, D::Error> {
    let text = String::deserialize(d)?;
    match text.as_str() {
        "" => Ok(None),
        _ => Country::new(&text)
            .map(Some)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a two-letter country such as \"JP\""))),
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct LimitOptions {
    pub number: NumberLimitOptions,
    pub wide: WideLimitOptions,
}

#[derive(Debug, Clone, Deserialize)]
pub struct NumberLimitOptions {
    pub sms_interval_seconds: u64,
    pub voice_interval_seconds: u64,
    pub deliveries: LimitSpec,
    pub deliveries_all_tenants: LimitSpec,
    pub open_verifications: u32,
    pub day_deliveries: u32,
    pub day_failures: u32,
    pub day_waits_minutes: Vec<u64>,
    pub paused_minutes: u64,
}

impl NumberLimitOptions {
    /// The same in the words of the store.
    pub fn limits(&self) -> NumberLimits {
        NumberLimits {
            sms_interval_ms: self.sms_interval_seconds * SECOND,
            voice_interval_ms: self.voice_interval_seconds * SECOND,
            deliveries: self.deliveries,
            deliveries_all_tenants: self.deliveries_all_tenants,
            open_verifications: self.open_verifications,
            day_deliveries: self.day_deliveries,
            day_failures: self.day_failures,
            day_waits_ms: self.day_waits_minutes.iter().map(|minutes| minutes * MINUTE).collect(),
        }
    }

    /// How long a number is paused after its owner pressed 9, in milliseconds.
    pub fn paused_ms(&self) -> Ms {
        self.paused_minutes * MINUTE
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct WideLimitOptions {
    pub address: Vec<LimitSpec>,
    pub prefix: Vec<LimitSpec>,
    pub country: Vec<LimitSpec>,
    pub tenant: Vec<LimitSpec>,
}

/// Countries, or all of them, or (for calls) the same as for SMS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CountryList {
    All,
    Same,
    Only(Vec<Country>),
}

impl<'de> Deserialize<'de> for CountryList {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(d)?;
        let country = |text: &String| {
            Country::new(text).ok_or_else(|| {
                serde::de::Error::custom(format!(
                    "{text:?} is not a two-letter country such as \"JP\", nor \"*\" alone"
                ))
            })
        };
        match texts.as_slice() {
            [one] if one == "*" => Ok(CountryList::All),
            [one] if one == "same" => Ok(CountryList::Same),
            _ => texts.iter().map(country).collect::<Result<_, _>>().map(CountryList::Only),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct Countries {
    pub allow: CountryList,
    pub voice_allow: CountryList,
}

impl Countries {
    /// Whether a channel may be used to a country.
    pub fn permits(&self, channel: Channel, country: Country) -> bool {
        let in_list = |list: &CountryList| match list {
            CountryList::All => true,
            CountryList::Same => false,
            CountryList::Only(countries) => countries.contains(&country),
        };
        match (channel, &self.voice_allow) {
            (Channel::Sms, _) | (Channel::Voice, CountryList::Same) => in_list(&self.allow),
            (Channel::Voice, list) => in_list(list),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct DeliveryOptions {
    pub workers: usize,
    pub lease_seconds: u64,
    pub submit_timeout_seconds: u64,
    pub retry_first_seconds: u64,
    pub retry_most_seconds: u64,
    pub ring_seconds: u64,
    pub call_seconds: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct VoiceOptions {
    pub gate: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub struct TemplateOptions {
    pub dir: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
pub struct SandboxOptions {
    pub enabled: bool,
    pub list: PathBuf,
    pub sms_delay_ms: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct ArchiveOptions {
    pub keep_days: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct RoutingOptions {
    pub breaker_failures: u32,
    pub breaker_seconds: u64,
    pub breaker_most_seconds: u64,
    #[serde(deserialize_with = "super::carrier::optional_money")]
    pub value: Option<Money>,
    pub explore_per_mille: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct CarrierProfileOptions {
    pub dir: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
pub struct CarrierHttpOptions {
    pub connect_timeout_seconds: u64,
    pub timeout_seconds: u64,
    pub answer_limit_bytes: usize,
    pub ca_file: PathBuf,
}

/// Who speaks on a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speech {
    /// The carrier's own voice where it speaks the language, our audio elsewhere.
    #[default]
    Carrier,
    /// Our audio always.
    Audio,
}

/// A tenant, with the options that it overrides already applied.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantOptions {
    pub name: TenantId,
    pub verification: VerificationOptions,
    pub limits: TenantLimits,
}

#[derive(Debug, Clone, Deserialize)]
pub struct TenantLimits {
    pub number: NumberLimitOptions,
}

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Verifications and look-ups.
    Verify,
    /// Messages.
    Deliver,
    /// Support acts, and the sandbox phone.
    Support,
    /// Operation of the gateway.
    Ops,
}

impl Scope {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Verify => "verify",
            Scope::Deliver => "deliver",
            Scope::Support => "support",
            Scope::Ops => "ops",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyOptions {
    pub tenant: TenantId,
    pub owner: String,
    pub scopes: Vec<Scope>,
    pub hash: String,
}
