use std::io::Write;

use super::*;
use crate::model::{Channel, Country};

fn load_text(text: &str, env: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let vars: Vec<_> = env.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let get = |name: &str| env.iter().find(|(k, _)| *k == name).map(|(_, v)| v.to_string());
    load(Some(file.path()), &get, &vars)
}

#[track_caller]
fn refused(text: &str, line: usize, words: &str) {
    let error = load_text(text, &[]).unwrap_err();
    assert_eq!(error.line, line, "{error}");
    assert!(error.problem.contains(words), "{error}");
}

#[test]
fn the_defaults_are_a_configuration() {
    let loaded = load(None, &|_| None, &[]).unwrap();
    assert_eq!(loaded.config.verification.code_length, 6);
    assert_eq!(loaded.warnings.len(), 4, "{:?}", loaded.warnings);
}

#[test]
fn what_is_wrong_is_found_with_its_line_and_a_fix() {
    refused("[server]\nlissten = \"x\"\n", 2, "did you mean listen?");
    refused("\n[servr]\n", 2, "did you mean server?");
    refused("[server]\nlisten = 80\n", 2, "must be of type string");
    refused("[server]\n\nlisten = \"nowhere\"\n", 3, "socket address");
    refused("[limits.number]\ndeliveries = \"5 per hour\"\n", 2, "write count/span");
    refused("[verification]\ncode_length = 4\n", 2, "short_codes");
    refused(
        "[[keys]]\ntenant = \"shop\"\nowner = \"x\"\nscopes = [\"verify\"]\nhash = \"\"\n",
        2,
        "not under [[tenants]]",
    );
    refused("[verification]\napp_name = \"Shop 2026\"\n", 2, "four figures");
    refused("[countries]\nallow = [\"Japan\"]\n", 2, "two-letter country");
    refused("[carriers.a]\nprofil = \"sandbox\"\n", 2, "did you mean profile?");
    refused("[server\n", 1, "");
    refused("[seal]\nmaster_key = \"${NOT_SET}\"\n", 2, "set it");
    refused("[delivery]\nretry_first_seconds = 100\nretry_most_seconds = 9\n", 3, "between 100 and 3600");
    refused("[verification]\ncode_length = 4\nttl_seconds = 300\n", 2, "short_codes");
    refused("[[tenants]]\nname = \"a\"\n[[tenants]]\nname = \"a\"\n", 4, "stands twice");
    refused("tenants = 5\n", 1, "array of tables");
    refused("[limits.number]\ndeliveries = \"9/2d\"\n", 2, "at most one day");
    refused("[limits.wide]\ncountry = [\"9/h\", \"5/60m\"]\n", 2, "same span twice");
}

#[test]
fn a_tenant_overrides_only_what_it_names() {
    let text = "[verification]\nttl_seconds = 300\n[[tenants]]\nname = \"shop\"\n[tenants.verification]\napp_name = \"Shop\"\n\
                [tenants.limits.number]\ndeliveries = \"3/10m\"\n[[tenants]]\nname = \"bank\"\n";
    let config = load_text(text, &[]).unwrap().config;
    assert_eq!(config.tenants[0].verification.app_name, "Shop");
    assert_eq!(config.tenants[0].verification.ttl_seconds, 300);
    assert_eq!(config.tenants[0].limits.number.deliveries.to_string(), "3/10m");
    assert_eq!(config.tenants[1].limits.number.deliveries.to_string(), "5/10m");
}

#[test]
fn variables_win_and_secrets_do_not_print() {
    let env = [("OTP_SERVER__LISTEN", "127.0.0.1:9"), ("MASTER", "very secret"), ("OTP_COUNTRIES__ALLOW", "JP, US")];
    let config =
        load_text("[seal]\nmaster_key = \"${MASTER}\"\n[server]\nlisten = \"127.0.0.1:8\"\n", &env).unwrap().config;
    assert_eq!(config.server.listen.port(), 9);
    assert_eq!(config.seal.master_key.reveal(), "very secret");
    assert!(!format!("{config:?}").contains("very secret"));
    assert!(config.countries.permits(Channel::Voice, Country::new("US").unwrap()));
    assert!(!config.countries.permits(Channel::Sms, Country::new("DE").unwrap()));
    let lists = [("OTP_LIMITS__WIDE__ADDRESS", ""), ("OTP_LIMITS__NUMBER__DAY_WAITS_MINUTES", "1, 2")];
    let limits = load_text("", &lists).unwrap().config.limits;
    assert!(limits.wide.address.is_empty());
    assert_eq!(limits.number.day_waits_minutes, [1, 2]);
    assert!(load_text("", &[("OTP_SERVER__LISTENS", "x")]).is_err());
}
