-- Version 2: the audit trail becomes a hash chain (store::audit). `hash` is SHA-256 over all other columns; `previous` is
-- the hash of the entry before, 32 zeros for the first. AUTOINCREMENT: `sqlite_sequence` remembers the highest number
-- that was ever given, so that a tail that was cut off is missed.

-- What was recorded before there was a chain; taken into it when the database is opened.
ALTER TABLE audit RENAME TO audit_unchained;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    subject  TEXT,                            -- a key or an event id
    detail   TEXT,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    hash     BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

-- Guards against a slip in our own statements; against a stranger with the file there is the chain.
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN
    SELECT raise(ABORT, 'the audit trail is append-only');
END;

-- Retention first appends a checkpoint that names the last entry it will forget.
CREATE TRIGGER audit_is_forgotten_by_retention_only BEFORE DELETE ON audit
WHEN old.sequence > coalesce((SELECT json_extract(detail, '$.through') FROM audit
                              WHERE action = 'checkpoint' ORDER BY sequence DESC LIMIT 1), 0) BEGIN
    SELECT raise(ABORT, 'the audit trail is append-only');
END;

CREATE TRIGGER audit_grows_at_its_end BEFORE INSERT ON audit
WHEN new.sequence <= (SELECT max(sequence) FROM audit)
  OR new.previous <> (SELECT hash FROM audit ORDER BY sequence DESC LIMIT 1) BEGIN
    SELECT raise(ABORT, 'the audit trail is append-only');
END;
