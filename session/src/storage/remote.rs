//! What storages that are elsewhere have in common: their calls end in bounded time.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use tokio::time::error::Elapsed;

use crate::error::StorageError;

/// How long a call may take before it counts as failed, unless the storage is told otherwise.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Waits for a call at most so long. One that is given up may still be carried out.
pub(super) async fn bounded<T>(
    timeout: Duration,
    call: impl Future<Output = Result<T, StorageError>>,
) -> Result<T, StorageError> {
    in_time(timeout, tokio::time::timeout(timeout, call).await)
}

/// What [`bounded`] gives, of a call under tokio's `timeout`: whoever awaits that itself keeps the call in memory once, where an
/// `async fn` keeps its argument twice.
pub(super) fn in_time<T>(
    timeout: Duration,
    outcome: Result<Result<T, StorageError>, Elapsed>,
) -> Result<T, StorageError> {
    outcome.unwrap_or_else(|_| Err(StorageError::unavailable(TimedOut(timeout))))
}

/// No answer came in time.
#[derive(Debug)]
struct TimedOut(Duration);

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer came within {:?}", self.0)
    }
}

impl std::error::Error for TimedOut {}
