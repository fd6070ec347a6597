use std::error::Error;
use std::sync::Arc;
use std::{fmt, io};

use ::redis::RedisError;

use crate::error::StorageError;

/// What went wrong, without what was sent: the client's errors and the server's may quote keys and values.
pub(super) fn failure(error: &RedisError) -> StorageError {
    let code = error.code();
    if code == Some("WRONGTYPE") {
        return StorageError::corrupt(Failure("the key holds no string".to_owned()));
    }
    // The client keeps what lies behind in an `Arc`.
    let io = error
        .source()
        .and_then(|source| source.downcast_ref::<Arc<dyn Error + Send + Sync>>())
        .and_then(|source| source.downcast_ref::<io::Error>());
    StorageError::unavailable(Failure(match (code, io) {
        (Some(code), _) => {
            let detail = error.detail().unwrap_or_default();
            let detail = detail.split(", with args").next().unwrap_or_default();
            format!("the server answers: {code} {detail}")
        }
        (None, Some(io)) => format!("{}: {io}", error.category()),
        // Of the connections to a cluster's nodes; no value is in it.
        (None, None) if error.is_io_error() => match error.detail() {
            Some(detail) => format!("{}: {detail}", error.category()),
            None => error.category().to_owned(),
        },
        (None, None) => error.category().to_owned(),
    }))
}

#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {}
