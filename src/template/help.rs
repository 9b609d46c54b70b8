//! `help.toml`: what a person can do whose code did not arrive.

use serde::{Deserialize, Serialize};

use super::files::Checked;
use crate::model::{Cause, Country, Locale};

/// The file; see its comments.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HelpFile {
    title: String,
    intro: String,
    closing: String,
    steps: Vec<StepFile>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepFile {
    id: String,
    about: About,
    causes: Vec<Cause>,
    countries: Vec<Country>,
    text: String,
}

/// Who can do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The person.
    Person,
    /// Only the application or its carrier; told only when the cause is theirs.
    Application,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its stable id.
    pub id: String,
    /// Who can do it.
    pub about: About,
    /// What to do.
    pub text: String,
}

/// A troubleshooting text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    /// Its language.
    pub locale: Locale,
    /// Whether some steps are for the number's country.
    pub country_specific: bool,
    /// The title.
    pub title: String,
    /// One or two sentences.
    pub intro: String,
    /// The likeliest first.
    pub steps: Vec<Step>,
    /// The last words.
    pub closing: String,
}

impl Checked for HelpFile {
    fn check(&self) -> Result<(), String> {
        if !self.steps.iter().any(|step| step.causes.is_empty() && step.countries.is_empty()) {
            return Err("needs at least one step with causes = [] and countries = []: the general advice".into());
        }
        for (i, step) in self.steps.iter().enumerate() {
            if self.steps[..i].iter().any(|other| other.id == step.id) {
                return Err(format!("step {:?} stands twice; ids are unique", step.id));
            }
        }
        Ok(())
    }
}

impl HelpFile {
    /// The steps for the cause first, then the country's, then the general ones.
    pub fn help(&self, locale: Locale, country: Option<Country>, cause: Option<Cause>) -> Help {
        let for_cause = |step: &StepFile| cause.is_some_and(|cause| step.causes.contains(&cause));
        let for_country = |step: &StepFile| country.is_some_and(|country| step.countries.contains(&country));
        let fits = |step: &&StepFile| {
            (step.countries.is_empty() || for_country(step)) && (step.about == About::Person || for_cause(step))
        };
        let mut chosen: Vec<&StepFile> = self.steps.iter().filter(fits).collect();
        // Stable: within a rank the file's order stays.
        chosen.sort_by_key(|step| (!for_cause(step), !for_country(step)));
        Help {
            locale,
            country_specific: chosen.iter().any(|step| for_country(step)),
            title: self.title.clone(),
            intro: self.intro.clone(),
            steps: chosen
                .into_iter()
                .map(|step| Step { id: step.id.clone(), about: step.about, text: step.text.clone() })
                .collect(),
            closing: self.closing.clone(),
        }
    }

    /// The causes that no step everywhere is about.
    pub fn causes_without_step(&self) -> Vec<Cause> {
        let helped =
            |cause: &&Cause| !self.steps.iter().any(|step| step.countries.is_empty() && step.causes.contains(cause));
        Cause::ALL.iter().filter(helped).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Templates;
    use super::*;

    #[test]
    fn the_step_for_the_cause_comes_first_and_other_countries_stay_out() {
        let templates = Templates::builtin();
        let (us, jp) = (Country::new("US"), Country::new("JP"));
        for cause in Cause::ALL {
            let help = templates.help(jp, &Locale::english(), Some(*cause));
            assert!(!help.steps.is_empty() && !help.country_specific, "{cause}");
        }
        let american = templates.help(us, &Locale::english(), Some(Cause::CarrierFiltered));
        assert!(american.country_specific);
        let plain = templates.help(jp, &Locale::english(), None);
        assert!(plain.steps.iter().all(|step| step.about == About::Person));
        assert!(plain.steps.len() < american.steps.len());
    }
}
