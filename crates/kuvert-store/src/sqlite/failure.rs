//! What SQLite's failures mean to a store: damage, others at work, no room, or a machine in trouble.

use rusqlite::{Error, ErrorCode};

use crate::rows::RowError;

/// A page could be read in part only: the file is shorter than it says.
const SHORT_READ: i32 = 522;

impl From<Error> for RowError {
    fn from(error: Error) -> Self {
        match error {
            Error::SqliteFailure(failure, _) => match failure.code {
                _ if failure.extended_code == SHORT_READ => Self::Damaged,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged,
                // Our statements are fixed and right, so it is the file that does not fit them.
                ErrorCode::Unknown => Self::Damaged,
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed => Self::Busy,
                ErrorCode::DiskFull => Self::Full,
                // The file is there; what cannot be opened is a log beside it, or the file to write.
                ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
                    Self::NotWritable
                }
                _ => Self::Io(Box::new(error)),
            },
            // Likewise; and columns hold what we put into them.
            Error::SqlInputError { .. }
            | Error::InvalidColumnType(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::FromSqlConversionFailure(..)
            | Error::Utf8Error(..) => Self::Damaged,
            _ => Self::Io(Box::new(error)),
        }
    }
}
