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
