//! Trying a carrier without a gateway: its credentials, or one real message.

use std::sync::Arc;

use serde_json::json;

use super::ConfigArgs;
use crate::carrier::http::HttpCarrier;
use crate::carrier::{Answer, Carrier, Content, Probed, Refused, Submission};
use crate::cli::{Failure, run, runtime};
use crate::config::Config;
use crate::model::{MINUTE, Partition, RecordId, RecordKind, SECOND, Secret};
use crate::number::Numbers;

fn carrier(config: &Config, name: &str) -> Result<Arc<HttpCarrier>, Failure> {
    match config.carriers.get(name) {
        None => {
            let known = config.carriers.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "none; give --config".to_owned() } else { known };
            return Err(Failure(format!("no carrier {name:?} is configured; known: {known}")));
        }
        Some(options) if options.profile == "sandbox" => {
            return Err(Failure(format!("{name} is a sandbox phone; it needs no credentials and sends nothing")));
        }
        Some(_) => {}
    }
    let mut one = config.clone();
    one.carriers.retain(|other, _| other == name);
    // What is sent from here must not ask for reports: no gateway waits for them.
    one.server.public_url.clear();
    let connected = crate::app::check_carriers(&one)?;
    connected.http.get(name).cloned().ok_or_else(|| Failure(format!("{name} could not be connected")))
}

pub fn probe(name: &str, ConfigArgs { config, json }: ConfigArgs) -> Result<bool, Failure> {
    let config = run::load(config.as_deref())?.config;
    let carrier = carrier(&config, name)?;
    let probed = runtime()?.block_on(carrier.probe());
    let (ok, line) = match &probed {
        Probed::Fine(None) => (true, "answers and takes the credentials".to_owned()),
        Probed::Fine(Some(balance)) => (true, format!("answers and takes the credentials; balance {balance}")),
        Probed::Refused(refused) => (false, format!("refuses: {}", told(refused))),
        Probed::Away(why) => (false, format!("does not answer: {why}")),
        Probed::CannotSay => (true, "has no request that checks credentials; try `carriers test`".to_owned()),
    };
    if json {
        let balance = match &probed {
            Probed::Fine(balance) => *balance,
            _ => None,
        };
        println!("{}", json!({ "carrier": name, "ok": ok, "detail": line, "balance": balance }));
    } else {
        println!("{name} {line}");
    }
    Ok(ok)
}

pub fn test(name: &str, to: &str, ConfigArgs { config, json }: ConfigArgs) -> Result<bool, Failure> {
    let config = run::load(config.as_deref())?.config;
    let carrier = carrier(&config, name)?;
    let parsed = Numbers::new().parse(to, config.verification.default_region)?;
    let options = &config.carriers[name];
    let id = RecordId::new(RecordKind::Message, Partition(0), crate::seal::random());
    let submission = Submission {
        attempt: id.delivery(1).attempt(1),
        to: parsed.e164.clone(),
        content: Content::Sms(Secret::new(format!("{}: a test of the carrier {name}.", config.verification.app_name))),
        sender: options.senders(parsed.country).first().cloned(),
        valid_for_ms: 10 * MINUTE,
        ring_ms: config.delivery.ring_seconds * SECOND,
        call_ms: config.delivery.call_seconds * SECOND,
    };
    let begun = std::time::Instant::now();
    let answer = runtime()?.block_on(carrier.submit(submission));
    let took = begun.elapsed().as_millis();
    let (ok, line) = match &answer {
        Answer::Accepted(Some(id)) => (true, format!("took it as {id}")),
        Answer::Accepted(None) => (true, "took it".to_owned()),
        Answer::Refused(refused) => (false, format!("refused it: {}", told(refused))),
        Answer::Unknown => (false, "gave no answer that can be read; it may have it".to_owned()),
    };
    if json {
        let (cause, code) = match &answer {
            Answer::Refused(refused) => (Some(refused.cause), refused.code.clone()),
            _ => (None, None),
        };
        println!(
            "{}",
            json!({ "carrier": name, "ok": ok, "detail": line, "cause": cause, "code": code, "took_ms": took })
        );
    } else {
        println!("{name} {line} ({took} ms, to {})", parsed.e164.masked());
    }
    Ok(ok)
}

fn told(refused: &Refused) -> String {
    match &refused.code {
        Some(code) => format!("{} (their code {code}; see `otp-gateway carriers errors`)", refused.cause),
        None => refused.cause.to_string(),
    }
}
