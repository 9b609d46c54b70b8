//! Reports: what the runs of a scenario came to, as text, JSON and a picture, and
//! whether it is what the scenario expects.

pub mod expect;
mod numbers;
pub mod summary;
pub mod svg;
pub mod text;

use serde_json::{Value, json};

use self::expect::Verdict;
use self::summary::Summary;
use super::scenario::{Plan, word};

/// The report of one scenario for scripts.
pub fn to_json(plan: &Plan, seeds: &[u64], summaries: &[Summary], verdicts: &[Verdict]) -> Value {
    let happenings =
        plan.happenings.iter().map(|happening| json!({ "kind": word(happening.kind), "at_ms": happening.at }));
    json!({
        "scenario": plan.name,
        "about": plan.about,
        "length_ms": plan.length,
        "seeds": seeds,
        "events": happenings.collect::<Vec<_>>(),
        "policies": summaries,
        "expected": verdicts,
        "ok": verdicts.iter().all(|verdict| verdict.holds),
    })
}
