//! The state that is kept for gateways that come later, and for this one after a restart.

use super::{Machine, Watch, state_word};
use crate::blocks::{CellKey, CellView, Radar, State};
use crate::model::{Ms, SECOND};
use crate::store::{Kept, StoreError};

/// How often it is kept, by one of all gateways. A large one is kept less often, so that
/// it costs the store no more than [`BYTES_A_SECOND`].
const KEEP_MS: Ms = 30 * SECOND;
const BYTES_A_SECOND: u64 = 100_000;
/// The layout of what is kept. Of another one, or of other rules, nothing is taken over.
const LAYOUT: u8 = 2;
/// Most cells that are written in words as well, beside those in trouble.
const CELLS_TOLD: usize = 1_000;

/// What this gateway kept last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keeping {
    /// Its place; the log before it is not needed any more.
    place: u64,
    /// Its size in bytes, with the cells in words.
    size: u64,
    /// When this gateway last asked whether it is the one that keeps it.
    asked: Ms,
    /// What was kept by an earlier run has been looked for.
    pub is_loaded: bool,
}

impl Watch {
    /// Keeps the state, if it is time and nobody else does; `now` at once.
    pub(super) async fn keep(&self, now: bool) -> Result<(), StoreError> {
        let last = *self.kept.lock().expect("no panic while held");
        let place = self.machine.read().expect("no panic while held").place;
        if place <= last.place {
            return Ok(());
        }
        let every = KEEP_MS.max(last.size * SECOND / BYTES_A_SECOND);
        let at = self.parts.clock.now();
        if !now && at < last.asked + every {
            return Ok(());
        }
        self.kept.lock().expect("no panic while held").asked = at;
        if !now && !self.parts.fleet.only_one("evidence state", every).await? {
            return Ok(());
        }
        let kept = self.written().await;
        let place = kept.place;
        let size = kept.state.len() + kept.cells.iter().map(|(name, text)| name.len() + text.len()).sum::<usize>();
        // What was kept before may still be what another gateway reads.
        self.parts.evidence.keep(kept, last.place).await?;
        *self.kept.lock().expect("no panic while held") = Keeping { place, size: size as u64, asked: at, ..last };
        Ok(())
    }

    /// Goes on from the state that is kept. If none is, and `all` are to go on from the
    /// same one, this gateway's own is it, or another's that was faster.
    pub(super) async fn load(&self, all: bool) -> Result<(), StoreError> {
        let mut kept = self.parts.evidence.kept().await?;
        if all && kept.is_none() {
            let own = Kept { place: 0, ..self.written().await };
            self.parts.evidence.keep(own, 0).await?;
            kept = self.parts.evidence.kept().await?;
        }
        let keeping = Keeping { is_loaded: true, ..Keeping::default() };
        let Some((place, state)) = kept else {
            *self.kept.lock().expect("no panic while held") = keeping;
            self.count_cells();
            return Ok(());
        };
        let known = state.split_first().filter(|(layout, _)| **layout == LAYOUT);
        let radar = known.and_then(|(_, state)| rmp_serde::from_slice::<Radar>(state).ok());
        let radar = radar.filter(|radar| *radar.rules() == self.parts.rules).unwrap_or_else(|| {
            tracing::warn!("What is kept of the radar was made by another version; this one begins anew.");
            Radar::new(self.parts.rules.clone())
        });
        *self.kept.lock().expect("no panic while held") = Keeping { place, ..keeping };
        let at = self.parts.clock.now();
        *self.machine.write().expect("no panic while held") = Machine { radar, place, mark: None, at };
        self.count_cells();
        Ok(())
    }

    /// The state as it is kept. A large one takes a moment to write: from a copy, and
    /// not on a thread that answers requests.
    async fn written(&self) -> Kept {
        let (radar, place) = {
            let machine = self.machine.read().expect("no panic while held");
            (machine.radar.clone(), machine.place)
        };
        let now = self.parts.clock.now();
        let written = tokio::task::spawn_blocking(move || {
            let mut state = vec![LAYOUT];
            rmp_serde::encode::write(&mut state, &radar).expect("a Vec takes it, and every part has a form");
            (state, told(&radar, now))
        });
        let (state, cells) = written.await.expect("it does not panic, and nobody aborts it");
        Kept { place, state, cells }
    }
}

/// The cells in words, for whoever looks into the store: all in trouble, and some more.
fn told(radar: &Radar, now: Ms) -> Vec<(String, String)> {
    let (usual, unusual): (Vec<_>, Vec<_>) = radar.cells().partition(|(_, view)| view.state == State::Healthy);
    let tell = |(key, view): (&CellKey, CellView)| {
        let name = format!("{}|{}|{}|{}", key.carrier, key.sender, key.network, key.channel);
        let mut text = serde_json::to_value(&view).unwrap_or_default();
        text["state"] = state_word(view.state).into();
        text["sentence"] = radar.explain(key, now).into();
        (name, text.to_string())
    };
    unusual.into_iter().chain(usual.into_iter().take(CELLS_TOLD)).map(tell).collect()
}
