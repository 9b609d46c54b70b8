//! The rooms of `src/`: each imports only what its row in `docs/architecture.md`
//! allows, none holds state of its own, and no file is too long to read.

mod source;
mod table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use self::source::{Source, module_of};
use self::table::Table;

const MOST_LINES: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> Table {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).expect("the page with the table is there");
    Table::read(&page).unwrap_or_else(|problem| panic!("docs/architecture.md, Rooms: {problem}"))
}

/// Every file below a folder, by its path from the root, with its text; files that are not text are left out.
fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the project").flatten() {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "node_modules") {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                found.push((path.strip_prefix(root()).expect("it is below").to_owned(), text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "there is nothing in {folder}/");
    found
}

fn rust() -> Vec<(PathBuf, String)> {
    files("src").into_iter().filter(|(path, _)| path.extension().is_some_and(|kind| kind == "rs")).collect()
}

/// What is wrong with the imports of one file.
fn wrong_imports(table: &Table, path: &Path, text: &str) -> Vec<String> {
    let module = module_of(path);
    let source = Source::read(text, &module).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let wrong =
        source.imports.iter().filter_map(|import| table.objection(module.first().map_or("lib", |room| room), import));
    source.hidden.iter().cloned().chain(wrong).map(|problem| format!("{}: {problem}", path.display())).collect()
}

#[track_caller]
fn none(problems: Vec<String>, advice: &str) {
    assert!(problems.is_empty(), "{}\n{advice}", problems.join("\n"));
}

#[test]
fn a_room_imports_only_what_its_row_allows() {
    let table = table();
    let problems = rust().iter().flat_map(|(path, text)| wrong_imports(&table, path, text)).collect();
    none(problems, "The table in docs/architecture.md, Rooms, says what is allowed. Change it only with a reason.");
}

#[test]
fn every_room_has_a_row_and_every_row_its_room() {
    let table = table();
    let there: BTreeSet<String> =
        rust().iter().map(|(path, _)| module_of(path).first().cloned().unwrap_or("lib".into())).collect();
    let without_row = there.iter().filter(|room| !table.has(room)).map(|room| format!("{room} has no row"));
    let without_room = table.built().filter(|room| !there.contains(*room));
    let without_room = without_room.map(|room| format!("{room} is not in src/ and its row is not marked (planned)"));
    none(without_row.chain(without_room).collect(), "The table is in docs/architecture.md, Rooms.");
}

#[test]
fn the_library_only_names_its_rooms() {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let file = syn::parse_file(&text).unwrap();
    assert!(
        file.items.iter().all(|item| matches!(item, syn::Item::Mod(_))),
        "src/lib.rs holds modules and nothing else"
    );
}

