use std::error::Error as StdError;
use std::{fmt, io};

use super::dialect::{Diagnosis, Dialect, Fault};
use crate::error::StorageError;

/// What an error of sqlx may show: the database's code, and its message where that quotes no row.
///
/// sqlx's own errors are not passed on. Their `Debug` shows the detail of a violated constraint, which holds the row.
pub(super) struct SqlError {
    fault: Fault,
    what: What,
}

enum What {
    Refused {
        code: String,
        message: Option<String>,
    },
    Connection(io::Error),
    Tls(Box<dyn StdError + Send + Sync>),
    Protocol(String),
    Plain(&'static str),
}

impl SqlError {
    pub(super) fn new<D: Dialect>(error: sqlx::Error) -> Self {
        let (fault, what) = match error {
            sqlx::Error::Database(error) => {
                let Diagnosis {
                    fault,
                    code,
                    has_harmless_message,
                } = D::diagnose(&*error);
                let message = has_harmless_message.then(|| error.message().to_owned());
                (fault, What::Refused { code, message })
            }
            sqlx::Error::Io(error) => (Fault::Lost, What::Connection(error)),
            sqlx::Error::Tls(error) => (Fault::Other, What::Tls(error)),
            // Of lengths and names of messages, never of what is in them.
            sqlx::Error::Protocol(text) => (Fault::Lost, What::Protocol(text)),
            sqlx::Error::WorkerCrashed => {
                (Fault::Lost, What::Plain("the database's thread has ended"))
            }
            sqlx::Error::PoolTimedOut => (
                Fault::Other,
                What::Plain("no connection to the database could be had in time"),
            ),
            sqlx::Error::PoolClosed => (
                Fault::Other,
                What::Plain("the pool of connections is closed"),
            ),
            // Its text may quote the URL.
            sqlx::Error::Configuration(_) => (
                Fault::Other,
                What::Plain("the database's URL, or an option in it, makes no sense"),
            ),
            _ => (Fault::Other, What::Plain("the database driver failed")),
        };
        Self { fault, what }
    }

    pub(super) fn fault(&self) -> Fault {
        self.fault
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Refused { code, message } => {
                f.write_str("the database refused")?;
                if let Some(message) = message {
                    write!(f, ": {message}")?;
                }
                write!(f, " ({code})")?;
                if self.fault == Fault::NoTable {
                    f.write_str("; `migrate()` makes the table")?;
                }
                Ok(())
            }
            What::Connection(_) => f.write_str("the connection to the database failed"),
            What::Tls(_) => f.write_str("no TLS with the database"),
            What::Protocol(text) => write!(f, "the database's answer makes no sense: {text}"),
            What::Plain(text) => f.write_str(text),
        }
    }
}

/// As it is displayed.
impl fmt::Debug for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for SqlError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.what {
            What::Connection(source) => Some(source),
            What::Tls(source) => Some(&**source),
            _ => None,
        }
    }
}

impl From<SqlError> for StorageError {
    fn from(error: SqlError) -> Self {
        Self::unavailable(error)
    }
}
