//! SQLite: ledger, evidence, verdicts, outbox.
