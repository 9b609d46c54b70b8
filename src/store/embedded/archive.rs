//! The log of attempts, names of attempts, and counters.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::Embedded;
use super::shell::{decode, encode, error, execute};
use crate::model::{AttemptId, Digest, Ms, NumberHash, Partition};
use crate::store::archive::parkable;
use crate::store::{Archive, AttemptLog, LogEntry, PARKED_MOST, StoreError, TALLY_KEPT_MS, TALLY_MS};

type Result<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl Archive for Embedded {
    async fn log(&self, entries: Vec<LogEntry>, keep_ms: Ms) -> Result<()> {
        self.writer
            .run(move |conn, now| entries.into_iter().try_for_each(|entry| log(conn, &entry.fitting(), now + keep_ms)))
            .await
    }

    async fn attempts(&self, _: Partition, number: NumberHash, limit: usize) -> Result<Vec<AttemptLog>> {
        self.writer.run(move |conn, now| attempts(conn, number, limit, now)).await
    }

    async fn index(&self, name: Digest, attempt: AttemptId, keep_ms: Ms) -> Result<Vec<Vec<u8>>> {
        self.writer.run(move |conn, now| index(conn, name, attempt, keep_ms, now)).await
    }

    async fn find(&self, name: Digest, park: Option<(Vec<u8>, Ms)>) -> Result<Option<AttemptId>> {
        let park = parkable(park);
        self.writer.run(move |conn, now| find(conn, name, park.as_ref(), now)).await
    }

    async fn tally(&self, adds: Vec<(String, u64)>) -> Result<()> {
        self.writer.run(move |conn, now| adds.iter().try_for_each(|(name, add)| tally(conn, name, *add, now))).await
    }

    async fn tallies(&self, since: Ms) -> Result<BTreeMap<String, u64>> {
        self.writer.run(move |conn, now| tallies(conn, since, now)).await
    }
}

fn log(conn: &Connection, entry: &LogEntry, purge_at: Ms) -> Result<()> {
    let (started, submitted, reported) = match entry {
        LogEntry::Submitted(logged) => (logged.started, Some(encode(logged)?), None),
        LogEntry::Reported(reported) => (0, None, Some(encode(reported)?)),
    };
    execute(
        conn,
        "INSERT INTO attempt (id, number, started, submitted, reported, purge_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET
             started = iif(?4 IS NULL, started, ?3),
             submitted = ifnull(?4, submitted),
             reported = ifnull(?5, reported),
             purge_at = max(purge_at, ?6)",
        params![entry.id().to_string(), entry.number().0.0, started, submitted, reported, purge_at],
    )
}

fn attempts(conn: &Connection, number: NumberHash, limit: usize, now: Ms) -> Result<Vec<AttemptLog>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: Vec<(String, Option<String>)> = conn
        .prepare_cached(
            "SELECT submitted, reported FROM attempt
             WHERE number = ? AND submitted IS NOT NULL AND purge_at > ? ORDER BY started DESC, id DESC LIMIT ?",
        )
        .and_then(|mut statement| {
            let rows = statement.query_map(params![number.0.0, now, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
        .map_err(error)?;
    rows.into_iter()
        .map(|(submitted, reported)| {
            let reported = reported.map(|reported| decode(&reported)).transpose()?;
            Ok(AttemptLog { submitted: decode(&submitted)?, reported })
        })
        .collect()
}

fn index(conn: &Connection, name: Digest, attempt: AttemptId, keep_ms: Ms, now: Ms) -> Result<Vec<Vec<u8>>> {
    execute(
        conn,
        "INSERT OR REPLACE INTO reference (name, attempt, purge_at) VALUES (?, ?, ?)",
        params![name.0, attempt.to_string(), now + keep_ms],
    )?;
    let parked = parked(conn, name, now)?;
    execute(conn, "DELETE FROM parked WHERE name = ?", [name.0])?;
    Ok(parked)
}

fn parked(conn: &Connection, name: Digest, now: Ms) -> Result<Vec<Vec<u8>>> {
    conn.prepare_cached("SELECT what FROM parked WHERE name = ? AND purge_at > ? ORDER BY n")
        .and_then(|mut statement| statement.query_map(params![name.0, now], |row| row.get(0))?.collect())
        .map_err(error)
}

fn find(conn: &Connection, name: Digest, park: Option<&(Vec<u8>, Ms)>, now: Ms) -> Result<Option<AttemptId>> {
    let found: Option<String> = conn
        .prepare_cached("SELECT attempt FROM reference WHERE name = ? AND purge_at > ?")
        .and_then(|mut statement| statement.query_row(params![name.0, now], |row| row.get(0)).optional())
        .map_err(error)?;
    if let Some(found) = found {
        return found.parse().map(Some).map_err(StoreError::unreadable);
    }
    let Some((what, keep_ms)) = park else { return Ok(None) };
    let parked = parked(conn, name, now)?;
    if parked.len() < PARKED_MOST && !parked.contains(what) {
        let sql = "INSERT INTO parked (name, what, purge_at) VALUES (?, ?, ?)";
        execute(conn, sql, params![name.0, what, now + keep_ms])?;
    }
    Ok(None)
}

fn tally(conn: &Connection, name: &str, add: u64, now: Ms) -> Result<()> {
    let slice = now / TALLY_MS;
    execute(
        conn,
        "INSERT INTO tally (slice, name, count, purge_at) VALUES (?, ?, ?, ?)
         ON CONFLICT (slice, name) DO UPDATE SET count = count + excluded.count",
        params![slice, name, i64::try_from(add).unwrap_or(i64::MAX), slice * TALLY_MS + TALLY_KEPT_MS],
    )
}

fn tallies(conn: &Connection, since: Ms, now: Ms) -> Result<BTreeMap<String, u64>> {
    let rows: Vec<(String, i64)> = conn
        .prepare_cached("SELECT name, sum(count) FROM tally WHERE slice >= ? AND purge_at > ? GROUP BY name")
        .and_then(|mut statement| {
            let rows = statement.query_map(params![since / TALLY_MS, now], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
        .map_err(error)?;
    Ok(rows.into_iter().map(|(name, sum)| (name, sum.unsigned_abs())).collect())
}
