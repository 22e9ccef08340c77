-- Version 1. All times are milliseconds since 1970 (UTC) by the device's clock; all keys are keyed hashes (store::Keys).
-- study_instance_uid, series_instance_uid and sop_instance_uid stay NULL unless the site switched identifiers to clear.

-- 'epoch': set when this database took the place of one that was set aside, so that event ids never repeat.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- One row for each file that was read, however it ended.
CREATE TABLE files (
    fingerprint    TEXT PRIMARY KEY,          -- path key, size and mtime, as ingest gives it
    content_digest BLOB NOT NULL,             -- SHA-256 of the bytes
    state          TEXT NOT NULL CHECK (state IN ('accepted', 'collected', 'duplicate', 'excluded', 'quarantined')),
    code           TEXT,                      -- machine-readable reason of an exclusion or a quarantine
    words          TEXT,                      -- the same for people
    series_key     TEXT,                      -- where it is known
    at             INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX files_by_content ON files (content_digest);
CREATE INDEX files_by_time ON files (at);
CREATE INDEX files_rejected ON files (state, code, series_key) WHERE state IN ('excluded', 'quarantined');

CREATE TABLE series (
    series_key          TEXT PRIMARY KEY,
    study_key           TEXT NOT NULL,
    state               TEXT NOT NULL CHECK (state IN ('open', 'final')),
    first_seen          INTEGER NOT NULL,
    last_slice          INTEGER NOT NULL,
    assessment          TEXT,                 -- the latest of this series (JSON), told or not
    study_instance_uid  TEXT,
    series_instance_uid TEXT
) WITHOUT ROWID;
CREATE INDEX series_of_study ON series (study_key);
CREATE INDEX series_open ON series (state) WHERE state = 'open';

CREATE TABLE slices (
    slice_key        TEXT PRIMARY KEY,
    series_key       TEXT NOT NULL REFERENCES series (series_key) ON DELETE CASCADE,
    geometry         TEXT NOT NULL,           -- the header without identifiers (JSON)
    evidence         TEXT,                    -- NULL: collected, not analysed yet
    sop_instance_uid TEXT
) WITHOUT ROWID;
CREATE INDEX slices_of_series ON slices (series_key);

-- What was told, one row a revision; never changed but for the acknowledgement.
CREATE TABLE verdicts (
    study_key       TEXT NOT NULL,
    revision        INTEGER NOT NULL CHECK (revision > 0),
    event_id        TEXT NOT NULL UNIQUE,
    supersedes      TEXT,
    assessment      TEXT NOT NULL,
    committed_at    INTEGER NOT NULL,
    acknowledged_by TEXT,
    acknowledged_at INTEGER,
    PRIMARY KEY (study_key, revision)
) WITHOUT ROWID;
CREATE INDEX verdicts_by_time ON verdicts (committed_at);

-- What still has to leave; a row goes when the broker has acknowledged it.
CREATE TABLE outbox (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id    TEXT NOT NULL UNIQUE,
    topic       TEXT NOT NULL,
    payload     BLOB NOT NULL,
    properties  TEXT NOT NULL,                -- JSON: user properties, response topic, correlation data
    retain      INTEGER NOT NULL,
    expiry_secs INTEGER,                      -- counted by the broker from when it takes the message
    priority    INTEGER NOT NULL,             -- 2 alert, 1 verdict, 0 other
    attempts    INTEGER NOT NULL DEFAULT 0,   -- refusals by the broker
    dead_reason TEXT,                         -- set: not sent any more until it is revived
    created_at  INTEGER NOT NULL
);
CREATE INDEX outbox_due ON outbox (priority DESC, sequence) WHERE dead_reason IS NULL;

CREATE INDEX outbox_by_topic ON outbox (topic, sequence);

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    subject  TEXT,                            -- a key or an event id
    detail   TEXT
);
