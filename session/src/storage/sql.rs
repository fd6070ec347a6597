use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sqlx::Pool;

use crate::error::{Chain, StorageError};
use crate::expiry::{Clock, SystemClock, to_unix};
use crate::storage::name::InvalidName;
use crate::storage::remote::{DEFAULT_TIMEOUT, bounded};
use crate::storage::sweep::Sweep;

mod connections;
mod dialect;
mod error;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod server;
#[cfg(feature = "sqlite")]
mod sqlite;
mod statements;
mod table;
mod verbs;

use self::connections::{Connections, LastLoss};
use self::dialect::Value::{Number, Text};
use self::dialect::{Fault, Value};
use self::error::SqlError;
use self::statements::{Statement, Statements};
use self::table::Table;

pub(super) use self::dialect::Dialect;
#[cfg(feature = "mysql")]
pub use self::mysql::MySqlStorage;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresStorage;
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStorage;

const SWEEP_PERIOD: Duration = Duration::from_mins(10);
/// How often a table is begun anew that other processes make at the same time.
const MAX_RACES: u32 = 10;
/// From how many bytes on a server may hang up, since it takes nothing so large, before it has said so.
const HUNG_UP_ON: usize = 1 << 20;

/// Sessions as rows of a table: `PostgresStorage`, `MySqlStorage` and `SqliteStorage` are this, each on its database.
///
/// Each of the five verbs is one statement. A write names the version that it replaces (`WHERE version = …`), so it needs neither
/// a transaction nor a lock, and works at any isolation level. A statement that the database rolls back in favour of another,
/// because of a deadlock or of a strict isolation level, is run again, ten times at most.
///
/// Reading a session is one round trip, making one is one, changing one is two. sqlx prepares each statement once a connection,
/// and tests a connection after each use, when nobody waits for it any more.
///
/// # What is stored
///
/// | column | PostgreSQL | MySQL, MariaDB | SQLite | what |
/// |---|---|---|---|---|
/// | `session_key` | `TEXT` | `CHAR(64)` | `TEXT` | primary key: the [`StorageKey`](crate::StorageKey), 64 hex characters |
/// | `record` | `TEXT` | `LONGTEXT` | `TEXT` | the [`Record`](crate::Record) as JSON, byte for byte |
/// | `version` | `BIGINT` | `BIGINT` | `INTEGER` | 1, and one more with each write |
/// | `expires_at` | `BIGINT` | `BIGINT` | `INTEGER` | seconds since the Unix epoch; indexed |
///
/// The table is `sessions`, unless it is given [another name](Self::table). [`migrate`](Self::migrate) makes it. To look at it by hand:
///
/// ```text
/// $ psql app -c "SELECT left(session_key, 8) AS key, version, to_timestamp(expires_at), record FROM sessions LIMIT 1"
///    key    | version |      to_timestamp      |                                 record
/// ----------+---------+------------------------+------------------------------------------------------------------------
///  66687aad |       3 | 2026-11-28 13:40:00+00 | {"format":1,"created_at":1790000000,"values":{"theme":"dark"}}
/// ```
///
/// An expired row never reads. It stays until a [`Sweep`] removes it.
///
/// # Default
///
/// The table `sessions`, the operating system's clock, and five seconds a call.
pub struct SqlStorage<D: Dialect> {
    connections: Arc<Connections<D>>,
    settings: Settings,
}

/// What a clone can be given anew.
#[derive(Clone)]
struct Settings {
    table: Arc<Table>,
    statements: Arc<Statements>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl<D: Dialect> SqlStorage<D> {
    /// Sessions in the database of a pool, which may serve others, too.
    ///
    /// Nothing is sent to the database. sqlx tests a connection each time before it is used, unless the pool is made with
    /// `test_before_acquire(false)`: that is one more round trip a call.
    ///
    /// # Example
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use session::SqliteStorage;
    ///
    /// let options = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
    /// let storage = SqliteStorage::new(options.connect("sqlite::memory:").await?).table("shop_sessions")?;
    /// storage.migrate().await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    pub fn new(pool: Pool<D>) -> Self {
        Self::over(Connections::new(pool, LastLoss::default()))
    }

    fn over(connections: Connections<D>) -> Self {
        let table = Table::default();
        Self {
            connections: Arc::new(connections),
            settings: Settings {
                statements: Arc::new(Statements::new::<D>(&table)),
                table: Arc::new(table),
                timeout: DEFAULT_TIMEOUT,
                clock: Arc::new(SystemClock),
            },
        }
    }

