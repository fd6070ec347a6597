//! What only databases of SQL do: they lock, roll back in favour of another, fill up, refuse a row, lose a table.

mod contention;
mod limits;
mod locked;
mod pool;
mod refusals;
mod tables;

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use session::{KeyRing, Record, SessionCookie, SessionStorage, Sessions, StorageError};

/// The sessions of a storage, as an application has them. Their cookie is called as in [`place`](crate::storages::place).
pub(super) fn sessions(storage: impl SessionStorage) -> Sessions {
    let keys = KeyRing::new("a secret of the tests, 32 bytes or more").unwrap();
    Sessions::new(SessionCookie::new("session", keys), storage)
}

pub(super) fn record(value: u64) -> Record {
    let json = format!(r#"{{"format":1,"created_at":0,"values":{{"value":{value}}}}}"#);
    Record::from_json(json.as_bytes()).unwrap()
}

pub(super) fn tomorrow() -> SystemTime {
    SystemTime::now() + Duration::from_secs(24 * 3600)
}

/// All that an error shows, in every way, of itself and of what caused it.
pub(super) fn shown(error: &(dyn StdError + 'static)) -> String {
    let mut shown = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        writeln!(shown, "{error}\n{error:?}\n{error:#?}").unwrap();
        next = error.source();
    }
    shown
}

/// Why a storage could not do what it was asked.
#[track_caller]
pub(super) fn unavailable<T>(outcome: Result<T, StorageError>) -> String {
    match outcome {
        Err(error @ StorageError::Unavailable(_)) => shown(&error),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it was available"),
    }
}

/// The same, of a request.
#[track_caller]
pub(super) fn storage_error<T>(outcome: Result<T, session::Error>) -> StorageError {
    match outcome {
        Err(session::Error::Storage(error)) => error,
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it went well"),
    }
}
