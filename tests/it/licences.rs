//! Licences of everything that is linked, and no heavy crate twice: from
//! `cargo metadata`, with no tool beside cargo.

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

/// Crates that cost much to build or to ship: one version each.
const HEAVY: [&str; 17] = [
    "tokio",
    "hyper",
    "axum",
    "reqwest",
    "rustls",
    "ring",
    "serde",
    "serde_json",
    "regex",
    "regex-automata",
    "rusqlite",
    "libsqlite3-sys",
    "utoipa",
    "tower",
    "clap",
    "rlibphonenumber",
    "governor",
];

/// Never linked: a second TLS stack, or one that needs the system's.
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

/// Whether a licence expression can be fulfilled: `OR` needs one side, `AND` both.
fn fulfilled(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let fits = either(&words, &mut at);
    fits && at == words.len()
}

fn either(words: &[&str], at: &mut usize) -> bool {
    let mut fits = both(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        fits |= both(words, at);
    }
    fits
}

fn both(words: &[&str], at: &mut usize) -> bool {
    let mut fits = one(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        fits &= one(words, at);
    }
    fits
}

fn one(words: &[&str], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let fits = either(words, at);
        *at += 1;
        return fits;
    }
    let mut licence = (*word).to_owned();
    if let (Some(&"WITH"), Some(exception)) = (words.get(*at), words.get(*at + 1)) {
        licence = format!("{licence} WITH {exception}");
        *at += 2;
    }
    ALLOWED.contains(&licence.as_str())
}

/// What is linked into the program: normal dependencies, from the root down.
fn linked(metadata: &Value) -> BTreeSet<String> {
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (node["id"].as_str().unwrap(), node))
        .collect();
    let mut found = BTreeSet::new();
    let mut open = vec![metadata["resolve"]["root"].as_str().expect("one package")];
    while let Some(id) = open.pop() {
        if !found.insert(id.to_owned()) {
            continue;
        }
        for dependency in nodes[id]["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            if kinds.iter().any(|kind| kind["kind"].is_null()) {
                open.push(dependency["pkg"].as_str().unwrap());
            }
        }
    }
    found
}

#[test]
fn every_linked_crate_has_a_licence_that_we_can_fulfil() {
    let metadata = metadata();
    let linked = linked(&metadata);
    assert!(linked.len() > 100, "the graph was read");
    let packages = metadata["packages"].as_array().unwrap();
    let problems: Vec<String> = packages
        .iter()
        .filter(|package| linked.contains(package["id"].as_str().unwrap()))
        .filter(|package| !package["license"].as_str().is_some_and(fulfilled))
        .map(|package| format!("{} {}: {}", package["name"], package["version"], package["license"]))
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn no_heavy_crate_is_linked_twice_and_no_second_tls_at_all() {
    let metadata = metadata();
    let linked = linked(&metadata);
    let mut versions = BTreeMap::<&str, Vec<&str>>::new();
    for package in metadata["packages"].as_array().unwrap() {
        if linked.contains(package["id"].as_str().unwrap()) {
            versions.entry(package["name"].as_str().unwrap()).or_default().push(package["version"].as_str().unwrap());
        }
    }
    for name in HEAVY {
        let found = versions.get(name).map_or(0, Vec::len);
        assert_eq!(found, 1, "{name}: {:?}", versions.get(name));
    }
    for name in NEVER {
        assert!(!versions.contains_key(name), "{name} is linked");
    }
}

#[test]
fn licence_expressions_are_read_as_they_are_meant() {
    for good in
        ["MIT", "MIT OR GPL-3.0", "MIT/Apache-2.0", "(MIT OR GPL-3.0) AND ISC", "Apache-2.0 WITH LLVM-exception"]
    {
        assert!(fulfilled(good), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "", "(MIT", "Apache-2.0 WITH other", "(GPL-3.0 OR AGPL-3.0) AND MIT"] {
        assert!(!fulfilled(bad), "{bad}");
    }
}
