//! `doctor`: looks at everything that a gateway needs, and says what to fix.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::{Failure, run, runtime};
use crate::carrier::{Carrier, Probed};
use crate::clock::Clock;
use crate::config::Config;
use crate::model::Secret;
use crate::store::redis::{self, RedisOptions};

/// A clock may be off by so much before signatures and codes suffer, in milliseconds.
const MOST_SKEW_MS: u64 = 10_000;
/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    Good,
    Note,
    Problem,
}

struct Finding {
    grade: Grade,
    about: String,
    text: String,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, grade: Grade, about: &str, text: impl Into<String>) {
        self.0.push(Finding { grade, about: about.to_owned(), text: text.into() });
    }

    fn good(&mut self, about: &str, text: impl Into<String>) {
        self.add(Grade::Good, about, text);
    }

    fn note(&mut self, about: &str, text: impl Into<String>) {
        self.add(Grade::Note, about, text);
    }

    fn problem(&mut self, about: &str, text: impl Into<String>) {
        self.add(Grade::Problem, about, text);
    }
}

pub fn examine(file: Option<PathBuf>, as_json: bool) -> Result<bool, Failure> {
    let mut findings = Findings::default();
    match run::load(file.as_deref()) {
        Err(Failure(problem)) => findings.problem("configuration", problem),
        Ok(loaded) => {
            loaded.warnings.iter().for_each(|warning| findings.note("configuration", warning.clone()));
            match crate::app::words(&loaded.config) {
                Ok(_) => findings.good("configuration", "can be read, with its words and recordings"),
                Err(error) => findings.problem("configuration", error.to_string()),
            }
            let http =
                reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()?;
            runtime()?.block_on(async {
                store(&loaded.config, &mut findings).await;
                carriers(&loaded.config, &http, &mut findings).await;
                public_url(&loaded.config, &http, &mut findings).await;
            });
        }
    }
    let worst = findings.0.iter().map(|finding| finding.grade).max().unwrap_or(Grade::Good);
    if as_json {
        let findings = findings.0.iter().map(|Finding { grade, about, text }| {
            json!({ "grade": format!("{grade:?}").to_lowercase(), "about": about, "text": text })
        });
        println!("{}", json!({ "ok": worst < Grade::Problem, "findings": findings.collect::<Vec<_>>() }));
        return Ok(worst < Grade::Problem);
    }
    for Finding { grade, about, text } in &findings.0 {
        let mark = match grade {
            Grade::Good => "ok     ",
            Grade::Note => "note   ",
            Grade::Problem => "problem",
        };
        println!("{mark}  {about}: {text}");
    }
    let problems = findings.0.iter().filter(|finding| finding.grade == Grade::Problem).count();
    match problems {
        0 => println!("\nnothing is in the way"),
        count => println!("\n{count} to fix"),
    }
    Ok(problems == 0)
}

async fn store(config: &Config, findings: &mut Findings) {
    let options = &config.store;
    if !options.is_shared() {
        let folder = options.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(std::path::Path::new("."));
        match tempfile_in(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let text = format!("{} cannot be written: {error}; allow it, or set store.path", folder.display());
                findings.problem("store", text);
            }
            Ok(()) if options.path.exists() => findings.good("store", format!("embedded, {}", options.path.display())),
            Ok(()) | Err(_) => {
                findings.note("store", format!("{} will be made at the first start", options.path.display()));
            }
        }
        return;
    }
    let ca = match redis::read_ca(&options.tls_ca_file) {
        Ok(ca) => ca,
        Err(error) => return findings.problem("store", error.to_string()),
    };
    let options = RedisOptions {
        url: Secret::new(options.url.reveal().clone()),
        key_prefix: options.key_prefix.clone(),
        ca,
        min_replicas_acked: 0,
        partitions: options.partitions,
    };
    let (setups, now) = match redis::examine(&options).await {
        Ok(found) => found,
        Err(error) => {
            let text = format!("{error}; check store.url, and that this machine may connect");
            return findings.problem("store", text);
        }
    };
    for setup in setups {
        findings.good("store", format!("Redis {} answers", setup.version));
        if setup.policy != "noeviction" {
            let text =
                format!("maxmemory-policy is {}: it may forget limits and codes; set it to noeviction", setup.policy);
            findings.problem("store", text);
        }
        match (setup.append_only, setup.fsync.as_str()) {
            (false, _) => findings.problem(
                "store",
                "appendonly is off: a restart forgets codes, limits and opt-outs; set appendonly yes",
            ),
            (true, "always") => findings.good("store", "appendonly yes, appendfsync always: a kill loses nothing"),
            (true, "no") => {
                findings.problem("store", "appendfsync is no: a power cut loses half a minute; set everysec")
            }
            (true, _) => findings.good("store", "appendonly yes: a power cut loses a second or two"),
        }
    }
    skew("store", now, findings);
}

