//! What SQLite's failures mean to a store: damage, others at work, no room, or a machine in trouble.

use rusqlite::{Error, ErrorCode};

use crate::rows::RowError;

/// A page could be read in part only: the file is shorter than it says.
const SHORT_READ: i32 = 522;

impl From<Error> for RowError {
    fn from(error: Error) -> Self {
        match &error {
            Error::SqliteFailure(failure, _) if failure.extended_code == SHORT_READ => {
                Self::Damaged
            }
            Error::SqliteFailure(failure, _) => match failure.code {
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged,
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed => Self::Busy,
                ErrorCode::DiskFull => Self::Full,
                _ => Self::Io(Box::new(error)),
            },
            // Columns hold what we put into them, or the file is damaged.
            Error::InvalidColumnType(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::FromSqlConversionFailure(..)
            | Error::Utf8Error(..) => Self::Damaged,
            _ => Self::Io(Box::new(error)),
        }
    }
}
