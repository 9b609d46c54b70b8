//! Drawn scenarios.

use super::super::random::world;
use super::*;

#[test]
fn every_drawn_world_can_be_run_and_is_always_the_same() {
    let mut kinds = std::collections::BTreeSet::new();
    for number in 1..=300 {
        let text = world(5, number);
        assert_eq!(text, world(5, number));
        let plan = parse("drawn", &text).unwrap_or_else(|problem| panic!("{problem}\n{text}"));
        kinds.insert(plan.about.split_once(": ").map(|(_, kind)| kind.to_owned()));
        assert!(plan.happenings.iter().all(|happening| happening.at < plan.length));
    }
    assert_eq!(kinds.len(), 10, "{kinds:?}");
    assert_ne!(world(5, 1), world(6, 1));
}

#[test]
fn every_shipped_scenario_can_be_run() {
    let mut count = 0;
    for folder in ["scenarios", "scenarios/stationary"] {
        for entry in std::fs::read_dir(folder).expect("scenarios ship") {
            let path = entry.expect("it can be listed").path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                let plan = super::super::scenario::load(&path).unwrap_or_else(|problem| panic!("{problem}"));
                assert!(!plan.about.is_empty(), "{}", path.display());
                count += 1;
            }
        }
    }
    assert!(count >= 12, "{count}");
}
