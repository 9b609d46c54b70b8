//! Builds and connects everything. Owns the order of start and stop; no other
//! room makes a room.

mod carriers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::admission::{self, Admission, OptOuts};
use crate::api::{self, Api};
use crate::blocks::Rules;
use crate::carrier::CarrierEvents;
use crate::carrier::sandbox::Phones;
use crate::clock::Clock;
use crate::config::{Config, StoreOptions, TenantOptions};
use crate::delivery::{Deliveries, Parts, Wording};
use crate::http::{ApiKeys, Served, fallback, method_not_allowed, observe, serve};
use crate::message::Messages;
use crate::model::TenantId;
use crate::number::Numbers;
use crate::pages::{self, Pages};
use crate::radar::{self, Watch};
use crate::seal::{ApiKeyHash, Keys, MasterKey, SealError};
use crate::store::embedded::Embedded;
use crate::store::redis::{self, Redis, RedisOptions};
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;
use crate::template::Templates;
use crate::verification::Verifications;
use crate::voice::Prompts;
use crate::webhook::{self, Webhooks};

pub use carriers::{Connected, check as check_carriers, connect as connect_carriers, library};

/// Why a gateway does not start. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration names something that does not exist.
    #[error("{0}")]
    Config(String),
    /// A file or folder.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// Another process uses the store.
    #[error(
        "{0} is in use by another process; one embedded store serves one gateway, stop the other or give another path"
    )]
    InUse(PathBuf),
    /// The address.
    #[error("cannot listen on {0}: {1}; give another address with --listen or server.listen")]
    Listen(std::net::SocketAddr, std::io::Error),
    /// The store.
    #[error("cannot open the store: {0}")]
    Store(#[from] StoreError),
    /// The keys.
    #[error("{0}")]
    Seal(#[from] SealError),
}

/// A running gateway.
pub struct Gateway {
    served: Served,
    deliveries: Arc<Deliveries>,
    worker: tokio::task::JoinHandle<()>,
    radar: tokio::task::JoinHandle<()>,
    stop_radar: tokio::sync::watch::Sender<bool>,
    phones: Option<Arc<Phones>>,
    grace: Duration,
    // Held for as long as the embedded store is open.
    _lock: Option<std::fs::File>,
}

impl Gateway {
    /// Starts one: the store first, then the rooms, then the worker, the door last.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::default());
        let Opened { store, clock, lock } = open_store(&config.store).await?;
        let keys = Arc::new(open_keys(&store, &config).await?);
        let tenants: Arc<BTreeMap<TenantId, TenantOptions>> =
            Arc::new(config.tenants.iter().map(|tenant| (tenant.name.clone(), tenant.clone())).collect());
        let api_keys = api_keys(&config)?;
        let (templates, prompts) = words(&config)?;

        let phones = open_phones(&config, &prompts, &clock)?;
        let Connected { carriers, http } = connect_carriers(&config, keys.clone(), clock.clone(), phones.as_ref())?;
        let watch = Watch::new(radar::Parts {
            evidence: store.evidence.clone(),
            fleet: store.fleet.clone(),
            name: format!("{:016x}", u64::from_be_bytes(crate::seal::random())),
            rules: Rules::default(),
            metrics: metrics.clone(),
            clock: clock.clone(),
        });
        let deliveries = Deliveries::new(Parts {
            watch: watch.clone(),
            store: store.clone(),
            keys: keys.clone(),
            carriers,
            templates: templates.clone(),
            wordings: tenants.iter().map(|(name, tenant)| (name.clone(), wording(tenant))).collect(),
            options: config.delivery.clone(),
            routing: config.routing.clone(),
            keep_log_days: config.archive.keep_days,
            gate: config.voice.gate,
            metrics: metrics.clone(),
            clock: clock.clone(),
        });
        if let Some(phones) = &phones {
            let events: Arc<dyn CarrierEvents> = deliveries.clone();
            phones.report_to(&events);
        }
        let shared = admission::Shared { metrics: metrics.clone(), clock: clock.clone() };
        let admission = Arc::new(Admission::new(&store, keys.clone(), &config, deliveries.clone(), shared));
        let verifications = Arc::new(Verifications {
            store: store.clone(),
            keys: keys.clone(),
            admission: admission.clone(),
            deliveries: deliveries.clone(),
            tenants: tenants.clone(),
            templates,
            metrics: metrics.clone(),
            clock: clock.clone(),
        });
        let numbers = Arc::new(Numbers::new());
        let opt_outs = Arc::new(OptOuts {
            consents: store.consents.clone(),
            archive: store.archive.clone(),
            numbers: numbers.clone(),
            keys: keys.clone(),
            clock: clock.clone(),
        });
        let webhooks = Webhooks {
            carriers: Arc::new(http),
            events: deliveries.clone(),
            opt_outs,
            prompts: prompts.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
        };
        let messages = Arc::new(Messages {
            store: store.clone(),
            keys,
            admission,
            deliveries: deliveries.clone(),
            tenants,
            metrics: metrics.clone(),
            clock,
        });

        let deliveries_api = deliveries.clone();
        let api = Api { verifications, messages, numbers, deliveries: deliveries_api, keys: api_keys.clone() };
        let (router, document) = api::router(api, &config.server);
        let pages = pages::router(Pages {
            phones: phones.clone(),
            prompts,
            carriers: config.carriers.keys().cloned().collect(),
            keys: api_keys,
            store,
            metrics: metrics.clone(),
            document,
        });
        let router = router
            .merge(pages)
            .merge(webhook::router(webhooks, &config.server))
            .fallback(fallback)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(axum::middleware::from_fn_with_state(metrics, observe));
        let address = config.server.listen;
        let listen = |error| StartError::Listen(address, error);
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let worker = deliveries.start();
        let (stop_radar, stopping) = tokio::sync::watch::channel(false);
        let radar = watch.start(stopping);
        let served = serve(listener, router, &config.server).await.map_err(listen)?;
        let grace = Duration::from_secs(config.server.shutdown_grace_seconds);
        Ok(Gateway { served, deliveries, worker, radar, stop_radar, phones, grace, _lock: lock })
    }

    /// Where it listens.
    pub fn address(&self) -> std::net::SocketAddr {
        self.served.address
    }

    /// Takes no more requests, lets what runs end, hands back leases.
    pub async fn stop(self) {
        let wake_waiting_pages = async {
            loop {
                self.phones.iter().for_each(|phones| phones.changed());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            () = self.served.stop() => {}
            () = wake_waiting_pages => {}
        }
        self.deliveries.stop(self.grace).await;
        // Last, so that what the deliveries told is kept.
        self.stop_radar.send_replace(true);
        // They end at their next look; nothing is lost if they do not.
        let _ = tokio::time::timeout(Duration::from_secs(1), futures_util::future::join(self.worker, self.radar)).await;
    }
}

/// A store with the clock that counts for it.
pub struct Opened {
    /// The store.
    pub store: Store,
    /// The clock that counts for it.
    pub clock: Clock,
    /// The embedded store's, held while it is open.
    pub lock: Option<std::fs::File>,
}

/// Opens the store that the options name.
pub async fn open_store(options: &StoreOptions) -> Result<Opened, StartError> {
    if !options.is_shared() {
        make_folder_of(&options.path)?;
        let (lock, clock) = (lock(&options.path)?, Clock::System);
        let store = Embedded::open(&options.path, clock.clone())?;
        return Ok(Opened { store, clock, lock: Some(lock) });
    }
    let clock = Clock::followed();
    let redis = RedisOptions {
        url: options.url.clone(),
        key_prefix: options.key_prefix.clone(),
        ca: redis::read_ca(&options.tls_ca_file)?,
        min_replicas_acked: options.min_replicas_acked,
        partitions: options.partitions,
    };
    let store = Redis::open(&redis, &clock).await?;
    // Learns the clock before anything asks for it.
    store.fleet.beat().await?;
    Ok(Opened { store, clock, lock: None })
}

fn wording(tenant: &TenantOptions) -> Wording {
    Wording { app_name: tenant.verification.app_name.clone(), pause_ms: tenant.limits.number.paused_ms() }
}

fn make_folder_of(path: &Path) -> Result<(), StartError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| StartError::File(folder.to_owned(), error))
}

