//! The file: its tables, its version, and how it is opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;

/// The schema that this version writes; it stands in the file's `user_version`.
pub const VERSION: i64 = 1;

const TABLES: &str = "
-- A verification or message, whole, as JSON. `purge_at`: gone after this instant.
CREATE TABLE record (
    id       TEXT PRIMARY KEY,
    body     TEXT NOT NULL,
    purge_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX record_purge ON record (purge_at);

-- What a number has had: of one tenant, or of all (tenant = '').
CREATE TABLE number (
    hash     BLOB NOT NULL,
    tenant   TEXT NOT NULL,
    body     TEXT NOT NULL,
    purge_at INTEGER NOT NULL,
    PRIMARY KEY (hash, tenant)
) WITHOUT ROWID;
CREATE INDEX number_purge ON number (purge_at);

-- When a record must be looked at: n = 0 its expiry, n > 0 its n-th delivery.
CREATE TABLE wake (
    record TEXT NOT NULL,
    n      INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (record, n)
) WITHOUT ROWID;
CREATE INDEX wake_at ON wake (at);

-- Kept answers by idempotency key. No secrets in them.
CREATE TABLE memo (
    key         BLOB PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    answer      TEXT NOT NULL,
    purge_at    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX memo_purge ON memo (purge_at);

-- Sliding windows of the wide limits.
CREATE TABLE wide (
    key      BLOB PRIMARY KEY,
    body     TEXT NOT NULL,
    purge_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX wide_purge ON wide (purge_at);

-- Facts about the store: wrapped keys, partition count.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;
";

/// Opens or makes the file. A file of a newer version is refused, untouched.
pub fn open(path: &Path) -> Result<Connection, StoreError> {
    // What stands there already keeps its rights; the log beside it gets the same.
    let _ = private(path);
    let conn = Connection::open_with_flags(path, OpenFlags::default()).map_err(super::shell::error)?;
    let setup = || -> rusqlite::Result<Option<i64>> {
        conn.busy_timeout(Duration::from_secs(2))?;
        let version = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        // Nothing of a newer version's file is touched, not even how it keeps its log.
        if version != 0 && version != VERSION {
            return Ok(Some(version));
        }
        conn.pragma_update(None, "journal_mode", "WAL")?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "foreign_keys", "OFF")?;
        conn.set_prepared_statement_cache_capacity(64);
        if version == 0 {
            conn.execute_batch(&format!("BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"))?;
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
