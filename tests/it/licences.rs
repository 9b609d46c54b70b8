//! The licence of every crate, and no heavy crate twice: from `cargo metadata`,
//! with no tool beside cargo.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Licences that may be combined with ours and shipped.
const ALLOWED: [&str; 13] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "Unlicense",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
];

/// Crates that name no licence, and why they are allowed.
const WITHOUT_LICENCE: [(&str, &str); 0] = [];

/// Crates that cost much to build or to ship: one version each.
const HEAVY: [&str; 19] = [
    "axum",
    "clap",
    "governor",
    "hyper",
    "libsqlite3-sys",
    "regex",
    "regex-automata",
    "reqwest",
    "ring",
    "rlibphonenumber",
    "rusqlite",
    "rustls",
    "serde",
    "serde_json",
    "syn",
    "tokio",
    "toml",
    "tower",
    "utoipa",
];

/// Heavy crates that come twice, and why.
const TWICE: [(&str, &str); 1] = [(
    "syn",
    "serde's and clap's macros read with 3, those of logos and others still with 2; it runs at build time only",
)];

/// Never used, not even by a test: a second TLS stack, or one that needs the system's.
const NEVER: [&str; 4] = ["openssl-sys", "native-tls", "aws-lc-sys", "aws-lc-rs"];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// Whether a licence expression can be fulfilled: `OR` needs one side, `AND` both,
/// and `AND` binds closer. `/` is an old way to write `OR`.
fn fulfilled(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    matches!(either(&words), Some((true, [])))
}

/// Whether what the words begin with can be fulfilled, and the words after it.
type Read<'a> = Option<(bool, &'a [&'a str])>;

fn either<'a>(words: &'a [&'a str]) -> Read<'a> {
    let (mut fits, mut rest) = both(words)?;
    while let ["OR", after @ ..] = rest {
        let (other, after) = both(after)?;
        (fits, rest) = (fits | other, after);
    }
    Some((fits, rest))
}

fn both<'a>(words: &'a [&'a str]) -> Read<'a> {
    let (mut fits, mut rest) = one(words)?;
    while let ["AND", after @ ..] = rest {
        let (other, after) = one(after)?;
        (fits, rest) = (fits & other, after);
    }
    Some((fits, rest))
}

fn one<'a>(words: &'a [&'a str]) -> Read<'a> {
    match words {
        ["(", inner @ ..] => match either(inner)? {
            (fits, [")", rest @ ..]) => Some((fits, rest)),
            _ => None,
        },
        [")" | "OR" | "AND" | "WITH", ..] | [] => None,
        [licence, "WITH", exception, rest @ ..] => {
            Some((ALLOWED.contains(&format!("{licence} WITH {exception}").as_str()), rest))
        }
        [licence, rest @ ..] => Some((ALLOWED.contains(licence), rest)),
    }
}

/// What a build of the program compiles: everything but what only tests need.
fn built(metadata: &Value) -> BTreeSet<&str> {
    let nodes = list(&metadata["resolve"]["nodes"]).iter().map(|node| (text(node, "id"), node));
    let nodes: BTreeMap<&str, &Value> = nodes.collect();
    let mut found = BTreeSet::new();
    let mut open = vec![text(&metadata["resolve"], "root")];
    while let Some(id) = open.pop() {
        if found.insert(id) {
            let is_built = |edge: &&Value| list(&edge["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
            open.extend(list(&nodes[id]["deps"]).iter().filter(is_built).map(|edge| text(edge, "pkg")));
        }
    }
    found
}

#[test]
fn every_crate_has_a_licence_that_we_can_fulfil() {
    let metadata = metadata();
    let packages = list(&metadata["packages"]);
    assert!(packages.len() > 100, "the packages were read");
    let mut problems = Vec::new();
    for package in packages {
        let name = text(package, "name");
        let is_fine = match package["license"].as_str() {
            Some(licence) => fulfilled(licence),
            None => WITHOUT_LICENCE.iter().any(|(listed, _)| *listed == name),
        };
        if !is_fine {
            problems.push(format!("{name} {}: {}", text(package, "version"), package["license"]));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn no_heavy_crate_is_built_twice_and_no_second_tls_at_all() {
    let metadata = metadata();
    let built = built(&metadata);
    let mut versions = BTreeMap::<&str, Vec<&str>>::new();
    for package in list(&metadata["packages"]) {
        let name = text(package, "name");
        assert!(!NEVER.contains(&name), "{name} is used; see `cargo tree --invert {name}`");
        if built.contains(text(package, "id")) {
            versions.entry(name).or_default().push(text(package, "version"));
        }
    }
    assert!(HEAVY.iter().filter(|name| versions.contains_key(*name)).count() > 12, "the graph was read: {versions:?}");
    for name in HEAVY {
        let found = versions.get(name).map_or(&[][..], Vec::as_slice);
        match TWICE.iter().find(|(listed, _)| *listed == name) {
            None => assert!(found.len() <= 1, "{name} is built twice: {found:?}; see `cargo tree --duplicates`"),
            Some((_, reason)) => assert_eq!(found.len(), 2, "{name} was listed in TWICE ({reason}): {found:?}"),
        }
    }
}

#[test]
fn licence_expressions_are_read_as_they_are_meant() {
    for good in [
        "MIT",
        "MIT OR GPL-3.0",
        "GPL-3.0/MIT",
        "(MIT OR GPL-3.0) AND ISC",
        "GPL-3.0 AND ISC OR MIT",
        "Apache-2.0 WITH LLVM-exception",
        "GPL-2.0 WITH Classpath-exception-2.0 OR (MIT AND (ISC OR GPL-3.0))",
    ] {
        assert!(fulfilled(good), "{good}");
    }
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "MIT OR",
        "MIT ISC",
        "(MIT",
        "MIT)",
        "(MIT OR ISC MIT",
        "WITH MIT",
        "Apache-2.0 WITH other",
        "ISC AND (GPL-3.0 OR AGPL-3.0)",
        "MIT OR GPL-3.0 AND",
    ] {
        assert!(!fulfilled(bad), "{bad}");
    }
}
