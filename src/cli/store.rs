//! `store backup`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{Failure, run};
use crate::store::embedded;

pub fn backup(file: &Path, config: Option<&Path>, path: Option<PathBuf>, as_json: bool) -> Result<bool, Failure> {
    let path = match path {
        Some(path) => path,
        None => {
            let options = run::load(config)?.config.store;
            if options.is_shared() {
                return Err("store.url names a shared store; back up Redis itself, see docs/operations.md".into());
            }
            options.path
        }
    };
    let bytes = embedded::backup(&path, file)?;
    if as_json {
        println!("{}", json!({ "store": path, "file": file, "bytes": bytes }));
    } else {
        println!("{} is a copy of {}, {bytes} bytes", file.display(), path.display());
    }
    Ok(true)
}
