//! Whole runs of small worlds.

mod drawn;
mod events;
mod files;
mod judging;
mod policies;
mod reports;
mod worlds;

use super::judge::Outcome;
use super::policy::{Fixed, Policy};
use super::run::run;
use super::scenario::{Plan, parse};

/// Two carriers, two networks, two hours; `more` is added.
fn small(more: &str) -> Plan {
    let text = format!(
        "length = \"2h\"\nwarm_up = \"10m\"\n\
         [carriers.cheap]\nprice = 1.0\nsenders = [\"A\", \"B\"]\n[carriers.dear]\nprice = 2.0\n\
         [networks.north]\nrate = \"10/min\"\n[networks.south]\nrate = \"10/min\"\n{more}"
    );
    parse("small", &text).unwrap_or_else(|problem| panic!("{problem}\n{text}"))
}

/// An event after an hour.
fn event(keys: &str) -> String {
    format!("[[event]]\nat = \"1h\"\n{keys}\n")
}

fn outcome(plan: &Plan, seed: u64, policy: &mut dyn Policy) -> Outcome {
    run(plan, seed, policy, false)
}

fn cheapest(plan: &Plan) -> Outcome {
    outcome(plan, 1, &mut Fixed)
}
