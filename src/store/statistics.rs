//! A copy of a database in, its figures out: version, soundness, counts. Hands on no row, no key and no text of a row.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::Serialize;

use super::{AuditFile, StoreError};

/// Figures of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Version of the schema.
    pub schema_version: u32,
    /// `ok`, or the first thing that SQLite finds wrong.
    pub integrity: String,
    /// Size in pages, and of a page in bytes.
    pub pages: [i64; 2],
    /// Rows of each table.
    pub rows: BTreeMap<String, i64>,
    /// Files by what became of them: the state and the code of the reason.
    pub files: BTreeMap<String, i64>,
    /// Messages by how often they were tried in vain.
    pub outbox: BTreeMap<String, i64>,
}

impl AuditFile {
    /// Figures of the database that was copied.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn statistics(&self) -> Result<Statistics, StoreError> {
        let connection = self.connection();
        let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
        let mut rows = BTreeMap::new();
        for table in tables(connection)? {
            let counted = connection.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get(0))?;
            rows.insert(table, counted);
        }
        Ok(Statistics {
            schema_version: connection.query_row("PRAGMA user_version", [], |row| row.get(0))?,
            integrity: connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?,
            pages: [pragma("page_count")?, pragma("page_size")?],
            rows,
            files: counts(connection, "SELECT state || coalesce(' ' || code, ''), count(*) FROM files GROUP BY 1")?,
            outbox: counts(connection, "SELECT 'attempts ' || attempts, count(*) FROM outbox GROUP BY 1")?,
        })
    }
}

/// Tables of ours, by the schema: their names are part of the program.
fn tables(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

fn counts(connection: &Connection, sql: &str) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut statement = connection.prepare(sql)?;
    let counted = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(counted)
}
