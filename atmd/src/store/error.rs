//! What a failure of the database means for what was being written.

use sea_orm::{DbErr, RuntimeErr, sqlx};
use std::fmt;

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The same again may work: another writer was in the way, or the connection broke.
    Retry,
    /// There is no space. The same again works when there is.
    Full,
    /// This statement never works: something in the batch is at fault.
    Poison,
    /// The storage cannot be trusted any more. atmd ends.
    Fatal,
}

/// A failure of the database.
#[derive(Debug)]
pub struct StoreError {
    /// What to do about it.
    pub failure: Failure,
    message: String,
}

impl StoreError {
    /// A row that atmd cannot have written.
    pub(super) const fn corrupt(message: String) -> Self {
        Self { failure: Failure::Fatal, message }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        Self { failure: classify(&error), message: error.to_string() }
    }
}

/// SQLite's result codes: <https://www.sqlite.org/rescode.html>.
fn sqlite_failure(code: u32) -> Failure {
    const IOERR_SHMSIZE: u32 = 4874;
    match (code, code & 0xff) {
        (IOERR_SHMSIZE, _) | (_, 13) => Failure::Full,
        // BUSY, LOCKED, PROTOCOL, SCHEMA
        (_, 5 | 6 | 15 | 17) => Failure::Retry,
        // NOMEM, READONLY, IOERR, CORRUPT, CANTOPEN, NOTADB: never write on, fsync above all.
        (_, 7 | 8 | 10 | 11 | 14 | 26) => Failure::Fatal,
        _ => Failure::Poison,
    }
}

fn classify(error: &DbErr) -> Failure {
    let (DbErr::Conn(runtime) | DbErr::Exec(runtime) | DbErr::Query(runtime)) = error else {
        return match error {
            DbErr::ConnectionAcquire(_) => Failure::Retry,
            _ => Failure::Poison,
        };
    };
    let RuntimeErr::SqlxError(error) = runtime else { return Failure::Poison };
    match error.as_ref() {
        sqlx::Error::Database(error) => {
            let code = error.code().and_then(|code| code.parse().ok());
            code.map_or(Failure::Poison, sqlite_failure)
        }
        sqlx::Error::PoolTimedOut => Failure::Retry,
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => Failure::Fatal,
        _ => Failure::Poison,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_of_sqlite_has_its_meaning() {
        let table = [
            (5, Failure::Retry),
            (517, Failure::Retry),
            (6, Failure::Retry),
            (13, Failure::Full),
            (4874, Failure::Full),
            (10, Failure::Fatal),
            (1034, Failure::Fatal), // IOERR_FSYNC
            (11, Failure::Fatal),
            (19, Failure::Poison),
            (2067, Failure::Poison), // CONSTRAINT_UNIQUE
        ];
        for (code, expected) in table {
            assert_eq!(sqlite_failure(code), expected, "{code}");
        }
    }
}
