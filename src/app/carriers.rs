//! Carriers as they are configured: each with its profile and its options, and every
//! problem at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::StartError;
use crate::carrier::http::profile::Library;
use crate::carrier::http::{Client, HttpCarrier, Shared};
use crate::carrier::sandbox::Phones;
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::{Carriers, Line};
use crate::model::Channel;
use crate::seal::{Keys, MasterKey};

/// The carriers of a gateway.
pub struct Connected {
    /// What deliveries choose from.
    pub carriers: Carriers,
    /// Those that call in over HTTP, by name.
    pub http: BTreeMap<String, Arc<HttpCarrier>>,
}

/// The profiles: the compiled-in ones, with the operator's over them.
pub fn library(config: &Config) -> Result<Library, StartError> {
    let dir = Some(config.carrier_profiles.dir.as_path()).filter(|dir| !dir.as_os_str().is_empty());
    Library::load(dir).map_err(|error| StartError::Config(error.to_string()))
}

/// Connects every configured carrier.
pub fn connect(
    config: &Config,
    keys: Arc<Keys>,
    clock: Clock,
    phones: Option<&Arc<Phones>>,
) -> Result<Connected, StartError> {
    let library = library(config)?;
    let client = Client::new(&config.carrier_http).map_err(StartError::Config)?;
    let shared = Shared { client, public_url: config.server.public_url.clone(), keys, clock };
    let (mut lines, mut http, mut problems) = (Vec::new(), BTreeMap::new(), Vec::new());
    for (name, options) in &config.carriers {
        let mut wrong = |problem: String| problems.push(format!("carriers.{name}: {problem}"));
        if options.profile == "sandbox" {
            match phones {
                Some(phones) => lines.push(Line::new(name, options.clone(), phones.carrier(name), |_| None)),
                None => wrong("needs the sandbox phone; set sandbox.enabled = true".into()),
            }
            continue;
        }
        let Some(profile) = library.get(&options.profile) else {
            wrong(format!("there is no profile {:?}, known: {}", options.profile, library.names()));
            continue;
        };
        let upstream = &profile.upstream;
        let mut options = options.clone();
        // What the profile cannot do is not asked of it.
        options.channels.retain(|channel| match channel {
            Channel::Sms => upstream.sms.is_some(),
            Channel::Voice => upstream.voice.is_some() && !shared.public_url.is_empty(),
        });
        let throughput = upstream.throughput.clone();
        match HttpCarrier::new(name, profile.clone(), &options, shared.clone()) {
            Ok(carrier) => {
                let carrier = Arc::new(carrier);
                http.insert(name.clone(), carrier.clone());
                lines.push(Line::new(name, options, carrier, |channel| match channel {
                    Channel::Sms => throughput.sms,
                    Channel::Voice => throughput.voice,
                }));
            }
            Err(all) => all.into_iter().for_each(wrong),
        }
    }
    match problems.is_empty() {
        true => Ok(Connected { carriers: Carriers::new(lines), http }),
        false => Err(StartError::Config(problems.join("\n"))),
    }
}

/// Connects them with throw-away keys, for commands that need no store: reports about
/// what they send reach nobody.
pub fn check(config: &Config) -> Result<Connected, StartError> {
    let master = MasterKey::from_base64(MasterKey::generate().reveal())?;
    let wrapped = Keys::wrap_new(std::slice::from_ref(&master));
    let keys = Keys::unwrap(vec![master], &wrapped, config.store.partitions)?;
    let mut alone = config.clone();
    alone.carriers.retain(|_, options| options.profile != "sandbox");
    connect(&alone, Arc::new(keys), Clock::System, None)
}