#[test]
fn nothing_holds_state_of_the_whole_process() {
    let problems = rust().into_iter().flat_map(|(path, text)| {
        let source =
            Source::read(&text, &module_of(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        source.states.into_iter().map(move |problem| format!("{}: {problem}", path.display()))
    });
    none(problems.collect(), "Two gateways run in one process: make it in app.rs and pass it in.");
}

#[test]
fn no_file_is_too_long() {
    // Programs write these two: npm, and the test that compares the interface.
    let is_written = |path: &Path| path.ends_with("package-lock.json") || path.ends_with("golden/openapi.json");
    let own = files("src").into_iter().chain(files("tests")).filter(|(path, _)| !is_written(path));
    let long = own.map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > MOST_LINES);
    let problems = long.map(|(path, lines)| format!("{}: {lines} lines, the most is {MOST_LINES}", path.display()));
    none(problems.collect(), "Split it by responsibility.");
}

/// A table for the tests of the check itself.
const EXAMPLE: &str = "
## Rooms

| floor | room | owns | may import |
| --- | --- | --- | --- |
| 0 | `model/` | words | - |
| 1 | `seal/` | keys | 0 |
| 1 | `store/` | records | 0, seal |
| 3 | `delivery/` | attempts | 0-1 |
| 5 | `http/` | helper | model, store::StoreError |
| 5 | `api/` `pages/` | faces | 0-3, http |
| 5 | `webhook/` **(planned)** | later | 0-3, http |
| 6 | `app.rs` `main.rs` | all of it | all |
";

fn objections(path: &str, text: &str) -> usize {
    wrong_imports(&Table::read(EXAMPLE).unwrap(), Path::new(path), text).len()
}

#[test]
fn a_bad_import_is_caught_wherever_it_stands() {
    for bad in [
        "use crate::store::Lease;",
        "use crate::{model::Ms, store::{Lease as Hold}};",
        "use crate::store::*;",
        "use crate::store as notebook;",
        "pub use {crate::store};",
        "use super::store::Lease;",
        "mod inner { use super::super::store::Lease; }",
        "mod inner { mod deeper { fn f() { super::super::super::store::open() } } }",
        "use self::super::store;",
        "fn f(lease: &crate::store::Lease) {}",
        "fn f() -> Vec<<crate::store::Lease as Clone>::T> {}",
        "fn f() { if let crate::store::Started::Created(_) = x {} }",
        "fn f() { call::<crate::store::Lease>(); crate::store::open::<u8>() }",
        "fn f() { println!(\"{}\", crate::store::NAME) }",
        "macro_rules! m { ($e:expr) => { $crate::store::open($e) } }",
        "m! { use crate::{model, store}; }",
        "struct S { #[serde(with = \"crate::store::json\")] field: u8 }",
        "#[derive(crate::store::Row)] struct S;",
        "impl crate::store::Facts for S {}",
        "pub struct S(pub (crate::store::Lease, u8));",
        "#[cfg(test)] mod tests { use crate::store::Lease; }",
        "fn f() { crate::r#store::open() }",
        "fn f() { otp_gateway::store::open() }",
        // What would hide an import from this check.
        "use crate::*;",
        "use super::*;",
        "use crate as everything;",
        "use crate::{self as everything};",
        "extern crate self as everything;",
        "#[path = \"../store/lease.rs\"] mod lease;",
        "include!(\"../store/lease.rs\");",
        "use crate::nowhere::Thing;",
        "use super::super::store;",
    ] {
        assert!(objections("src/seal/mod.rs", bad) > 0, "{bad}");
    }
}

#[test]
fn what_is_allowed_or_no_import_is_left_alone() {
    for good in [
        "use crate::model::{self, Ms as Time, *};",
        "use crate::seal::keys::Key; use self::keys::Key;",
        "pub(crate) fn a() {} pub(super) fn b() {} pub(in crate::seal) fn c() {}",
        "mod tests { use super::*; use super::super::model::Ms; }",
        "//! [`crate::store`] keeps it.\n/// Not `crate::store`.\nfn f(&self) { self.store.open(); let store = \"crate::store\"; }",
        "use std::collections::HashMap; use store::Lease;",
        "fn f(text: &'static str) -> u8 { include_bytes!(\"x\")[0] }",
    ] {
        assert_eq!(objections("src/seal/mod.rs", good), 0, "{good}");
    }
    assert_eq!(
        objections(
            "src/store/embedded/rules/start.rs",
            "use super::super::super::super::seal::Keys; use super::super::*;"
        ),
        0
    );
    assert_eq!(objections("src/store/embedded/rules/start.rs", "use super::super::super::super::delivery;"), 1);
}

#[test]
fn floors_ranges_single_things_and_all_mean_what_they_say() {
    assert_eq!(objections("src/delivery/steps.rs", "use crate::{model, seal::Keys, store::Lease};"), 0);
    assert_eq!(objections("src/delivery/steps.rs", "use crate::{http::Problem, api};"), 2);
    assert_eq!(
        objections("src/http/mod.rs", "use crate::store::{StoreError, Lease}; use crate::store::StoreError::Full;"),
        1
    );
    assert_eq!(objections("src/api/mod.rs", "use crate::{http::Problem, store};"), 0);
    assert_eq!(objections("src/api/mod.rs", "use crate::{pages, api, app};"), 2);
    assert_eq!(objections("src/app.rs", "use crate::*; use crate::pages;"), 0);
    assert_eq!(objections("src/main.rs", "fn main() { otp_gateway::api::main() }"), 0);
    assert_eq!(objections("src/unknown/mod.rs", "use crate::model::Ms;"), 1);
    for wrong in ["0, keys", "2-1", "0 and seal", ""] {
        assert!(Table::read(&EXAMPLE.replace("0, seal", wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn state_is_caught_and_plain_data_is_not() {
    let states = |text: &str| Source::read(text, &["seal".into()]).unwrap().states.len();
    for bad in [
        "static COUNT: AtomicU32 = AtomicU32::new(0);",
        "static mut COUNT: u32 = 0;",
        "fn f() { static KEYS: std::sync::OnceLock<Keys> = std::sync::OnceLock::new(); }",
        "static TABLE: LazyLock<Table> = LazyLock::new(Table::new);",
        "static OPAQUE: Table = Table::new();",
        "thread_local! { pub static DEPTH: Cell<u8> = Cell::new(0); }",
        "lazy_static! { static ref TABLE: Table = Table::new(); }",
    ] {
        assert!(states(bad) > 0, "{bad}");
    }
    for good in [
        "static WORDS: &[(&'static str, u8)] = &[];",
        "static TABLE: [u32; SIZE] = [0; SIZE];",
        "fn f() -> &'static str { \"static\" }",
        "const LIMIT: u32 = 1; struct S { once: OnceLock<u8> }",
    ] {
        assert_eq!(states(good), 0, "{good}");
    }
}
