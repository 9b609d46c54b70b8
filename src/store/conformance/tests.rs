//! The suite against the embedded store, and against stores that are wrong on
//! purpose.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use async_trait::async_trait;

use super::mutants::mutants;
use super::{Failure, Harness, Harnesses, cases, histories};
use crate::clock::Clock;
use crate::model::Ms;
use crate::store::Store;
use crate::store::embedded::Embedded;
use crate::store::embedded::rules::Rules;

/// One store and its clock.
pub struct One {
    pub store: Store,
    pub clock: Clock,
}

#[async_trait]
impl Harness for One {
    fn store(&self) -> Store {
        self.store.clone()
    }

    async fn pass(&self, ms: Ms) {
        match &self.clock {
            Clock::Manual(_) => self.clock.advance(ms),
            Clock::System | Clock::Followed(_) => tokio::time::sleep(std::time::Duration::from_millis(ms)).await,
        }
    }

    fn tolerance_ms(&self) -> Ms {
        match &self.clock {
            Clock::Manual(_) => 0,
            Clock::System | Clock::Followed(_) => 20,
        }
    }
}

/// Embedded stores in files of their own.
struct Many {
    folder: tempfile::TempDir,
    made: AtomicU64,
    rules: Rules,
    is_manual: bool,
}

#[async_trait]
impl Harnesses for Many {
    async fn fresh(&self) -> Arc<dyn Harness> {
        let path = self.folder.path().join(self.made.fetch_add(1, Ordering::Relaxed).to_string());
        let clock = if self.is_manual { Clock::manual(1_700_000_000_123) } else { Clock::System };
        let store = Embedded::open_with(&path, clock.clone(), self.rules).expect("a fresh file opens");
        Arc::new(One { store, clock })
    }
}

/// A folder in memory where the system has one: what is tested here is what is
/// written, not that the disk keeps it.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in::<PathBuf>(base).expect("a folder for tests")
}

fn embedded(rules: Rules, is_manual: bool) -> Arc<dyn Harnesses> {
    Arc::new(Many { folder: folder(), made: AtomicU64::new(0), rules, is_manual })
}

fn none(failures: &[Failure]) {
    let told: Vec<_> = failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{} failed\n{}", told.len(), told.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_holds() {
    let began = Instant::now();
    none(&cases(embedded(Rules::default(), true), 8).await);
    println!("cases, manual clock: {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_histories_are_explained() {
    let began = Instant::now();
    none(&histories(embedded(Rules::default(), true), 0..1_000, 8).await);
    println!("1,000 histories, manual clock: {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_and_histories_hold_in_real_time() {
    let began = Instant::now();
    none(&super::run_all(embedded(Rules::default(), false), 0..30, 30).await);
    println!("cases and 30 histories, real time: {:?}", began.elapsed());
}

/// What noticed a mutant.
async fn notices(rules: Rules) -> (Vec<String>, Option<String>) {
    let cases = cases(embedded(rules, true), 8).await.into_iter().map(|failure| failure.name).collect();
    let harnesses = embedded(rules, true);
    for first in (0..1_000).step_by(10) {
        let failed = histories(harnesses.clone(), first..first + 10, 8).await;
        if let Some(failure) = failed.first() {
            return (cases, Some(failure.name.clone()));
        }
    }
    (cases, None)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutant_is_noticed_by_cases_or_histories() {
    let (began, mutants) = (Instant::now(), mutants());
    let (mut missed, mut by_histories) = (Vec::new(), 0);
    for (name, rules) in &mutants {
        let (cases, history) = notices(*rules).await;
        println!("{name}\n    {} of the cases: {}", cases.len(), cases.join(", "));
        println!("    {}", history.as_deref().unwrap_or("no history"));
        by_histories += usize::from(history.is_some());
        if cases.is_empty() && history.is_none() {
            missed.push(name);
        }
    }
    println!("{} mutants, {by_histories} of them noticed by histories: {:?}", mutants.len(), began.elapsed());
    assert!(missed.is_empty(), "nothing noticed {missed:?}");
    assert!(by_histories * 10 >= mutants.len() * 9, "histories noticed only {by_histories} of {}", mutants.len());
}
