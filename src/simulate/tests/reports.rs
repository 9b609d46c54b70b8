//! Reports: JSON, pictures, expectations.

use super::super::compare::{Asked, compare};
use super::super::report::expect::verdicts;
use super::super::report::summary::Summary;
use super::super::report::{svg, text, to_json};
use super::*;

fn summaries(plan: &Plan, policies: &[&str]) -> Vec<Summary> {
    let policies: Vec<String> = policies.iter().map(|name| (*name).to_owned()).collect();
    let asked = Asked { policies: &policies, settings: None, seeds: &[1, 2, 3], trace: false };
    compare(plan, &asked).unwrap()
}

fn blocked(more: &str) -> Plan {
    small(&(event("kind = \"block\"\ncarrier = \"cheap\"\nnetwork = \"north\"") + more))
}

#[test]
fn json_has_what_scripts_need() {
    let plan = blocked("[expect]\nlost_above_oracle = 0\n");
    let summaries = summaries(&plan, &[]);
    let verdicts = verdicts(&plan.expect, 3, &summaries);
    let json = to_json(&plan, &[1, 2, 3], &summaries, &verdicts);
    assert_eq!(json["scenario"], "small");
    assert_eq!(json["events"][0]["kind"], "block");
    assert_eq!(json["events"][0]["at_ms"], 3_600_000);
    let policies = json["policies"].as_array().unwrap();
    let names: Vec<&str> = policies.iter().filter_map(|policy| policy["policy"].as_str()).collect();
    assert_eq!(names, ["ours", "fixed", "shift", "bandit", "oracle"]);
    for policy in policies {
        assert!(policy["lost"]["median"].is_f64() && policy["codes"].is_f64(), "{policy}");
        assert!(policy["above_oracle"]["p95"].is_f64() && policy["money_ratio"]["median"].is_f64(), "{policy}");
        assert_eq!(policy["radar"].is_object(), policy["policy"] == "ours");
    }
    let fixed = &policies[1];
    assert!(fixed["excess_ratio"].as_f64().unwrap() > 1.0, "{fixed}");
    assert_eq!(policies[4]["above_oracle"]["median"], 0.0);
    assert_eq!(json["expected"][0]["key"], "lost_above_oracle");
}

#[test]
fn expectations_are_kept_or_named() {
    let plan = blocked("[expect]\nlost_above_oracle = 100000\nmoney_ratio = 0.001\nlift_minutes_median = 10\n");
    let summaries = summaries(&plan, &["ours", "oracle"]);
    let verdicts = verdicts(&plan.expect, 3, &summaries);
    let of = |key: &str| verdicts.iter().find(|verdict| verdict.key == key).unwrap();
    assert!(of("lost_above_oracle").holds);
    assert!(!of("money_ratio").holds);
    assert!(of("money_ratio").line("small").starts_with("small: ours: money_ratio is "));
    assert!(of("money_ratio").line("small").ends_with(", expected at most 0.001"));
    let line = of("lift_minutes_median").line("small");
    assert_eq!(line, "small: ours: lift_minutes_median is nothing to measure, expected at most 10");
}

#[test]
fn an_expectation_is_left_out_where_its_policies_did_not_run() {
    let plan = blocked("[expect]\nlost_above_oracle = 0\nexcess_ratio = 0.1\nmoney_ratio = 1\nfalse_blocks = 0\n");
    let keys = |policies: &[&str]| -> Vec<&str> {
        verdicts(&plan.expect, 3, &summaries(&plan, policies)).iter().map(|verdict| verdict.key).collect()
    };
    assert_eq!(keys(&["ours"]), ["false_blocks"]);
    assert_eq!(keys(&["ours", "oracle"]), ["lost_above_oracle", "false_blocks", "money_ratio"]);
    assert_eq!(keys(&[]).len(), 4);
}

#[test]
fn an_unknown_policy_is_named_with_the_known() {
    let plan = small("[policy.brave]\nvalue = 3\n");
    let policies = ["best".to_owned()];
    let asked = Asked { policies: &policies, settings: None, seeds: &[1], trace: false };
    let problem = asked.check(&plan).unwrap_err().to_string();
    assert_eq!(problem, "no policy \"best\" in small; there are ours, brave, fixed, shift, bandit, oracle");
}

#[test]
fn settings_that_are_no_rules_are_refused() {
    let plan = small("[policy.brave.rules]\nboldness = 3\n");
    let asked = Asked { policies: &[], settings: None, seeds: &[1], trace: false };
    let problem = asked.check(&plan).unwrap_err().to_string();
    assert!(problem.starts_with("policy brave: ") && problem.contains("boldness"), "{problem}");
}

#[test]
fn the_table_names_every_policy() {
    let plan = blocked("");
    let report = text::report(&plan, 3, &summaries(&plan, &[]));
    for name in ["ours", "fixed", "shift", "bandit", "oracle"] {
        assert!(report.lines().any(|line| line.starts_with(name)), "{report}");
    }
    assert!(report.contains("medians of 3 seeds"), "{report}");
}

#[test]
fn the_picture_is_well_formed_and_has_a_line_per_policy() {
    let mut plan = blocked("");
    plan.about = "1 < 2 & \"quotes\" \u{1}".into();
    let picture = svg::draw(&plan, 3, &summaries(&plan, &[]));
    assert_eq!(picture.matches("<path d=\"M").count(), 6, "five lines and the axes");
    assert!(picture.contains("1 &lt; 2 &amp; &quot;quotes&quot;"));
    assert!(picture.contains(">block</text>") && picture.contains(">codes there within 60 s</text>"));
    well_formed(&picture);
}

/// Enough of XML for a picture: tags nest, attributes are quoted, nothing is left open.
fn well_formed(xml: &str) {
    let mut open = Vec::new();
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        let words = &rest[..start];
        assert!(!words.contains('>'), "a loose > in {words:?}");
        for part in words.split('&').skip(1) {
            assert!(
                part.split_once(';').is_some_and(|(name, _)| ["amp", "lt", "gt", "quot"].contains(&name)),
                "{words}"
            );
        }
        let end = start + rest[start..].find('>').expect("a tag that ends");
        let tag = &rest[start + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split_whitespace().next().unwrap_or_default()),
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
}