/// A lock beside the store's file; the system drops it when the process ends.
fn lock(path: &Path) -> Result<std::fs::File, StartError> {
    let lock = path.with_added_extension("lock");
    let file = std::fs::File::options().create(true).append(true).open(&lock);
    let file = file.map_err(|error| StartError::File(lock.clone(), error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::InUse(path.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(StartError::File(lock, error)),
    }
}

async fn open_keys(store: &Store, config: &Config) -> Result<Keys, StartError> {
    let mut text = config.seal.master_key.reveal().clone();
    let file = &config.seal.master_key_file;
    if text.trim().is_empty() && !file.as_os_str().is_empty() {
        text = std::fs::read_to_string(file).map_err(|error| StartError::File(file.clone(), error))?;
    }
    let masters: Vec<MasterKey> = text.split_whitespace().map(MasterKey::from_base64).collect::<Result<_, _>>()?;
    if masters.is_empty() {
        let fix = "no master key is given; set OTP_MASTER_KEY (the same for all gateways of a store), for example \
                   to the output of `openssl rand -base64 32`";
        return Err(StartError::Config(fix.into()));
    }
    let partitions = store.facts.set_once("partitions", config.store.partitions.to_be_bytes().to_vec()).await?;
    let partitions = partitions.try_into().map(u16::from_be_bytes);
    let partitions = partitions.map_err(|_| StoreError::Unreadable("the partition count".into()))?;
    if partitions != config.store.partitions {
        tracing::warn!(partitions, "store.partitions differs from what the store was made with, which counts.");
    }
    let wrapped = store.facts.set_once("wrapped_keys", Keys::wrap_new(&masters)).await?;
    let keys = Keys::unwrap(masters, &wrapped, partitions)?;
    if let Some(rewrapped) = keys.rewrap(&wrapped) {
        store.facts.set("wrapped_keys", rewrapped).await?;
        tracing::info!("The store's keys are wrapped by every master key that is given now.");
    }
    Ok(keys)
}

fn api_keys(config: &Config) -> Result<ApiKeys, StartError> {
    let keys = config.keys.iter().map(|key| {
        let hash: ApiKeyHash =
            key.hash.parse().map_err(|error| StartError::Config(format!("key of {:?}: {error}", key.owner)))?;
        Ok((hash, key.tenant.clone(), key.owner.clone(), key.scopes.clone()))
    });
    Ok(ApiKeys::new(keys.collect::<Result<Vec<_>, StartError>>()?))
}

/// Words and recordings: built in, with the operator's over them.
pub fn words(config: &Config) -> Result<(Arc<Templates>, Arc<Prompts>), StartError> {
    let dir = Some(config.templates.dir.as_path()).filter(|dir| !dir.as_os_str().is_empty());
    let templates =
        Templates::load(Templates::builtin(), dir).map_err(|error| StartError::Config(error.to_string()))?;
    let prompts = Prompts::load(dir).map_err(|error| StartError::Config(error.to_string()))?;
    for (locale, names) in templates.prompt_names() {
        if let Some(name) = prompts.missing(&locale, names.iter().map(String::as_str)).first() {
            let fix = format!("recording {locale}/prompts/{name}.ul is missing; see `otp-gateway templates lint`");
            return Err(StartError::Config(fix));
        }
    }
    Ok((Arc::new(templates), Arc::new(prompts)))
}

fn open_phones(config: &Config, prompts: &Arc<Prompts>, clock: &Clock) -> Result<Option<Arc<Phones>>, StartError> {
    if !config.sandbox.enabled {
        return Ok(None);
    }
    let list = &config.sandbox.list;
    let path = match list.to_str() {
        Some("none") => None,
        Some("") => Some(config.store.path.with_file_name("sandbox.jsonl")),
        _ => Some(list.clone()),
    };
    if let Some(path) = &path {
        make_folder_of(path)?;
    }
    let delay = Duration::from_millis(config.sandbox.sms_delay_ms);
    let phones = Phones::open(path.as_deref(), prompts.clone(), clock.clone(), delay);
    phones.map(Some).map_err(|error| StartError::File(path.unwrap_or_default(), error))
}
