use std::future::Future;
#[cfg(feature = "tokio")]
use std::time::Duration;

use crate::error::StorageError;

/// Removes what has expired, for storages that do not do so by themselves.
///
/// An expired session never reads, swept or not: sweeping gives its space back.
///
/// # Example
///
/// ```
/// use session::{MemoryStorage, storage::Sweep};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let storage = MemoryStorage::new();
/// assert_eq!(storage.delete_expired().await?, 0);
/// // Every minute from now on, beside the server:
/// tokio::spawn(storage.clone().sweep_every(std::time::Duration::from_secs(60)));
/// # Ok(())
/// # }
/// ```
pub trait Sweep: Send + Sync + 'static {
    /// Removes every expired session, and says how many there were.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the storage failed; some may have been removed.
    fn delete_expired(&self) -> impl Future<Output = Result<u64, StorageError>> + Send;

    /// Sweeps at once and then once a period, until it is dropped. An error is logged, and the next period tries again.
    ///
    /// Spawn it on tokio: it waits by tokio's timer.
    #[cfg(feature = "tokio")]
    fn sweep_every(self, period: Duration) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        async move {
            loop {
                match self.delete_expired().await {
                    Ok(0) => {}
                    Ok(sessions) => tracing::debug!(sessions, "swept expired sessions"),
                    Err(error) => {
                        tracing::warn!(error = %crate::error::Chain(&error), "sweep of expired sessions failed");
                    }
                }
                tokio::time::sleep(period).await;
            }
        }
    }
}
