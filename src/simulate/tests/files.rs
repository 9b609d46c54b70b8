//! Wrong scenario files, and what is said of them.

use super::super::scenario::parse;

const START: &str = "length = \"2h\"\n";
const WORLD: &str = "[carriers.a]\nprice = 1\n[networks.n]\nrate = \"1/min\"\n";

fn problem(text: &str) -> String {
    match parse("test", text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(problem) => problem.to_string(),
    }
}

#[test]
fn each_mistake_names_its_line_and_the_way_out() {
    let after = |more: &str| format!("{START}{WORLD}{more}");
    let table: &[(String, &str)] = &[
        (WORLD.into(), "length"),
        (format!("length = \"2 hours\"\n{WORLD}"), "line 1: \"2 hours\" is no span of time; write \"40s\""),
        (format!("length = \"10s\"\n{WORLD}"), "line 1: length is too short"),
        (format!("length = \"401d\"\n{WORLD}"), "line 1: \"401d\" is no span"),
        (format!("{START}warm_up = \"2h\"\n{WORLD}"), "line 2: warm_up leaves nothing to count"),
        (format!("{START}colour = 1\n{WORLD}"), "line 2: unknown field `colour`"),
        (format!("{START}country = \"India\"\n{WORLD}"), "line 2: country is no two-letter country"),
        (format!("{START}starts_at = \"25:00\"\n{WORLD}"), "line 2: \"25:00\" is no time of day"),
        (after("typed = 1.5"), "line 6: 1.5 is out of range; give 0 to 1"),
        (after("typed = nan"), "line 6: NaN is out of range"),
        (after("delivery = [0.9, 0.5]"), "line 6: [0.9, 0.5] is empty"),
        (after("delivery = \"good\""), "line 6: a delivery is 0.95, or [0.7, 0.99]"),
        (after("receipts = \"true\""), "line 6: unknown variant `true`, expected one of `honest`, `lying`, `missing`"),
        (after("delay = \"0s\""), "line 4: delays of a on n: give 1ms"),
        (after("count = 501"), "line 4: count of n: 1 or more, and at most 500"),
        (after("start = \"2h\"\nend = \"1h\""), "line 4: n ends before it starts"),
        (after("[networks.n.carriers.b]\ndelivery = 0.5"), "line 6: no carrier \"b\"; there are a"),
        (after("[networks.\"a/b\"]\nrate = \"1/h\""), "line 6: \"a/b\" is no name for a network"),
        (format!("{START}[carriers]\n[networks.n]\nrate = \"1/h\""), "no carrier; add [carriers.NAME]"),
        (format!("{START}[carriers.a]\nprice = 1\n[networks.n]\nrate = \"often\""), "line 5: \"often\" is no rate"),
        (format!("{START}[carriers.a]\nprice = 1\n[networks.n]\nrate = \"21/s\""), "line 5: \"21/s\" is no rate"),
        (after("[[event]]\nat = \"1h\"\nkind = \"quake\""), "line 8: unknown variant `quake`"),
        (after("[[event]]\nat = \"3h\"\nkind = \"down\""), "line 6: down happens after the end"),
        (after("[[event]]\nat = \"1h\"\nkind = \"block\""), "line 6: block without carrier; say which"),
        (
            after("[[event]]\nat = \"1h\"\nkind = \"down\"\ncarrier = \"a\""),
            "line 6: down has no carrier; it may have network",
        ),
        (after("[[event]]\nat = \"1h\"\nkind = \"block\"\ncarrier = \"b\""), "line 9: no carrier \"b\"; there are a"),
        (after("[[event]]\nat = \"1h\"\nkind = \"down\"\nnetwork = \"m\""), "line 9: no network \"m\"; there are n"),
        (
            after("[[event]]\nat = \"1h\"\nkind = \"block\"\ncarrier = \"a\"\nsender = \"S\""),
            "line 10: no sender \"S\" of that carrier",
        ),
        (
            after("[[event]]\nat = \"1h\"\nkind = \"pumping\"\nfor = \"2m\"\nevery = \"1m\""),
            "line 6: every must be longer than for",
        ),
        (
            after("[[event]]\nat = \"1h\"\nkind = \"block\"\ncarrier = \"a\"\nto = 1.0"),
            "line 6: block that changes nothing; give to below 1",
        ),
        (
            after("[[event]]\nat = \"1h\"\nkind = \"slow\"\ncarrier = \"a\"\nfactor = 0.5"),
            "line 6: slow that changes nothing; give a factor above 1",
        ),
        (after("[policy.fixed]\nvalue = 3"), "\"fixed\" is no name for a policy of your own"),
        (after("[expect]\nexcess = 1"), "line 7: unknown field `excess`"),
        ("length = ".into(), "line 1: "),
    ];
    for (text, expected) in table {
        let problem = problem(text);
        assert!(problem.contains(expected), "{text}\n  said: {problem}\n  expected: {expected}");
        assert!(!problem.contains('\n'), "{problem}");
    }
}

#[test]
fn a_run_without_end_is_refused() {
    let busy = "length = \"400d\"\n[carriers.a]\nprice = 1\n[networks.n]\ncount = 100\nrate = \"20/s\"\n";
    assert!(problem(busy).contains("codes in one run; at most 50000000"), "{}", problem(busy));
    let pumped = "length = \"100d\"\n[carriers.a]\nprice = 1\n[networks.n]\nrate = \"20/min\"\n\
                  [[event]]\nat = \"1h\"\nkind = \"pumping\"\nfactor = 1000\nfor = \"90d\"\n";
    assert!(problem(pumped).contains("codes in one run"), "{}", problem(pumped));
    let crowded = "length = \"1h\"\n[carriers.a]\nprice = 1\n[networks.n]\nrate = \"20/s\"\n\
                   [[event]]\nat = \"1m\"\nkind = \"pumping\"\nfactor = 5\n";
    assert_eq!(problem(crowded), "about 120 codes a second, pumping included; at most 100: lower rates");
    let often = format!("{}{}", "length = \"400d\"\n", WORLD);
    let often = format!("{often}[[event]]\nat = \"1h\"\nkind = \"down\"\nfor = \"1s\"\nevery = \"2s\"\n");
    assert!(problem(&often).contains("more than 10000 repetitions"), "{}", problem(&often));
}

#[test]
fn nothing_in_a_file_makes_the_reader_fail_otherwise() {
    let whole = std::fs::read_to_string("scenarios/sender-block.toml").expect("it ships");
    for cut in (0..whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
        let _ = parse("cut", &whole[..cut]);
    }
    for (from, to) in [("0", "9"), ("1", "-1"), ("h", "d"), ("\"", "'"), (".", "\n"), ("=", "==")] {
        let _ = parse("changed", &whole.replace(from, to));
    }
    let _ = parse("deep", &format!("length = {}", "[".repeat(100_000)));
}
