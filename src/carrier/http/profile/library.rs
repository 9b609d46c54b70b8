//! All profiles that are known: the compiled-in ones, with the operator's over them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Profile;

/// Every compiled-in folder; `build.rs` says how they are written.
const BUILT_IN: &str = include_str!(concat!(env!("OUT_DIR"), "/carriers.txt"));

/// Name, carrier.toml and errors.toml of each.
fn built_in() -> impl Iterator<Item = [&'static str; 3]> {
    BUILT_IN.split('\u{1e}').filter_map(|folder| folder.split('\u{1f}').collect::<Vec<_>>().try_into().ok())
}

/// The profiles by name.
#[derive(Debug, Clone, Default)]
pub struct Library(BTreeMap<String, Arc<Profile>>);

/// Everything that is wrong with the folders.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct LibraryError(pub Vec<String>);

impl Library {
    /// The compiled-in ones.
    pub fn built_in() -> Self {
        let read = |[name, carrier, errors]: [&str; 3]| {
            let profile = Profile::read(name, carrier, errors);
            (name.to_owned(), Arc::new(profile.expect("the compiled-in folders are tested")))
        };
        Library(built_in().map(read).collect())
    }

    /// The compiled-in ones, with every folder of a directory added or in place of
    /// the one of its name. `Err`: all that is wrong, over all folders.
    pub fn load(dir: Option<&Path>) -> Result<Self, LibraryError> {
        let mut library = Self::built_in();
        let Some(dir) = dir else { return Ok(library) };
        let folders = Self::folders(dir)
            .map_err(|error| LibraryError(vec![format!("{}: cannot be read: {error}", dir.display())]))?;
        let mut problems = Vec::new();
        for folder in folders {
            match Self::folder(&folder) {
                Ok(profile) => {
                    library.0.insert(profile.name.clone(), Arc::new(profile));
                }
                Err(wrong) => problems.extend(wrong),
            }
        }
        if problems.is_empty() { Ok(library) } else { Err(LibraryError(problems)) }
    }

    /// Whether a folder of that name can be a profile.
    pub fn is_name(name: &str) -> bool {
        name != "sandbox" && !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    }

    /// The folders of profiles in a directory, each by its path.
    pub fn folders(dir: &Path) -> std::io::Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path()));
        let mut folders: Vec<PathBuf> = entries.collect::<Result<_, _>>()?;
        folders.retain(|path| path.join("carrier.toml").exists());
        folders.sort();
        Ok(folders)
    }

    /// Reads one folder.
    pub fn folder(folder: &Path) -> Result<Profile, Vec<String>> {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !Self::is_name(&name) {
            return Err(vec![format!(
                "{}: a folder's name is of letters, digits, - _, and not sandbox",
                folder.display()
            )]);
        }
        let file = |file: &str| {
            let path = folder.join(file);
            std::fs::read_to_string(&path).map_err(|error| format!("{}: cannot be read: {error}", path.display()))
        };
        match (file("carrier.toml"), file("errors.toml")) {
            (Ok(carrier), Ok(errors)) => Profile::read(&name, &carrier, &errors),
            (carrier, errors) => Err([carrier.err(), errors.err()].into_iter().flatten().collect()),
        }
    }

    /// The profile of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Profile>> {
        self.0.get(name)
    }

    /// All of them.
    pub fn profiles(&self) -> impl Iterator<Item = &Arc<Profile>> {
        self.0.values()
    }

    /// Their names, for an error that says what is known.
    pub fn names(&self) -> String {
        self.0.keys().map(String::as_str).chain(["sandbox"]).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carrier::http::profile::check_samples;

    #[test]
    fn every_folder_holds_its_word() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("carriers");
        let mut problems = Vec::new();
        let mut folders = 0;
        for [name, ..] in built_in() {
            folders += 1;
            match Library::folder(&root.join(name)) {
                Ok(profile) => {
                    let (wrong, samples) = check_samples(&profile, &root.join(name));
                    problems.extend(wrong);
                    assert!(samples >= 5, "{name} has {samples} samples");
                }
                Err(wrong) => problems.extend(wrong),
            }
        }
        assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
        assert!(folders >= 6);
    }
}
