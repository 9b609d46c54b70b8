//! `config check` and `keys new`.

use std::path::PathBuf;

use serde_json::json;

use super::{Failure, run};
use crate::config::{Config, Scope};
use crate::model::TenantId;
use crate::seal::{ApiKeyHash, combinations, new_api_key};

pub fn check(file: Option<PathBuf>, as_json: bool) -> Result<bool, Failure> {
    let loaded = run::load(file.as_deref())?;
    let mut problems = Vec::new();
    if let Err(error) = crate::app::words(&loaded.config) {
        problems.push(error.to_string());
    }
    if let Err(error) = crate::app::check_carriers(&loaded.config) {
        problems.extend(error.to_string().lines().map(str::to_owned));
    }
    problems.extend(loaded.config.keys.iter().filter_map(|key| {
        let error = key.hash.parse::<ApiKeyHash>().err()?;
        Some(format!("key of {:?}: {error}", key.owner))
    }));
    let odds = odds(&loaded.config);
    if as_json {
        let odds: Vec<_> = odds
            .iter()
            .map(|(tenant, guesses, odds)| json!({ "tenant": tenant.0, "guesses_a_day": guesses, "odds_a_day": odds }))
            .collect();
        println!(
            "{}",
            json!({ "ok": problems.is_empty(), "problems": problems, "warnings": loaded.warnings, "tenants": odds })
        );
        return Ok(problems.is_empty());
    }
    for problem in &problems {
        println!("problem: {problem}");
    }
    for warning in &loaded.warnings {
        println!("warning: {warning}");
    }
    for (tenant, guesses, odds) in odds {
        println!("tenant {tenant}: a stranger may guess {guesses} times a day at one number, odds {odds:.1e}");
    }
    println!("{}", if problems.is_empty() { "configuration is good" } else { "configuration has problems" });
    Ok(problems.is_empty())
}

/// Guesses that the limits leave in a day, and their odds.
fn odds(config: &Config) -> Vec<(&TenantId, u64, f64)> {
    let tenants = config.tenants.iter();
    tenants
        .map(|tenant| {
            let limits = tenant.limits.number.limits();
            let starts = u64::from(limits.starts_a_day());
            let guesses = starts * u64::from(tenant.verification.max_wrong_codes);
            // A caller may ask for the shortest code that the tenant allows.
            let shortest = if tenant.verification.short_codes { 4 } else { 6 }.min(tenant.verification.code_length);
            (&tenant.name, guesses, guesses as f64 / combinations(shortest) as f64)
        })
        .collect()
}

pub fn new_key(tenant: &TenantId, owner: &str, scopes: &[Scope], as_json: bool) -> Result<bool, Failure> {
    let key = new_api_key();
    let hash = ApiKeyHash::of(key.reveal());
    let scopes: Vec<_> = scopes.iter().map(|scope| scope.as_str()).collect();
    if as_json {
        let hash = hash.to_string();
        println!(
            "{}",
            json!({ "key": key.reveal(), "tenant": tenant.0, "owner": owner, "scopes": scopes, "hash": hash })
        );
        return Ok(true);
    }
    println!("The key, shown only now:\n\n  {}\n\nThe lines for the configuration:\n", key.reveal());
    println!("[[keys]]\ntenant = {:?}\nowner = {owner:?}\nscopes = {scopes:?}\nhash = \"{hash}\"", tenant.0);
    Ok(true)
}
