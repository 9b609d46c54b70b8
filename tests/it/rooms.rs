//! Each room imports only what its row in docs/architecture.md allows, and no
//! file grows past what fits in a head.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Room -> the rooms that it may import, from the table: its last column lists
/// floors (`0`, `0-2`) and single rooms.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(Path::new(ROOT).join("docs/architecture.md")).unwrap();
    let rows: Vec<(u32, Vec<String>, String)> = text.lines().filter_map(row).collect();
    let on = |floors: std::ops::RangeInclusive<u32>| {
        rows.iter().filter(move |(floor, ..)| floors.contains(floor)).flat_map(|(_, rooms, _)| rooms.clone())
    };
    let mut table = BTreeMap::new();
    for (_, rooms, may) in &rows {
        let mut allowed = BTreeSet::new();
        for item in may.split(',').map(str::trim).filter(|item| *item != "-") {
            let (from, to) = item.split_once('-').unwrap_or((item, item));
            match (from.parse(), to.parse()) {
                (Ok(from), Ok(to)) => allowed.extend(on(from..=to)),
                _ => {
                    assert!(rows.iter().any(|(_, rooms, _)| rooms.iter().any(|room| room == item)), "{item} is a room");
                    allowed.insert(item.to_owned());
                }
            }
        }
        table.extend(rooms.iter().map(|room| (room.clone(), allowed.clone())));
    }
    table
}

/// A row of the table: floor, rooms, what they may import.
fn row(line: &str) -> Option<(u32, Vec<String>, String)> {
    let cells: Vec<_> = line.strip_prefix("| ")?.trim_end_matches('|').split('|').map(str::trim).collect();
    let [floor, rooms, _owns, may] = cells[..] else { return None };
    let rooms = rooms.split('`').skip(1).step_by(2).map(|room| room.trim_end_matches('/').to_owned()).collect();
    Some((floor.parse().ok()?, rooms, may.to_owned()))
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(ROOT).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The rooms that a source text names.
struct Imports(BTreeSet<String>);

impl Imports {
    fn of(text: &str) -> BTreeSet<String> {
        let mut imports = Imports(BTreeSet::new());
        imports.visit_file(&syn::parse_file(text).expect("the sources compile"));
        imports.0
    }

    fn tree(&mut self, tree: &syn::UseTree, is_crate: bool) {
        match tree {
            syn::UseTree::Path(path) if is_crate => {
                self.0.insert(path.ident.to_string());
            }
            syn::UseTree::Path(path) if path.ident == "crate" || path.ident == "otp_gateway" => {
                self.tree(&path.tree, true)
            }
            syn::UseTree::Name(name) if is_crate => {
                self.0.insert(name.ident.to_string());
            }
            syn::UseTree::Rename(name) if is_crate => {
                self.0.insert(name.ident.to_string());
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(item, is_crate)),
            syn::UseTree::Glob(_) if is_crate => {
                self.0.insert("*".into());
            }
            _ => {}
        }
    }

    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        for (i, token) in tokens.iter().enumerate() {
            match token {
                proc_macro2::TokenTree::Group(group) => self.tokens(group.stream()),
                proc_macro2::TokenTree::Ident(ident) if ident == "crate" => {
                    if let Some(proc_macro2::TokenTree::Ident(room)) = tokens.get(i + 3) {
                        self.0.insert(room.to_string());
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, false);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter();
        if segments.next().is_some_and(|first| first.ident == "crate" || first.ident == "otp_gateway")
            && let Some(room) = segments.next()
        {
            self.0.insert(room.ident.to_string());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.tokens(item.tokens.clone());
        syn::visit::visit_macro(self, item);
    }
}

/// The room of a file under src/: its folder, or the file itself at the top.
fn room_of(path: &Path) -> String {
    let inside = path.strip_prefix(Path::new(ROOT).join("src")).unwrap();
    inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

#[test]
fn each_room_imports_only_what_its_row_allows() {
    let allowed = allowed();
    assert!(allowed.len() > 15, "the table in docs/architecture.md was read: {allowed:?}");
    let mut problems = Vec::new();
    for path in sources("src") {
        let room = room_of(&path);
        if matches!(room.as_str(), "main" | "lib") {
            continue;
        }
        let Some(may) = allowed.get(&room) else {
            problems.push(format!("room {room} has no row in docs/architecture.md"));
            continue;
        };
        for import in Imports::of(&std::fs::read_to_string(&path).unwrap()) {
            if import != room && !may.contains(&import) {
                problems.push(format!("{}: {room} may not import {import}", path.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn imports_are_found_wherever_they_stand() {
    let found = Imports::of(
        "use crate::{api::x, http as h}; use crate::store; fn f(a: crate::seal::Keys) { crate::radar::go(); \
         println!(\"{}\", crate::pages::x()); } mod m { use crate::cli::*; }",
    );
    let expected = ["api", "cli", "http", "pages", "radar", "seal", "store"];
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn no_file_is_longer_than_five_hundred_lines_and_no_state_is_global() {
    let mut problems = Vec::new();
    for path in sources("src").into_iter().chain(sources("tests")) {
        let text = std::fs::read_to_string(&path).unwrap();
        if text.lines().count() > 500 {
            problems.push(format!("{} has {} lines", path.display(), text.lines().count()));
        }
        let is_source = path.starts_with(Path::new(ROOT).join("src"));
        let global = |line: &&str| {
            let line = line.trim_start().trim_start_matches("pub ");
            line.starts_with("static ") || line.starts_with("thread_local!")
        };
        if is_source && let Some(line) = text.lines().find(global) {
            problems.push(format!("{}: {line}", path.display()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
