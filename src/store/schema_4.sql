-- Version 4. Revisions that are to be written as documents for archive and hospital system, in the order of their commits.
CREATE TABLE results (
    sequence           INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id           TEXT NOT NULL UNIQUE,
    supersedes         TEXT,
    told               TEXT NOT NULL,         -- the payload in full (JSON); '' once it is written
    study_instance_uid TEXT,                  -- NULL unless identifiers are in clear
    sources            TEXT NOT NULL,         -- UIDs of the slices of its findings (JSON); [] unless identifiers are in clear
    picture_of         TEXT,                  -- slice key of the key picture
    picture            BLOB,                  -- its grey values, as many rows as columns
    committed_at       INTEGER NOT NULL,
    written_at         INTEGER                -- NULL: still to be written
);
CREATE INDEX results_due ON results (sequence) WHERE written_at IS NULL;