    /// Sets the table: letters, digits and underscores, no digit first, 63 bytes at most. A schema (in MySQL a database) may
    /// stand before it: `app.sessions`.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] when it is anything else.
    pub fn table(mut self, name: impl Into<String>) -> Result<Self, InvalidName> {
        let table = Table::parse(&name.into())?;
        self.settings.statements = Arc::new(Statements::new::<D>(&table));
        self.settings.table = Arc::new(table);
        Ok(self)
    }

    /// Sets how long a call may take, the wait for a connection included, before it counts as failed. A write that is given up
    /// may still be carried out.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Sets the clock by which sessions expire. The database's own clock does not matter.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings.clock = Arc::new(clock);
        self
    }

    /// Makes the table and the index on its expiry, where they are not there. Several processes may do so at once.
    ///
    /// A user that may not make tables is content with one that is there.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the table could not be made.
    pub async fn migrate(&self) -> Result<(), StorageError> {
        self.bounded(async {
            for statement in &self.settings.statements.migrate {
                match self.make(statement).await {
                    Err(error) if error.fault() == Fault::Denied && self.can_read().await => {}
                    outcome => outcome?,
                }
            }
            Ok(())
        })
        .await
    }

    /// Sweeps from now on, once every ten minutes, as long as there is a clone of this storage.
    pub(crate) fn keep_swept(&self) {
        let connections = Arc::downgrade(&self.connections);
        let settings = self.settings.clone();
        tokio::spawn(async move {
            while let Some(connections) = connections.upgrade() {
                let settings = settings.clone();
                let storage = Self {
                    connections,
                    settings,
                };
                match storage.delete_expired().await {
                    Ok(0) => {}
                    Ok(sessions) => tracing::debug!(sessions, "swept expired sessions"),
                    Err(error) => {
                        tracing::warn!(error = %Chain(&error), "sweep of expired sessions failed");
                    }
                }
                drop(storage);
                tokio::time::sleep(SWEEP_PERIOD).await;
            }
        });
    }

    /// Runs some statements in the time that a call may take.
    async fn bounded<T>(
        &self,
        call: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        bounded(self.settings.timeout, call).await
    }

    /// The row of a key that has not expired.
    async fn find(&self, key: &str) -> Result<Option<D::Row>, SqlError> {
        let values = [Text(key), self.now()];
        Ok(self
            .connections
            .run(&self.settings.statements.load, &values)
            .await?
            .row)
    }

    /// Whether there is a table that can be read.
    async fn can_read(&self) -> bool {
        self.find("").await.is_ok()
    }

    /// Inserts a row, unless there is one with its key.
    async fn insert(&self, values: &[Value<'_>], bytes: usize) -> Result<bool, StorageError> {
        match self.write(&self.settings.statements.create, values).await {
            Ok(_) => Ok(true),
            Err(error) if error.fault() == Fault::Duplicate => Ok(false),
            Err(error) => Err(self.refused(bytes, error).await),
        }
    }

    /// Makes a table or an index.
    async fn make(&self, statement: &Statement) -> Result<(), SqlError> {
        let mut races = 0;
        loop {
            match self.write(statement, &[]).await {
                // PostgreSQL sees no table that another process is just making, and then trips over it.
                Err(error) if error.fault() == Fault::Duplicate && races < MAX_RACES => races += 1,
                outcome => return outcome.map(drop),
            }
        }
    }

    /// Runs a write, and says how many rows it has changed.
    async fn write(&self, statement: &Statement, values: &[Value<'_>]) -> Result<u64, SqlError> {
        Ok(self.connections.run(statement, values).await?.rows_affected)
    }

    /// What the refusal of a record of so many bytes comes to.
    async fn refused(&self, bytes: usize, error: SqlError) -> StorageError {
        let may_be_too_large = match error.fault() {
            Fault::TooLarge => true,
            Fault::Lost => bytes > HUNG_UP_ON,
            _ => false,
        };
        if may_be_too_large
            && let Some(limit) = D::largest_record(self.connections.pool()).await
            && bytes > limit
        {
            return StorageError::too_large(bytes, limit);
        }
        error.into()
    }

    fn now(&self) -> Value<'static> {
        seconds(self.settings.clock.now())
    }
}

impl<D: Dialect> Clone for SqlStorage<D> {
    fn clone(&self) -> Self {
        Self {
            connections: Arc::clone(&self.connections),
            settings: self.settings.clone(),
        }
    }
}

impl<D: Dialect> fmt::Debug for SqlStorage<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStorage")
            .field("database", &D::NAME)
            .field("table", &format_args!("{}", self.settings.table))
            .finish_non_exhaustive()
    }
}

fn seconds(time: SystemTime) -> Value<'static> {
    Number(i64::try_from(to_unix(time)).unwrap_or(i64::MAX))
}
