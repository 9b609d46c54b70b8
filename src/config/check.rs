//! Options that can be read but make no sense, and pairs that contradict.

use super::{CarrierOptions, Config, CountryList, TTL_SECONDS, VerificationOptions};
use crate::model::{Currency, DAY, Money};

/// The option's path, and what is wrong with it.
type Problem = (String, String);

/// Warnings, or the first option that must change: its path and the sentence.
pub fn check(config: &Config) -> Result<Vec<String>, Problem> {
    let mut warnings = Vec::new();
    verification("verification", &config.verification)?;
    for (i, tenant) in config.tenants.iter().enumerate() {
        verification(&format!("tenants.{i}.verification"), &tenant.verification)?;
        if config.tenants[..i].iter().any(|other| other.name == tenant.name) {
            return Err((format!("tenants.{i}.name"), format!("tenant {:?} stands twice", tenant.name.0)));
        }
        if tenant.name.0.is_empty() || !tenant.name.0.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        {
            return Err((
                format!("tenants.{i}.name"),
                format!("tenant name {:?} must be of letters, digits, - _ .", tenant.name.0),
            ));
        }
    }
    for (i, key) in config.keys.iter().enumerate() {
        if !config.tenants.iter().any(|tenant| tenant.name == key.tenant) {
            return Err((
                format!("keys.{i}.tenant"),
                format!("a key names tenant {:?}, which is not under [[tenants]]", key.tenant.0),
            ));
        }
        if key.scopes.is_empty() {
            return Err((
                format!("keys.{i}.scopes"),
                format!("the key of {:?} has no scopes, give it some of verify, deliver, support, ops", key.owner),
            ));
        }
    }
    let number = &config.limits.number;
    let longest_wait = number.day_waits_minutes.iter().copied().max().unwrap_or(0);
    let bounds: [(&'static str, u64, u64, u64); 26] = [
        ("routing.explore_per_mille", config.routing.explore_per_mille, 0, 500),
        ("archive.keep_days", config.archive.keep_days, 1, 3_650),
        ("routing.breaker_failures", config.routing.breaker_failures.into(), 1, 1_000),
        ("routing.breaker_seconds", config.routing.breaker_seconds, 1, 3_600),
        ("routing.breaker_most_seconds", config.routing.breaker_most_seconds, config.routing.breaker_seconds, 86_400),
        ("carrier_http.connect_timeout_seconds", config.carrier_http.connect_timeout_seconds, 1, 60),
        ("carrier_http.timeout_seconds", config.carrier_http.timeout_seconds, 1, 120),
        ("carrier_http.answer_limit_bytes", config.carrier_http.answer_limit_bytes as u64, 1024, 16 << 20),
        ("store.partitions", config.store.partitions.into(), 1, 4096),
        ("delivery.workers", config.delivery.workers as u64, 1, 65_536),
        ("delivery.lease_seconds", config.delivery.lease_seconds, 2, 600),
        ("delivery.submit_timeout_seconds", config.delivery.submit_timeout_seconds, 1, 120),
        ("delivery.retry_first_seconds", config.delivery.retry_first_seconds, 1, 600),
        ("delivery.retry_most_seconds", config.delivery.retry_most_seconds, config.delivery.retry_first_seconds, 3_600),
        ("limits.number.sms_interval_seconds", number.sms_interval_seconds, 0, 86_400),
        ("limits.number.voice_interval_seconds", number.voice_interval_seconds, 0, 86_400),
        ("limits.number.day_waits_minutes", longest_wait, 0, 1_440),
        ("limits.number.paused_minutes", number.paused_minutes, 0, 10_080),
        ("server.request_timeout_seconds", config.server.request_timeout_seconds, 1, 3_600),
        ("server.header_timeout_seconds", config.server.header_timeout_seconds, 1, 3_600),
        ("server.shutdown_grace_seconds", config.server.shutdown_grace_seconds, 0, 600),
        ("sandbox.sms_delay_ms", config.sandbox.sms_delay_ms, 0, 600_000),
        ("delivery.ring_seconds", config.delivery.ring_seconds, 5, 120),
        ("delivery.call_seconds", config.delivery.call_seconds, 10, 600),
        ("server.connections", config.server.connections as u64, 1, 1_000_000),
        ("server.body_limit_bytes", config.server.body_limit_bytes as u64, 1024, 16 << 20),
    ];
    for (option, value, least, most) in bounds {
        if !(least..=most).contains(&value) {
            return Err((option.into(), format!("{option} is {value}, it must lie between {least} and {most}")));
        }
    }
    if config.store.key_prefix.contains(['{', '}']) {
        let problem = "store.key_prefix must have no braces: they would move keys of one number apart";
        return Err(("store.key_prefix".into(), problem.into()));
    }
    for limits in config.tenants.iter().map(|tenant| &tenant.limits.number).chain([&config.limits.number]) {
        if limits.deliveries.per_ms.max(limits.deliveries_all_tenants.per_ms) > DAY {
            return Err((
                "limits.number".into(),
                "a span of limits.number is at most one day: what is older is forgotten".into(),
            ));
        }
    }
    let url = &config.server.public_url;
    let is_origin = url.split_once("://").is_some_and(|(scheme, rest)| {
        matches!(scheme, "https" | "http")
            && !rest.is_empty()
            && !rest.contains(['?', '#', ' ', '@'])
            && !rest.ends_with('/')
    });
    if !url.is_empty() && !is_origin {
        let problem = format!(
            "server.public_url is {url:?}, it must be like \"https://otp.example.com\", without a slash at the end"
        );
        return Err(("server.public_url".into(), problem));
    }
    let wide = &config.limits.wide;
    for specs in [&wide.address, &wide.prefix, &wide.country, &wide.tenant] {
        if specs.iter().enumerate().any(|(i, spec)| specs[..i].iter().any(|other| other.per_ms == spec.per_ms)) {
            return Err((
                "limits.wide".into(),
                "a wide limit names the same span twice; keep the smaller count".into(),
            ));
        }
    }
    if config.countries.allow == CountryList::Only(Vec::new()) {
        warnings.push("countries.allow is empty: every number is refused until you list countries there".into());
    }
    if config.countries.allow == CountryList::Same {
        return Err((
            "countries.allow".into(),
            "countries.allow lists countries or [\"*\"], \"same\" is for voice_allow".into(),
        ));
    }
    for (name, carrier) in &config.carriers {
        if carrier.countries == CountryList::Same {
            let problem =
                format!("carriers.{name}.countries lists countries or [\"*\"], \"same\" is for countries.voice_allow");
            return Err((format!("carriers.{name}.countries"), problem));
        }
        self::carrier(name, carrier, config, &mut warnings)?;
    }
    if config.seal.master_key.reveal().is_empty() && config.seal.master_key_file.as_os_str().is_empty() {
        warnings.push("no master key is given: `serve` will not start without seal.master_key".into());
    }
    if config.carriers.is_empty() {
        warnings.push("no carrier is configured: every start is answered no_route".into());
    }
    if config.keys.is_empty() {
        warnings.push("no API key is configured: every request is answered 401; see `otp-gateway keys new`".into());
    }
    if config.delivery.lease_seconds <= config.delivery.submit_timeout_seconds {
        warnings.push(
            "delivery.lease_seconds should be longer than submit_timeout_seconds, or a slow carrier's job may run twice"
                .into(),
        );
    }
    Ok(warnings)
}

fn carrier(name: &str, carrier: &CarrierOptions, config: &Config, warnings: &mut Vec<String>) -> Result<(), Problem> {
    let at = |option: &str| format!("carriers.{name}.{option}");
    if name.is_empty() || name.len() > 40 || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
        return Err((
            at("profile"),
            format!("carrier name {name:?} must be of at most 40 letters, digits, - _: it stands in URLs"),
        ));
    }
    if carrier.profile == "sandbox" && !config.sandbox.enabled {
        warnings.push(format!(
            "carriers.{name} needs the sandbox phone: `serve` will not start without sandbox.enabled = true"
        ));
    }
    if carrier.profile != "sandbox" && config.server.public_url.is_empty() {
        warnings.push(format!(
            "carriers.{name} is never told what became of a message, and cannot speak: set server.public_url to where carriers reach this gateway"
        ));
    }
    let prices = &carrier.prices;
    for price in prices.sms.values().chain(prices.voice.values()) {
        if Currency::new(&prices.currency).and_then(|currency| Money::new(price, currency)).is_none() {
            let problem = format!(
                "{price:?} {:?} is no price such as \"0.0079\" with a currency such as \"USD\"",
                prices.currency
            );
            return Err((at("prices"), problem));
        }
    }
    Ok(())
}

