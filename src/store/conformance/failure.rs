//! Failures as values, and the runner that collects them: a panic in a case is
//! one failure like any other.

use std::fmt::{self, Debug, Display};

use tokio::task::JoinSet;

use crate::store::StoreError;

/// One thing that a store did otherwise than every store must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The case, or the history with its seed.
    pub name: String,
    /// What was expected.
    pub expected: String,
    /// What was seen.
    pub seen: String,
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  expected: {}\n  seen:     {}", self.name, self.expected, self.seen)
    }
}

/// The same before the runner has put a name on it.
#[derive(Debug, Clone)]
pub struct Wrong {
    pub expected: String,
    pub seen: String,
}

/// What a case ends with.
pub type Told<T = ()> = Result<T, Wrong>;

impl Wrong {
    /// Expected in words, seen as it is.
    pub fn new(expected: impl Display, seen: &impl Debug) -> Self {
        Wrong { expected: expected.to_string(), seen: format!("{seen:?}") }
    }

    /// Puts the name on it.
    pub fn named(self, name: impl Into<String>) -> Failure {
        Failure { name: name.into(), expected: self.expected, seen: self.seen }
    }
}

impl From<StoreError> for Wrong {
    fn from(error: StoreError) -> Self {
        Wrong::new("an answer", &error)
    }
}

/// That two values are the same.
pub fn same<T: PartialEq + Debug>(what: &str, seen: T, expected: T) -> Told {
    if seen == expected { Ok(()) } else { Err(Wrong::new(format!("{what}: {expected:?}"), &seen)) }
}

/// That something holds; `seen` is printed if it does not.
pub fn holds(what: &str, it: bool, seen: &impl Debug) -> Told {
    if it { Ok(()) } else { Err(Wrong::new(what, seen)) }
}

/// The value behind a pattern, or what was seen instead.
macro_rules! expected {
    ($seen:expr, $pattern:pat => $value:expr) => {
        match $seen {
            $pattern => $value,
            other => return Err($crate::store::conformance::failure::Wrong::new(stringify!($pattern), &other)),
        }
    };
    ($seen:expr, $pattern:pat) => {
        expected!($seen, $pattern => ())
    };
}
pub(super) use expected;

/// Runs jobs, `at_once` of them at a time, and returns what failed.
pub async fn run<F>(jobs: impl IntoIterator<Item = (String, F)>, at_once: usize) -> Vec<Failure>
where
    F: Future<Output = Told> + Send + 'static,
{
    let (mut jobs, mut running, mut failures) = (jobs.into_iter(), JoinSet::new(), Vec::new());
    loop {
        while running.len() < at_once.max(1)
            && let Some((name, job)) = jobs.next()
        {
            running.spawn(async move {
                // A task of its own, so that a panic comes back as a value.
                let wrong = match tokio::spawn(job).await {
                    Ok(told) => told.err(),
                    Err(panic) => Some(Wrong::new("no panic", &panic)),
                };
                wrong.map(|wrong| wrong.named(name))
            });
        }
        match running.join_next().await {
            Some(ended) => failures.extend(ended.expect("the job's panic was caught inside")),
            None => break,
        }
    }
    failures.sort_by(|a, b| a.name.cmp(&b.name));
    failures
}
