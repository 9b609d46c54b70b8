use super::*;

#[test]
fn what_is_left_out_has_its_default_and_what_is_unknown_is_refused() {
    let rules: Rules = toml::from_str("[states]\nblock_at = 13.0").unwrap();
    assert_eq!(rules.states.block_at, 13.0);
    assert_eq!(rules.learn, LearnRules::default());
    assert!(toml::from_str::<Rules>("[states]\nblok_at = 13.0").is_err());
    assert!(toml::from_str::<Rules>("[stats]").is_err());
}

#[test]
fn the_shared_factors_are_a_distribution() {
    let compare = CompareRules::default();
    assert!((compare.likely.iter().sum::<f32>() - 1.0).abs() < 1e-6);
    assert!(compare.factors.is_sorted_by(|a, b| a > b) && compare.factors[8] < 0.01);
}
