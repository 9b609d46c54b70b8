//! Facts about the store itself, one row each.

use rusqlite::{Connection, OptionalExtension, params};

use super::shell::error;
use crate::store::StoreError;

pub fn fact(conn: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    conn.prepare_cached("SELECT value FROM fact WHERE name = ?")
        .and_then(|mut statement| statement.query_row([name], |row| row.get(0)).optional())
        .map_err(error)
}

pub fn set_once(conn: &Connection, name: &str, value: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    if let Some(stands) = fact(conn, name)? {
        return Ok(stands);
    }
    set(conn, name, &value)?;
    Ok(value)
}

pub fn set(conn: &Connection, name: &str, value: &[u8]) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)")
        .and_then(|mut statement| statement.execute(params![name, value]))
        .map_err(error)?;
    Ok(())
}
