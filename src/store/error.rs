//! What can go wrong with the database, as variants that the screen can put into words.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why the store could not do what was asked. The message is one line for a technician.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No space left: nothing is recorded until there is; files stay in the folder.
    #[error("the disk is full")]
    DiskFull,
    /// The file system is read-only (a worn flash card often turns itself so).
    #[error("the disk is read-only")]
    ReadOnly,
    /// The database is damaged; a restart sets it aside.
    #[error("the database is damaged")]
    Corrupt,
    /// Another process holds the database.
    #[error("the database is in use by another process")]
    InUse,
    /// A version of the program that is newer than this one wrote the database.
    #[error("the database has version {found}, this program knows versions up to {known}")]
    Newer {
        /// `user_version` of the file.
        found: u32,
        /// Highest version that this program can migrate to.
        known: u32,
    },
    /// The disk failed.
    #[error("the disk failed at {}", .path.display())]
    Io {
        /// File or folder that was accessed.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// A row holds something that this program does not understand.
    #[error("a row of `{table}` cannot be read: {reason}")]
    Row {
        /// Table of the row.
        table: &'static str,
        /// What was wrong with it.
        reason: String,
    },
    /// Anything else that SQLite reported.
    #[error("database: {0}")]
    Sql(#[source] rusqlite::Error),
}

impl StoreError {
    /// The word on the wire and in metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::ReadOnly => "disk_read_only",
            Self::Corrupt => "database_damaged",
            Self::InUse => "database_in_use",
            Self::Newer { .. } => "database_newer",
            Self::Io { .. } => "disk_failed",
            Self::Row { .. } => "row_unreadable",
            Self::Sql(_) => "database_error",
        }
    }

    /// True when opening afresh would set the database aside.
    pub(super) const fn is_damage(&self) -> bool {
        matches!(self, Self::Corrupt | Self::Newer { .. })
    }

    pub(super) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match source.kind() {
            std::io::ErrorKind::StorageFull => Self::DiskFull,
            std::io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Io { path, source },
        }
    }

    /// For JSON columns and numbers of the table `table`.
    pub(super) fn row<E: std::fmt::Display>(table: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::Row { table, reason: error.to_string() }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            _ => Self::Sql(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqlite(code: i32) -> StoreError {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None).into()
    }

    #[test]
    fn what_the_screen_must_tell_apart_has_its_own_variant() {
        use rusqlite::ffi;
        assert_eq!(sqlite(ffi::SQLITE_FULL).code(), "disk_full");
        assert_eq!(sqlite(ffi::SQLITE_READONLY).code(), "disk_read_only");
        assert_eq!(sqlite(ffi::SQLITE_CORRUPT).code(), "database_damaged");
        assert_eq!(sqlite(ffi::SQLITE_NOTADB).code(), "database_damaged");
        assert_eq!(sqlite(ffi::SQLITE_BUSY).code(), "database_in_use");
        assert_eq!(sqlite(ffi::SQLITE_ERROR).code(), "database_error");
    }
}
