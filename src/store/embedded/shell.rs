//! Loads what an operation needs, applies its rule, saves what changed.

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::rules::{Open, Rule, Rules, Slot};
use crate::model::{DAY, Digest, Ms, NumberHash, RecordId, Sent, TenantId, Usage};
use crate::store::StoreError;
use crate::store::ops::*;
use crate::store::record::Record;
use crate::store::wide::{Take, Taken, Taking, Window};

use super::operation::{Once, Operation, Target};

type Result<T> = std::result::Result<T, StoreError>;

/// How long a record is kept after it expired, to be told apart from one that
/// never was.
const KEPT_AFTER_EXPIRY: Ms = DAY;
/// Records that are ended at a time.
const EXPIRIES: usize = 500;
/// Tables whose rows end by themselves, with what names a row.
const PURGED: [(&str, &str); 8] = [
    ("record", "id"),
    ("number", "hash, tenant"),
    ("memo", "key"),
    ("wide", "key"),
    ("attempt", "id"),
    ("reference", "name"),
    ("parked", "n"),
    ("tally", "slice, name"),
];
/// Rows removed from one table at a time.
const PURGE_ROWS: u32 = 1_000;

/// A number's row for one tenant.
#[derive(Default, Serialize, Deserialize)]
struct TenantRow {
    sent: Vec<Sent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failures: Vec<Ms>,
    #[serde(default)]
    paused_until: Ms,
    open: Vec<Open>,
}

/// What SQLite says, in the store's words.
pub fn error(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Away(error.to_string()),
    }
}

pub fn decode<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(StoreError::unreadable)
}

pub fn encode<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(StoreError::unreadable)
}

fn body<T: DeserializeOwned>(conn: &Connection, sql: &str, key: impl rusqlite::Params) -> Result<Option<T>> {
    let text: Option<String> = conn
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(key, |row| row.get(0)).optional())
        .map_err(error)?;
    text.map(|text| decode(&text)).transpose()
}

