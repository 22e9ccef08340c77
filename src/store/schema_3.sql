-- Version 3. The alert that stands for each study, as it was sent last: what is sent again when nobody acknowledges it.
CREATE TABLE alerts (
    study_key  TEXT PRIMARY KEY,
    revision   INTEGER NOT NULL,
    event_id   TEXT NOT NULL,                 -- of the last sending
    payload    BLOB NOT NULL,                 -- of the last sending (JSON)
    sent_again INTEGER NOT NULL DEFAULT 0,
    waited_ms  INTEGER NOT NULL DEFAULT 0,    -- monotonic, since the broker took the last sending; noted now and then
    open       INTEGER NOT NULL,              -- 0: acknowledged
    FOREIGN KEY (study_key, revision) REFERENCES verdicts (study_key, revision) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX alerts_open ON alerts (study_key) WHERE open;