fn verification(table: &str, options: &VerificationOptions) -> Result<(), Problem> {
    let shortest = if options.short_codes { 4 } else { 6 };
    if !(shortest..=10).contains(&options.code_length) {
        let hint = if options.code_length < 6 { " (4 and 5 need short_codes = true)" } else { "" };
        return Err((
            format!("{table}.code_length"),
            format!("code_length is {}, it must lie between {shortest} and 10{hint}", options.code_length),
        ));
    }
    if !TTL_SECONDS.contains(&options.ttl_seconds) {
        return Err((
            format!("{table}.ttl_seconds"),
            format!("ttl_seconds is {}, it must lie between 60 and 3600", options.ttl_seconds),
        ));
    }
    if !(1..=20).contains(&options.max_wrong_codes) {
        return Err((
            format!("{table}.max_wrong_codes"),
            format!("max_wrong_codes is {}, it must lie between 1 and 20", options.max_wrong_codes),
        ));
    }
    let name = &options.app_name;
    if name.is_empty() || name.chars().count() > 30 || name.chars().any(char::is_control) {
        return Err((
            format!("{table}.app_name"),
            "app_name must have 1 to 30 characters, none of them control characters".into(),
        ));
    }
    if name.split(|c: char| !c.is_numeric()).any(|run| run.chars().count() >= 4) {
        return Err((
            format!("{table}.app_name"),
            "app_name must not hold four figures in a row: an SMS has one code".into(),
        ));
    }
    Ok(())
}
