//! Runs the policies that were asked for on one scenario, seed by seed.

use super::policy::{Bandit, Fixed, Oracle, Ours, Policy, Shift};
use super::report::summary::{Runs, Summary, summaries};
use super::run::run;
use super::scenario::written::Settings;
use super::scenario::{PLAIN, Plan, Problem};
use crate::blocks::Rules;

/// What to run.
pub struct Asked<'a> {
    /// Names of policies; none are all.
    pub policies: &'a [String],
    /// Other settings for `ours`.
    pub settings: Option<&'a Settings>,
    /// One run each.
    pub seeds: &'a [u64],
    /// Whether to print what `ours` finds.
    pub trace: bool,
}

/// A policy before it is made for a run.
enum Chosen {
    Fixed,
    Shift,
    Bandit,
    Oracle,
    Ours { rules: Box<Rules>, value: f64 },
}

impl Asked<'_> {
    /// Whether all that was asked for can be run on a scenario.
    ///
    /// # Errors
    /// If a policy is unknown, or settings are not ours.
    pub fn check(&self, plan: &Plan) -> Result<(), Problem> {
        self.chosen(plan).map(|_| ())
    }

    /// The policies to run, with names; ours and its variants first.
    fn chosen<'p>(&'p self, plan: &'p Plan) -> Result<Vec<(&'p str, Chosen)>, Problem> {
        let own = plan.policies.keys().map(String::as_str).filter(|name| *name != "ours");
        let all = PLAIN[..1].iter().copied().chain(own).chain(PLAIN[1..].iter().copied());
        let known: Vec<&str> = all.collect();
        if let Some(unknown) = self.policies.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(Problem(format!("no policy {unknown:?} in {}; there are {}", plan.name, known.join(", "))));
        }
        let asked = |name: &&str| self.policies.is_empty() || self.policies.iter().any(|policy| policy == name);
        let named = |name: &'p str| {
            let policy = match name {
                "fixed" => Chosen::Fixed,
                "shift" => Chosen::Shift,
                "bandit" => Chosen::Bandit,
                "oracle" => Chosen::Oracle,
                own => self.ours(plan, own)?,
            };
            Ok((name, policy))
        };
        known.into_iter().filter(asked).map(named).collect()
    }

    /// Our own policy with the settings that are meant.
    fn ours(&self, plan: &Plan, name: &str) -> Result<Chosen, Problem> {
        let settings = self.settings.filter(|_| name == "ours").or_else(|| plan.policies.get(name));
        let Some(settings) = settings else { return Ok(Chosen::Ours { rules: Box::default(), value: plan.value }) };
        let rules = settings.rules.clone().try_into::<Rules>().map_err(|error| {
            let message: Vec<&str> = error.message().split_whitespace().collect();
            Problem(format!("policy {name}: {}", message.join(" ")))
        })?;
        if let Some(problem) = rules.problem() {
            return Err(Problem(format!("policy {name}: {problem}")));
        }
        Ok(Chosen::Ours { rules: Box::new(rules), value: settings.value.map_or(plan.value, |value| value.0) })
    }
}

/// Runs all that was asked for on one scenario.
///
/// # Errors
/// As [`Asked::check`].
pub fn compare(plan: &Plan, asked: &Asked<'_>) -> Result<Vec<Summary>, Problem> {
    let mut runs = Vec::new();
    for (name, chosen) in asked.chosen(plan)? {
        let is_ours = matches!(chosen, Chosen::Ours { .. });
        let mut outcomes = Vec::with_capacity(asked.seeds.len());
        for seed in asked.seeds {
            let mut policy: Box<dyn Policy + '_> = match &chosen {
                Chosen::Fixed => Box::new(Fixed),
                Chosen::Shift => Box::new(Shift::new(plan)),
                Chosen::Bandit => Box::new(Bandit::new(plan)),
                Chosen::Oracle => Box::new(Oracle { value: plan.value }),
                Chosen::Ours { rules, value } => Box::new(Ours::new(plan, rules.as_ref().clone(), *value)),
            };
            outcomes.push(run(plan, *seed, policy.as_mut(), asked.trace && is_ours));
        }
        runs.push(Runs { name: name.to_owned(), is_ours, outcomes });
    }
    Ok(summaries(plan, &runs))
}
