//! `demo` and `serve`.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{DemoArgs, Failure, runtime};
use crate::app::Gateway;
use crate::config::{
    CarrierOptions, Config, CountryList, KeyOptions, Loaded, LogFormat, Scope, TenantLimits, TenantOptions,
    WideLimitOptions,
};
use crate::model::{Secret, TenantId};
use crate::seal::{ApiKeyHash, MasterKey};
use crate::telemetry::start_logs;

/// Reads a configuration with this process's environment.
pub fn load(file: Option<&Path>) -> Result<Loaded, Failure> {
    let vars: Vec<(String, String)> =
        std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
    let mut loaded = crate::config::load(file, &|name| std::env::var(name).ok(), &vars)?;
    let seal = &mut loaded.config.seal;
    if seal.master_key.reveal().is_empty()
        && seal.master_key_file.as_os_str().is_empty()
        && let Ok(key) = std::env::var("OTP_MASTER_KEY")
    {
        seal.master_key = Secret::new(key);
    }
    Ok(loaded)
}

pub fn serve(file: Option<PathBuf>) -> Result<bool, Failure> {
    let Loaded { config, warnings } = load(file.as_deref())?;
    start_logs(config.log.format == LogFormat::Json, &config.log.level)?;
    no_core_dump();
    for warning in warnings {
        tracing::warn!("{warning}.");
    }
    runtime()?.block_on(async {
        let signals = Signals::listen()?;
        let gateway = Gateway::start(config).await?;
        tracing::info!(address = %gateway.address(), "Gateway listens.");
        signals.told_to_stop().await?;
        tracing::info!("Gateway stops.");
        gateway.stop().await;
        Ok(true)
    })
}

pub fn demo(args: DemoArgs) -> Result<bool, Failure> {
    let config = demo_config(&args)?;
    start_logs(config.log.format == LogFormat::Json, &config.log.level)?;
    no_core_dump();
    runtime()?.block_on(async {
        let signals = Signals::listen()?;
        let gateway = Gateway::start(config).await?;
        // A closed pipe does not end the gateway.
        let _ = banner(&mut std::io::stdout(), gateway.address(), &args.api_key, &args.data);
        signals.told_to_stop().await?;
        gateway.stop().await;
        Ok(true)
    })
}

/// A crash must not write keys and codes to disk.
fn no_core_dump() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        if let Err(error) = setrlimit(Resource::Core, none) {
            tracing::warn!(%error, "Core dumps could not be switched off.");
        }
    }
}

/// Two sandbox carriers, one tenant, everything allowed.
fn demo_config(args: &DemoArgs) -> Result<Config, Failure> {
    let mut config = load(args.config.as_deref())?.config;
    config.server.listen = args.listen;
    std::fs::create_dir_all(&args.data).map_err(|error| format!("{}: {error}", args.data.display()))?;
    config.store.path = args.data.join("gateway.db");
    if !args.store.is_empty() {
        config.store.url = Secret::new(args.store.clone());
    }
    // One that several gateways share cannot have a key of one gateway's own.
    if config.seal.master_key.reveal().is_empty() && !config.store.is_shared() {
        config.seal.master_key = demo_master_key(&args.data.join("master.key"))?;
    }
    config.sandbox.enabled = true;
    if config.countries.allow == CountryList::Only(Vec::new()) {
        config.countries.allow = CountryList::All;
    }
    if args.relaxed_limits {
        config.limits.wide = WideLimitOptions::default();
    }
    for name in ["sandbox-a", "sandbox-b"] {
        config.carriers.entry(name.into()).or_insert_with(|| CarrierOptions::of("sandbox", 100));
    }
    let demo = TenantId("demo".into());
    if !config.tenants.iter().any(|tenant| tenant.name == demo) {
        config.tenants.push(TenantOptions {
            name: demo.clone(),
            verification: config.verification.clone(),
            limits: TenantLimits { number: config.limits.number.clone() },
        });
    }
    config.keys.push(KeyOptions {
        tenant: demo,
        owner: "demo".into(),
        scopes: vec![Scope::Verify, Scope::Deliver, Scope::Support, Scope::Ops],
        hash: ApiKeyHash::of(&args.api_key).to_string(),
    });
    Ok(config)
}

/// Made at the first start, readable by its owner only.
fn demo_master_key(path: &Path) -> Result<Secret<String>, Failure> {
    let place = |error: std::io::Error| format!("{}: {error}", path.display());
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Secret::new(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = MasterKey::generate();
            // Whole or not at all: half a key would lock the store for good.
            let draft = path.with_added_extension("new");
            let mut options = std::fs::File::options();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(&draft).map_err(place)?;
            file.write_all(key.reveal().as_bytes()).and_then(|()| file.sync_all()).map_err(place)?;
            std::fs::rename(&draft, path).map_err(place)?;
            Ok(key)
        }
        Err(error) => Err(place(error).into()),
    }
}

fn banner(out: &mut impl Write, address: std::net::SocketAddr, key: &str, data: &Path) -> std::io::Result<()> {
    let url = format!("http://{address}");
    writeln!(
        out,
        r#"otp-gateway demo: nothing leaves this machine, messages arrive on the sandbox phone.

  sandbox phone  {url}/sandbox#key={key}
  interface      {url}/docs/
  API key        {key}
  data           {}

Take any mobile number of any country:
  NUMBER=+...

1. Send a code by SMS:
  curl -s {url}/v1/verifications -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d "{{\"to\":\"$NUMBER\"}}"
  ID=ver_...      (the id in the answer)

2. "Didn't receive a code?" Call instead, and answer on the sandbox phone:
  curl -s {url}/v1/verifications/$ID/deliveries -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{{"channel":"voice"}}'

3. What arrived:
  curl -s {url}/sandbox/messages -H 'Authorization: Bearer {key}'

4. Check the code:
  curl -s {url}/v1/verifications/$ID/check -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d "{{\"code\":\"$CODE\"}}"

Stop with Ctrl-C."#,
        data.display()
    )?;
    out.flush()
}

/// Ctrl-C and, on Unix, SIGTERM. Made before anything is started, so that a signal
/// that comes early is not lost.
struct Signals {
    #[cfg(unix)]
    both: [tokio::signal::unix::Signal; 2],
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Signals { both: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
        }
        #[cfg(not(unix))]
        Ok(Signals {})
    }

    async fn told_to_stop(self) -> std::io::Result<()> {
        #[cfg(unix)]
        {
            let [mut interrupt, mut terminate] = self.both;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            Ok(())
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    }
}
