-- The log of attempts: what was submitted, what was reported, each as JSON. A report may
-- be there first. `started`: when the intent was written, 0 as long as nobody knows.
CREATE TABLE attempt (
    id        TEXT PRIMARY KEY,
    number    BLOB NOT NULL,
    started   INTEGER NOT NULL,
    submitted TEXT,
    reported  TEXT,
    purge_at  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX attempt_number ON attempt (number, started);
CREATE INDEX attempt_purge ON attempt (purge_at);

-- Attempts by a digest of carrier and carrier's id.
CREATE TABLE reference (
    name     BLOB PRIMARY KEY,
    attempt  TEXT NOT NULL,
    purge_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX reference_purge ON reference (purge_at);

-- Reports under a name that is not known yet, in the order in which they came.
CREATE TABLE parked (
    n        INTEGER PRIMARY KEY,
    name     BLOB NOT NULL,
    what     BLOB NOT NULL,
    purge_at INTEGER NOT NULL
);
CREATE INDEX parked_name ON parked (name);
CREATE INDEX parked_purge ON parked (purge_at);

-- Counters of ten minutes each.
CREATE TABLE tally (
    slice    INTEGER NOT NULL,
    name     TEXT NOT NULL,
    count    INTEGER NOT NULL,
    purge_at INTEGER NOT NULL,
    PRIMARY KEY (slice, name)
) WITHOUT ROWID;
CREATE INDEX tally_purge ON tally (purge_at);

-- Who wants nothing more of whom. Kept until it is lifted.
CREATE TABLE opt_out (
    number  BLOB NOT NULL,
    tenant  TEXT NOT NULL,
    channel TEXT NOT NULL,
    since   INTEGER NOT NULL,
    PRIMARY KEY (number, tenant, channel)
) WITHOUT ROWID;
