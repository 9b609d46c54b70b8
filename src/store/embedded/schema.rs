//! The file: its tables, its version, and how it is opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;

/// The schema that this version writes; it stands in the file's `user_version`.
pub const VERSION: i64 = TABLES.len() as i64;

/// What each version added, the first one first. A text that was released stays as it is.
const TABLES: [&str; 2] = [include_str!("tables/1.sql"), include_str!("tables/2.sql")];

/// Opens or makes the file. One of an older version becomes one of this version, whole or
/// not at all; one of a newer version is refused, untouched.
pub fn open(path: &Path) -> Result<Connection, StoreError> {
    // What stands there already keeps its rights; the log beside it gets the same.
    let _ = private(path);
    let conn = Connection::open_with_flags(path, OpenFlags::default()).map_err(super::shell::error)?;
    let setup = || -> rusqlite::Result<Option<i64>> {
        conn.busy_timeout(Duration::from_secs(2))?;
        let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        // Nothing of a newer version's file is touched, not even how it keeps its log.
        let Some(missing) = usize::try_from(version).ok().and_then(|version| TABLES.get(version..)) else {
            return Ok(Some(version));
        };
        conn.pragma_update(None, "journal_mode", "WAL")?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "foreign_keys", "OFF")?;
        conn.set_prepared_statement_cache_capacity(64);
        if !missing.is_empty() {
            let added = missing.concat();
            let made = conn.execute_batch(&format!("BEGIN; {added} PRAGMA user_version = {VERSION}; COMMIT;"));
            if made.is_err() && !conn.is_autocommit() {
                // What was made of it goes when the connection does, if not now.
                let _ = conn.execute_batch("ROLLBACK");
            }
            made?;
        }
        Ok(None)
    };
    match setup().map_err(super::shell::error)? {
        None => Ok(conn),
        Some(other) => Err(StoreError::Unreadable(format!(
            "the file has schema version {other}, this program reads {VERSION}; use the version that wrote it"
        ))),
    }
}

/// Copies the store's file, as it is at one instant and also while a gateway runs on it,
/// to a new one that its owner alone may read; gives the copy's size. <https://sqlite.org/lang_vacuum.html#vacuuminto>
pub fn backup(path: &Path, to: &Path) -> Result<u64, StoreError> {
    let failed =
        |file: &Path, why: &dyn std::fmt::Display| StoreError::Misconfigured(format!("{}: {why}", file.display()));
    let from = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let from = from.map_err(|error| failed(path, &error))?;
    let file = private(to).map_err(|error| failed(to, &error))?;
    let copy = || {
        from.busy_timeout(Duration::from_secs(30))
            .and_then(|()| from.execute("VACUUM INTO ?", [to.to_string_lossy()]))
            .map_err(|error| failed(path, &error))?;
        file.sync_all().and_then(|()| file.metadata()).map(|meta| meta.len()).map_err(|error| failed(to, &error))
    };
    copy().inspect_err(|_| {
        // Half a copy is worse than none; that it cannot be removed changes nothing.
        let _ = std::fs::remove_file(to);
    })
}

/// A new file that its owner alone may read: sealed or not, a store is nobody else's.
fn private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
