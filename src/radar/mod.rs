//! Carries what is seen of the carriers to `blocks`, the same way in every gateway, and
//! tells what `blocks` makes of it. Owns the outbox, the place in the log and the state
//! that is kept; what an event means is decided in `blocks`, who is chosen in `routing`.
//!
//! ```text
//! delivery ── event ──► outbox ── batch ──► log of evidence (store) ──► every gateway:
//!                                              │                        blocks::Radar
//! routing ◄── outlook ─────────────────────────┼──────────────────────────── ┘
//!                            state, kept twice a minute for those who come later
//! ```
//! All gateways read the same batches in the same order, and `blocks` is a function of
//! them alone, so they agree without asking each other. Nobody waits for any of this: a
//! store that is away delays evidence and never a message.

mod outbox;
mod state;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard};
use std::time::Duration;

use self::outbox::Outbox;
use crate::blocks::{Change, Event, Radar, Rules, State, What};
use crate::clock::Clock;
use crate::model::{Ms, SECOND};
use crate::store::{Evidence, Fleet, Placed, StoreError};
use crate::telemetry::Metrics;

/// How often the log is written and read. A decision is seen by all within two of these
/// and the answers of the store.
const ROUND: Duration = Duration::from_millis(800);
/// Batches that are read at a time.
const READ_AT_ONCE: usize = 500;
/// Time is written into the log when nothing else was for so long, as long as messages
/// are followed: what does not come is evidence too.
const TICK_MS: Ms = 5 * SECOND;
/// A change that is older than this was published by whoever saw it then.
const NEWS_MS: Ms = 60 * SECOND;

/// What a radar is connected with.
pub struct Parts {
    /// The log.
    pub evidence: Arc<dyn Evidence>,
    /// Who else reads it.
    pub fleet: Arc<dyn Fleet>,
    /// This run of this gateway, unlike any other.
    pub name: String,
    /// The rules of the decision.
    pub rules: Rules,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub clock: Clock,
}

/// One gateway's view of all evidence.
pub struct Watch {
    parts: Parts,
    outbox: Mutex<Outbox>,
    machine: RwLock<Machine>,
    kept: Mutex<state::Keeping>,
    /// Nothing is suspect, blocked or on its way back.
    calm: AtomicBool,
}

/// The radar and where in the log it stands.
struct Machine {
    radar: Radar,
    place: u64,
    /// Gateway, run and batch at that place: another one there is another log.
    mark: Option<(String, u64, u64)>,
    /// When the last batch came.
    at: Ms,
}

impl Watch {
    /// One that has read nothing yet; see [`Watch::start`].
    pub fn new(parts: Parts) -> Arc<Self> {
        let radar = Radar::new(parts.rules.clone());
        Arc::new(Watch {
            outbox: Mutex::new(Outbox::new(parts.name.clone(), parts.clock.now())),
            machine: RwLock::new(Machine { radar, place: 0, mark: None, at: 0 }),
            kept: Mutex::default(),
            calm: AtomicBool::new(true),
            parts,
        })
    }

    /// Something happened to a message.
    pub fn tell(&self, event: Event) {
        let lost = self.outbox.lock().expect("no panic while held").add(event);
        self.parts.metrics.evidence_lost(lost);
    }

