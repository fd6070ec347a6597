use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Pool;
use sqlx::pool::PoolConnection;

use super::dialect::{Answer, Dialect, Fault, Value};
use super::error::SqlError;
use super::statements::Statement;

/// How often a statement is run that the database rolls back in favour of another.
const MAX_TRIES: u32 = 10;

/// A pool, and how a statement is run on one of its connections.
pub(super) struct Connections<D: Dialect> {
    pool: Pool<D>,
    last_loss: LastLoss,
}

impl<D: Dialect> Connections<D> {
    /// `last_loss` is for a pool that looks at it; others test their connections as they were told to.
    pub(super) fn new(pool: Pool<D>, last_loss: LastLoss) -> Self {
        Self { pool, last_loss }
    }

    pub(super) fn pool(&self) -> &Pool<D> {
        &self.pool
    }

    /// Runs a statement: again when the database rolled it back in favour of another, and, if that can be
    /// [repeated](Statement::is_repeatable), also when its connection turned out to be dead.
    pub(super) async fn run(
        &self,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> Result<Answer<D>, SqlError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let connection = self.pool.acquire().await.map_err(SqlError::new::<D>)?;
            let error = match self.run_on(connection, statement, values).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match error.fault() {
                Fault::Again if tries < MAX_TRIES => pause(tries).await,
                Fault::Lost if tries == 1 && statement.is_repeatable() => {}
                _ => return Err(error),
            }
        }
    }

    async fn run_on(
        &self,
        connection: PoolConnection<D>,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> Result<Answer<D>, SqlError> {
        let mut busy = Busy {
            connection,
            is_at_rest: false,
            last_loss: &self.last_loss,
        };
        let outcome = D::run(&mut busy.connection, statement, values)
            .await
            .map_err(SqlError::new::<D>);
        busy.is_at_rest = match &outcome {
            Ok(_) => true,
            Err(error) => error.fault().leaves_connection(),
        };
        outcome
    }
}

/// A connection with a statement on it.
///
/// Dropped before the answer is read, because the call took too long or nobody waits for it any more, the connection is
/// closed. The pool would take it back and wait for the rest of the answer, which a server that hangs never sends.
struct Busy<'a, D: Dialect> {
    connection: PoolConnection<D>,
    is_at_rest: bool,
    last_loss: &'a LastLoss,
}

impl<D: Dialect> Drop for Busy<'_, D> {
    fn drop(&mut self) {
        if D::IS_REMOTE && !self.is_at_rest {
            self.connection.close_on_drop();
            self.last_loss.note();
        }
    }
}

/// When a connection was last found to be of no use: the others that were idle at that time are tested before they are used.
#[derive(Clone, Default)]
pub(super) struct LastLoss(Arc<Mutex<Option<Instant>>>);

impl LastLoss {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(super) fn came_within(&self, time: Duration) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() <= time)
    }
}

/// Waits a random while, longer after each try, so that two that were in each other's way do not keep in step.
pub(super) async fn pause(tries: u32) {
    let most_micros = 1000_u32 << tries.min(6);
    let micros = getrandom::u32().unwrap_or(most_micros) % most_micros;
    tokio::time::sleep(Duration::from_micros(micros.into())).await;
}