/// Whether files can be made in a folder.
fn tempfile_in(folder: &std::path::Path) -> std::io::Result<()> {
    let probe = folder.join(format!(".otp-doctor-{}", std::process::id()));
    std::fs::File::create_new(&probe)?;
    std::fs::remove_file(&probe)
}

fn skew(about: &str, theirs: u64, findings: &mut Findings) {
    let off = Clock::System.now().abs_diff(theirs);
    match off {
        off if off <= MOST_SKEW_MS => findings.good("clock", format!("agrees with that of {about}")),
        off => findings.problem(
            "clock",
            format!("differs from that of {about} by {} s; run an NTP client such as chrony", off / 1_000),
        ),
    }
}

async fn carriers(config: &Config, http: &reqwest::Client, findings: &mut Findings) {
    let connected = match crate::app::check_carriers(config) {
        Ok(connected) => connected,
        Err(error) => return error.to_string().lines().for_each(|line| findings.problem("carriers", line)),
    };
    if config.carriers.is_empty() {
        findings.problem("carriers", "none is configured; see `otp-gateway carriers list --profiles`");
    }
    let mut asked_time = false;
    for (name, carrier) in &connected.http {
        let about = format!("carrier {name}");
        match carrier.probe().await {
            Probed::Fine(Some(balance)) => findings.good(&about, format!("takes the credentials, balance {balance}")),
            Probed::Fine(None) => findings.good(&about, "takes the credentials"),
            Probed::CannotSay => findings.note(&about, "cannot be probed; try `otp-gateway carriers test`"),
            Probed::Away(why) => {
                findings.problem(&about, format!("does not answer: {why}; check base_url and the way out"))
            }
            Probed::Refused(refused) => {
                let code = refused.code.map_or(String::new(), |code| format!(", their code {code}"));
                findings.problem(&about, format!("refuses: {}{code}; check its options", refused.cause));
            }
        }
        if config.carriers[name].senders.values().next().is_none() {
            findings
                .note(&about, format!("has no senders; add [carriers.{name}.senders] unless it chooses them itself"));
        }
        if !carrier.signs_webhooks() {
            findings.note(&about, "does not sign its reports; only our signed addresses protect them");
        }
        if !asked_time && let Some(theirs) = date_of(http, carrier.base_url()).await {
            asked_time = true;
            skew(name, theirs, findings);
        }
    }
}

/// The clock of whoever answers at a URL.
async fn date_of(http: &reqwest::Client, url: &str) -> Option<u64> {
    let response = http.head(url).send().await.ok()?;
    let date = response.headers().get("date")?.to_str().ok()?;
    u64::try_from(jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_millisecond()).ok()
}

/// Calls this gateway as a carrier would.
async fn public_url(config: &Config, http: &reqwest::Client, findings: &mut Findings) {
    let (about, url) = ("public URL", &config.server.public_url);
    let names: Vec<&String> =
        config.carriers.iter().filter(|(_, options)| options.profile != "sandbox").map(|(name, _)| name).collect();
    let Some(name) = names.first() else { return };
    if url.is_empty() {
        return findings.problem(about, "server.public_url is not set: no receipt comes, and no call speaks");
    }
    if url.starts_with("http://") {
        findings.note(about, "is not https: codes of calls and reports travel in the clear");
    }
    // Refused as forged by this gateway, and by nobody else.
    let response = http.post(format!("{url}/webhooks/{name}/sms/doctor")).send().await;
    match response {
        Err(error) => {
            let why = super::client::why(&error);
            findings.problem(
                about,
                format!("{url} {why} from here; does the gateway run, and does its proxy pass /webhooks on?"),
            );
        }
        Ok(response) => {
            let status = response.status();
            let body = response.text().await.unwrap_or_default();
            match body.contains("/problems/forged_webhook") {
                true => findings.good(about, format!("{url} leads to this gateway")),
                false => findings.problem(
                    about,
                    format!("{url}/webhooks answers {status}, but not as this gateway does; check the proxy, and that the gateway has this configuration"),
                ),
            }
        }
    }
}
