use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::{ConnectOptions as _, Connection};

use super::connections::{Connections, LastLoss};
use super::dialect::Dialect;
use super::error::SqlError;
use crate::error::StorageError;
use crate::storage::remote::{DEFAULT_TIMEOUT, bounded};

const MAX_CONNECTIONS: u32 = 10;
/// How long a connection may have been idle and is used untested: shorter than any firewall's patience.
const UNTESTED: Duration = Duration::from_secs(10);
/// How long the test of a connection may take. A new one is made in less.
const TEST_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a call waits for a connection: less than it may take, so that the error says what it waited for.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(4);

/// A pool of our own, on a server that was reached.
///
/// A test before each use would be a round trip more a call. Tested are connections that were idle for long, and those that
/// were idle when another was found dead, since a server that restarts ends all of them.
pub(super) async fn connect<D: Dialect>(url: &str) -> Result<Connections<D>, StorageError> {
    let options = url
        .parse::<<D::Connection as Connection>::Options>()
        .map_err(SqlError::new::<D>)?;
    // Not by the pool, which waits for a server that is not there, and then says only that it has waited.
    bounded(DEFAULT_TIMEOUT, async {
        let reached = match options.connect().await {
            Ok(connection) => connection.close().await,
            Err(error) => Err(error),
        };
        Ok(reached.map_err(SqlError::new::<D>)?)
    })
    .await?;
    let last_loss = LastLoss::default();
    let loss = last_loss.clone();
    let pool = PoolOptions::<D>::new()
        .max_connections(MAX_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(move |connection, metadata| {
            let idle = metadata.idle_for;
            let is_in_doubt = idle >= UNTESTED || loss.came_within(idle);
            Box::pin(async move {
                if !is_in_doubt {
                    return Ok(true);
                }
                let test = tokio::time::timeout(TEST_TIMEOUT, connection.ping());
                Ok(test.await.is_ok_and(|outcome| outcome.is_ok()))
            })
        })
        .connect_lazy_with(options);
    Ok(Connections::new(pool, last_loss))
}