    /// Whether no carrier is under suspicion anywhere.
    pub fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// What is believed now.
    pub fn radar(&self) -> impl std::ops::Deref<Target = Radar> + '_ {
        Seen(self.machine.read().expect("no panic while held"))
    }

    /// Writes and reads the log until it is told to stop, then keeps the state.
    pub fn start(self: &Arc<Self>, mut stopping: tokio::sync::watch::Receiver<bool>) -> tokio::task::JoinHandle<()> {
        let watch = self.clone();
        tokio::spawn(async move {
            let mut away = false;
            while !*stopping.borrow_and_update() {
                match watch.round().await {
                    Ok(()) => away = false,
                    Err(error) => {
                        watch.parts.metrics.store_error();
                        if !std::mem::replace(&mut away, true) {
                            tracing::warn!(%error, "Evidence waits for the store.");
                        }
                    }
                }
                tokio::select! {
                    () = tokio::time::sleep(ROUND) => {}
                    _ = stopping.changed() => {}
                }
            }
            watch.close().await;
        })
    }

    async fn round(&self) -> Result<(), StoreError> {
        if !self.kept.lock().expect("no panic while held").is_loaded {
            self.load(false).await?;
        }
        self.write().await?;
        self.read().await?;
        self.tick().await?;
        self.keep(false).await
    }

    /// Writes what is left, and the state, as far as the store takes it.
    async fn close(&self) {
        let last = async {
            self.write().await?;
            self.read().await?;
            self.keep(true).await
        };
        if let Err(error) = last.await {
            tracing::debug!(%error, "Store is away, the last evidence is not kept.");
        }
    }

    /// Adds the outbox to the log. A batch whose answer is lost is sent again, and counts
    /// once.
    async fn write(&self) -> Result<(), StoreError> {
        loop {
            let Some(batch) = self.outbox.lock().expect("no panic while held").next() else { return Ok(()) };
            let events = batch.events.len();
            match self.parts.evidence.append(batch).await {
                Ok(()) => {}
                Err(StoreError::Full) => self.parts.metrics.evidence_lost(events),
                Err(error) => return Err(error),
            }
            self.outbox.lock().expect("no panic while held").done();
        }
    }

    /// Reads the log up to its end. A log that does not go on where this gateway stands
    /// is another one, or was cut: then the state that is kept goes on, or a gap is
    /// accepted.
    async fn read(&self) -> Result<(), StoreError> {
        let mut loaded = false;
        loop {
            let (place, known) = {
                let machine = self.machine.read().expect("no panic while held");
                (machine.place, machine.mark.clone())
            };
            let batches = self.parts.evidence.since(place, READ_AT_ONCE).await?;
            let whole = batches.len() == READ_AT_ONCE;
            if !loaded && !follows(&batches, place, known.as_ref()) {
                tracing::info!(place, "The log of evidence is another one; the state that is kept goes on.");
                self.load(true).await?;
                loaded = true;
                continue;
            }
            self.take(batches, place);
            if !whole {
                return Ok(());
            }
        }
    }

    fn take(&self, batches: Vec<Placed>, after: u64) {
        let changes = {
            let mut machine = self.machine.write().expect("no panic while held");
            let mut changes = Vec::new();
            for placed in batches {
                machine.mark = Some(placed.mark());
                if placed.place <= after {
                    continue;
                }
                for event in &placed.batch.events {
                    match serde_json::from_str::<Event>(event) {
                        Ok(event) => machine.radar.apply(placed.at, &event),
                        // A newer gateway's, or a stranger's.
                        Err(_) => machine.radar.apply(placed.at, &Event::Tick),
                    }
                }
                changes.extend(machine.radar.take_changes());
                (machine.place, machine.at) = (placed.place, placed.at);
            }
            changes
        };
        let news = self.parts.clock.now().saturating_sub(NEWS_MS);
        changes.iter().filter(|change| change.at >= news).for_each(|change| self.publish(change));
        if !changes.is_empty() {
            self.count_cells();
        }
    }

    fn count_cells(&self) {
        let radar = self.radar();
        let states: Vec<State> = radar.states().collect();
        self.calm.store(states.iter().all(|state| *state == State::Healthy), Ordering::Relaxed);
        for state in [State::Healthy, State::Suspect, State::Blocked, State::Ramp] {
            self.parts.metrics.cells(state_word(state), states.iter().filter(|other| **other == state).count());
        }
    }

    fn publish(&self, change: &Change) {
        let Change { cell, what, reason, .. } = change;
        let (carrier, sender, network, channel) = (&cell.carrier, &cell.sender, &cell.network, cell.channel);
        match what {
            What::Alarm => {
                self.parts.metrics.network_alarm(channel);
                tracing::error!(network, %channel, reason, "Codes do not arrive on a network, whoever carries them.");
            }
            What::State { to: State::Blocked, .. } => {
                self.parts.metrics.block(carrier, channel);
                tracing::error!(carrier, sender, network, %channel, reason, "A network blocks a carrier.");
            }
            What::State { from, to } => {
                let (from, to) = (state_word(*from), state_word(*to));
                tracing::info!(carrier, sender, network, %channel, from, to, reason, "A carrier's standing changed.");
            }
            What::Label => tracing::info!(carrier, sender, network, %channel, reason, "A block has a name."),
        }
    }

    /// Lets time pass in the log while nothing else is written.
    async fn tick(&self) -> Result<(), StoreError> {
        let due = {
            let machine = self.machine.read().expect("no panic while held");
            machine.radar.size().1 > 0 && self.parts.clock.now() >= machine.at + TICK_MS
        };
        if due && self.parts.fleet.only_one("evidence tick", TICK_MS).await? {
            self.tell(Event::Tick);
            self.write().await?;
        }
        Ok(())
    }
}

/// Whether batches go on where a reader stands: they begin with the one that it read
/// last, or with the next if it never knew that one.
fn follows(batches: &[Placed], place: u64, known: Option<&(String, u64, u64)>) -> bool {
    match (batches.first(), known) {
        (None, None) => true,
        // What was read is gone: the log was cut, or is another one.
        (None, Some(_)) => false,
        (Some(first), None) => first.place <= place + 1,
        (Some(first), Some(known)) => first.place == place && first.mark() == *known,
    }
}

fn state_word(state: State) -> &'static str {
    match state {
        State::Healthy => "healthy",
        State::Suspect => "suspect",
        State::Blocked => "blocked",
        State::Ramp => "ramp",
    }
}

struct Seen<'a>(RwLockReadGuard<'a, Machine>);

impl std::ops::Deref for Seen<'_> {
    type Target = Radar;

    fn deref(&self) -> &Radar {
        &self.0.radar
    }
}