pub fn execute(conn: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<()> {
    conn.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(error)?;
    Ok(())
}

pub fn load_record(conn: &Connection, id: RecordId) -> Result<Option<Record>> {
    #[derive(Deserialize)]
    struct Version {
        v: u16,
    }
    let text: Option<String> = conn
        .prepare_cached("SELECT body FROM record WHERE id = ?")
        .and_then(|mut statement| statement.query_row([id.to_string()], |row| row.get(0)).optional())
        .map_err(error)?;
    let Some(text) = text else { return Ok(None) };
    if decode::<Version>(&text)?.v > Record::VERSION {
        return Err(StoreError::Newer);
    }
    decode(&text).map(Some)
}

fn load_number(conn: &Connection, tenant: &TenantId, hash: NumberHash) -> Result<(Usage, Vec<Open>)> {
    const SQL: &str = "SELECT body FROM number WHERE hash = ? AND tenant = ?";
    let row: TenantRow = body(conn, SQL, params![hash.0.0, tenant.0])?.unwrap_or_default();
    let sent_all_tenants = body(conn, SQL, params![hash.0.0, ""])?.unwrap_or_default();
    let usage = Usage { sent: row.sent, failures: row.failures, sent_all_tenants, paused_until: row.paused_until };
    Ok((usage, row.open))
}

fn load(conn: &Connection, target: &Target) -> Result<Slot> {
    match target {
        Target::Record(id) => {
            let Some(record) = load_record(conn, *id)? else { return Ok(Slot::default()) };
            let (usage, open) = load_number(conn, &record.tenant, record.to.hash)?;
            Ok(Slot { record: Some(record), usage, open, others: Vec::new() })
        }
        Target::Number(tenant, hash) => {
            let (usage, open) = load_number(conn, tenant, *hash)?;
            let others =
                open.iter().filter_map(|open| load_record(conn, open.id).transpose()).collect::<Result<_>>()?;
            Ok(Slot { record: None, usage, open, others })
        }
    }
}

fn save_record(conn: &Connection, record: &Record) -> Result<()> {
    let id = record.id.to_string();
    execute(
        conn,
        "INSERT OR REPLACE INTO record (id, body, purge_at) VALUES (?, ?, ?)",
        params![id, encode(record)?, record.expires + KEPT_AFTER_EXPIRY],
    )?;
    execute(conn, "DELETE FROM wake WHERE record = ?", [&id])?;
    for (n, at) in record.wakes() {
        execute(conn, "INSERT INTO wake (record, n, at) VALUES (?, ?, ?)", params![id, n, at])?;
    }
    Ok(())
}

fn save(conn: &Connection, before: &Slot, after: &Slot, now: Ms) -> Result<()> {
    for record in after.record.iter().chain(&after.others) {
        let known = before.record.iter().chain(&before.others).any(|old| old == record);
        // A joined record stands in both places; the slot's own is the newer one.
        let stale = after.others.iter().any(|other| std::ptr::eq(other, record))
            && after.record.as_ref().is_some_and(|own| own.id == record.id);
        if !known && !stale {
            save_record(conn, record)?;
        }
    }
    let Some(record) = &after.record else { return Ok(()) };
    const SQL: &str = "INSERT OR REPLACE INTO number (hash, tenant, body, purge_at) VALUES (?, ?, ?, ?)";
    let (hash, purge_at) = (record.to.hash.0.0, now.max(after.usage.paused_until) + DAY);
    if before.usage.sent_all_tenants != after.usage.sent_all_tenants {
        execute(conn, SQL, params![hash, "", encode(&after.usage.sent_all_tenants)?, purge_at])?;
    }
    if before.usage != after.usage || before.open != after.open {
        let Usage { sent, failures, paused_until, .. } = after.usage.clone();
        let row = TenantRow { sent, failures, paused_until, open: after.open.clone() };
        execute(conn, SQL, params![hash, record.tenant.0, encode(&row)?, purge_at])?;
    }
    Ok(())
}

/// One operation: its rule and its effects.
pub fn apply<O: Operation>(conn: &Connection, op: &O, rule: Rule<O, O::Answer>, now: Ms) -> Result<O::Answer> {
    let before = load(conn, &op.target())?;
    let mut after = before.clone();
    let answer = rule(&mut after, op, now);
    save(conn, &before, &after, now)?;
    Ok(answer)
}

/// The same for an operation with an idempotency key: the kept answer if there
/// is one, and this one kept if there is not.
pub fn apply_once<O: Once>(conn: &Connection, op: &O, rule: Rule<O, O::Answer>, now: Ms) -> Result<O::Answer> {
    let Some(memo) = op.memo() else { return apply(conn, op, rule, now) };
    match recall(conn, memo, now)? {
        Recall::Nothing => {}
        Recall::OtherBody => return Ok(O::other_body()),
        Recall::Kept(answer) => {
            let mut answer = decode(&answer)?;
            if let Some(view) = O::view(&mut answer) {
                view.replayed = true;
            }
            return Ok(answer);
        }
    }
    let answer = apply(conn, op, rule, now)?;
    if O::is_kept(&answer) {
        let mut kept = answer.clone();
        if let Some(view) = O::view(&mut kept) {
            // A kept answer outlives the code: it must not hold it.
            view.record.erase_secrets();
        }
        execute(
            conn,
            "INSERT OR REPLACE INTO memo (key, fingerprint, answer, purge_at) VALUES (?, ?, ?, ?)",
            params![memo.key.0, memo.fingerprint.0, encode(&kept)?, now + memo.keep_ms],
        )?;
    }
    Ok(answer)
}

pub fn recall(conn: &Connection, memo: &Memo, now: Ms) -> Result<Recall> {
    let row: Option<([u8; 16], String)> = conn
        .prepare_cached("SELECT fingerprint, answer FROM memo WHERE key = ? AND purge_at > ?")
        .and_then(|mut s| s.query_row(params![memo.key.0, now], |row| Ok((row.get(0)?, row.get(1)?))).optional())
        .map_err(error)?;
    Ok(match row {
        None => Recall::Nothing,
        Some((fingerprint, _)) if Digest(fingerprint) != memo.fingerprint => Recall::OtherBody,
        Some((_, answer)) => Recall::Kept(answer),
    })
}

pub fn view(conn: &Connection, id: RecordId, tenant: &TenantId, now: Ms) -> Result<Option<View>> {
    let Slot { record, usage, .. } = load(conn, &Target::Record(id))?;
    Ok(record.filter(|record| record.tenant == *tenant).map(|record| View { record, usage, now, replayed: false }))
}

pub fn find_open(
    conn: &Connection,
    tenant: &TenantId,
    hash: NumberHash,
    subject: Digest,
    now: Ms,
) -> Result<Option<RecordId>> {
    let (_, open) = load_number(conn, tenant, hash)?;
    Ok(open.iter().find(|open| open.subject == Some(subject) && open.expires > now).map(|open| open.id))
}

/// Wakes that are due: expiries (n = 0), or deliveries.
fn due(conn: &Connection, before: Ms, expiries: bool, limit: usize) -> Result<Vec<(RecordId, u16)>> {
    let rows: Vec<(String, u16)> = conn
        .prepare_cached("SELECT record, n FROM wake WHERE at <= ? AND (n = 0) = ? ORDER BY at LIMIT ?")
        .and_then(|mut statement| {
            statement.query_map(params![before, expiries, limit], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .map_err(error)?;
    rows.into_iter()
        .map(|(id, n)| id.parse().map(|id| (id, n)).map_err(|_| StoreError::Unreadable("a wake's record id".into())))
        .collect()
}

/// Takes the leases of due deliveries and ends records whose time ran out.
pub fn claim(conn: &Connection, op: &Claim, rules: &Rules, now: Ms) -> Result<Vec<Claimed>> {
    let mut claimed = Vec::new();
    let mut wakes = due(conn, now, true, EXPIRIES)?;
    wakes.extend(due(conn, now, false, op.limit)?);
    for (id, n) in wakes {
        let before = match load(conn, &Target::Record(id)) {
            Ok(slot) => slot,
            // Left for the version that wrote it, or for a person; not looked at for a
            // while, and no reason to leave the others waiting.
            Err(error @ (StoreError::Newer | StoreError::Unreadable(_))) => {
                tracing::error!(record = %id, %error, "A record cannot be worked on.");
                execute(conn, "UPDATE wake SET at = ? WHERE record = ?", params![now + DAY, id.to_string()])?;
                continue;
            }
            Err(error) => return Err(error),
        };
        let mut after = before.clone();
        let taken = n > 0 && (rules.claim)(&mut after, &(n, op.lease), now);
        (rules.expire)(&mut after, &(), now);
        if after == before {
            // Nothing is to be done for it: a wake without a reason.
            execute(conn, "DELETE FROM wake WHERE record = ? AND n = ?", params![id.to_string(), n])?;
            continue;
        }
        save(conn, &before, &after, now)?;
        let wanted = |record: &Record| record.delivery(n).is_some_and(|delivery| !delivery.state.is_final());
        if let Some(record) = after.record.filter(|record| taken && wanted(record)) {
            claimed.push(Claimed { record, n });
        }
    }
    Ok(claimed)
}

pub fn next_wake(conn: &Connection) -> Result<Option<Ms>> {
    conn.prepare_cached("SELECT min(at) FROM wake")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(error)
}

/// At start no process holds a lease: everything unfinished is due at once.
pub fn drop_leases(conn: &mut Connection, now: Ms) -> Result<()> {
    let tx = conn.transaction().map_err(error)?;
    for (id, _) in due(&tx, Ms::MAX >> 1, false, i64::MAX as usize)? {
        let Some(mut record) = (match load_record(&tx, id) {
            Err(StoreError::Newer) => None,
            other => other?,
        }) else {
            continue;
        };
        let dropped = record.deliveries.iter_mut().map(|d| super::rules::abandoned(d, now));
        if dropped.fold(false, |any, one| any | one) {
            save_record(&tx, &record)?;
        }
    }
    tx.commit().map_err(error)
}

fn wide_key(take: &Take) -> [u8; 24] {
    let mut key = [0; 24];
    key[..16].copy_from_slice(&take.key.0);
    // One key may be counted by the hour and by the day.
    key[16..].copy_from_slice(&take.spec.per_ms.to_be_bytes());
    key
}

fn load_window(conn: &Connection, take: &Take) -> Result<Window> {
    Ok(body(conn, "SELECT body FROM wide WHERE key = ?", [wide_key(take)])?.unwrap_or_default())
}

fn save_window(conn: &Connection, take: &Take, window: &Window, purge_at: Ms) -> Result<()> {
    execute(
        conn,
        "INSERT INTO wide (key, body, purge_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (key) DO UPDATE SET body = ?2, purge_at = max(purge_at, ?3)",
        params![wide_key(take), encode(window)?, purge_at],
    )
}

pub fn take(conn: &Connection, takes: &[Take], now: Ms) -> Result<Taking> {
    let windows: Vec<Window> = takes.iter().map(|take| load_window(conn, take)).collect::<Result<_>>()?;
    let refusals = takes.iter().zip(&windows).filter_map(|(take, window)| {
        let until = window.full_until(take.spec, now)?;
        Some(crate::model::Refusal { limit: take.limit, until })
    });
    if let Some(refusal) = refusals.max_by_key(|refusal| refusal.until) {
        return Ok(Taking::Refused(refusal));
    }
    let mut taken = Vec::with_capacity(takes.len());
    for (take, mut window) in takes.iter().zip(windows) {
        let slice = window.add(take.spec, now);
        save_window(conn, take, &window, Window::ends(take.spec, now))?;
        taken.push(Taken { take: *take, slice });
    }
    Ok(Taking::Taken(taken))
}

pub fn give_back(conn: &Connection, taken: &[Taken]) -> Result<()> {
    for Taken { take, slice } in taken {
        let mut window = load_window(conn, take)?;
        window.remove(*slice);
        save_window(conn, take, &window, 0)?;
    }
    Ok(())
}

/// Removes rows whose time is over.
pub fn purge(conn: &Connection, now: Ms) -> Result<()> {
    for (table, key) in PURGED {
        let over = format!("SELECT {key} FROM {table} WHERE purge_at <= ? LIMIT {PURGE_ROWS}");
        execute(conn, &format!("DELETE FROM {table} WHERE ({key}) IN ({over})"), [now])?;
    }
    Ok(())
}
