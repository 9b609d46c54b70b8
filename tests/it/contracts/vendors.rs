//! Accounts at the vendors that never were, and a gateway that uses one.

use serde_json::Value;

use super::{Served, gateway_of};
use crate::gateway::Setup;

pub const SENDER: &str = "+14155550100";
pub const DLT_ENTITY: &str = "1101000000000000001";
pub const DLT_TEMPLATE: &str = "1107000000000000001";

/// The operator's options at a vendor.
pub fn options(vendor: &str, private_key: &str) -> Vec<(&'static str, String)> {
    let fixed: &[(&str, &str)] = match vendor {
        "twilio" => &[("account_sid", "AC00000000000000000000000000000000"), ("auth_token", "test_token")],
        "plivo" => &[("auth_id", "MA0123456789ABCDEFGH"), ("auth_token", "plivo-auth-token")],
        "infobip" => &[("api_key", "infobip-api-key")],
        "vonage" => &[
            ("application_id", "00000000-0000-4000-8000-000000000001"),
            ("signature_secret", "vonage-signature-secret-of-32-bytes"),
        ],
        "telnyx" => &[
            ("api_key", "KEY0000TELNYX"),
            ("messaging_profile_id", "00000000-0000-4000-8000-000000000002"),
            ("account_sid", "00000000-0000-4000-8000-000000000003"),
            ("texml_application_id", "1293384261075731499"),
        ],
        other => panic!("no vendor {other}"),
    };
    let mut options: Vec<_> = fixed.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    if vendor == "vonage" {
        options.push(("private_key", private_key.to_owned()));
    }
    options
}

/// A gateway whose carrier `main` is a vendor's, at the recorder.
pub fn gateway_at(recorder: &Served, vendor: &str, options: &[(&str, String)]) -> Setup {
    let options: String = options.iter().map(|(name, value)| format!("{name} = '''{value}'''\n")).collect();
    gateway_of(&format!(
        "[carriers.main]\nprofile = \"{vendor}\"\nbase_url = \"{}\"\nmachine_detection = true\n\
         [carriers.main.options]\n{options}[carriers.main.senders]\ndefault = \"{SENDER}\"\n\
         IN = {{ id = \"{SENDER}\", dlt_entity = \"{DLT_ENTITY}\", dlt_template = \"{DLT_TEMPLATE}\" }}\n",
        recorder.url
    ))
}

/// The first text anywhere in a JSON that holds `part`.
pub fn text_with<'a>(body: &'a Value, part: &str) -> Option<&'a str> {
    match body {
        Value::String(text) => Some(text.as_str()).filter(|text| text.contains(part)),
        Value::Array(items) => items.iter().find_map(|item| text_with(item, part)),
        Value::Object(fields) => fields.values().find_map(|field| text_with(field, part)),
        _ => None,
    }
}

/// A recorded body; a form as an object of texts.
pub fn body_of(request: &Value) -> Value {
    let text = request["body"].as_str().unwrap();
    serde_json::from_str(text).unwrap_or_else(|_| url::form_urlencoded::parse(text.as_bytes()).into_owned().collect())
}
