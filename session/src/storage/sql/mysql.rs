use std::future::Future;

use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlConnection, MySqlDatabaseError, MySqlQueryResult, MySqlRow};
use sqlx::{MySql, Pool};

use super::SqlStorage;
use super::dialect::{self, Answer, Columns, Diagnosis, Dialect, Fault, Value};
use super::server;
use super::statements::Statement;
use super::table::Table;
use crate::error::StorageError;

/// What a statement's packet holds beside the record, in bytes, with room to spare.
const BESIDE_RECORD: u64 = 256;

/// Sessions in MySQL or MariaDB.
pub type MySqlStorage = SqlStorage<MySql>;

impl SqlStorage<MySql> {
    /// Connects to a server: `mysql://user:password@127.0.0.1/app`, or by a socket `mysql://user@localhost/app?socket=/run/mysqld/mysqld.sock`.
    ///
    /// The pool has ten connections at most. One that was idle for ten seconds or more is tested before it is used, others are
    /// not, which saves a round trip a call. For anything else make a pool yourself and take [`new`](Self::new).
    ///
    /// TLS needs one of sqlx's features: add `sqlx = { version = "0.9", features = ["tls-rustls"] }` to your own manifest, and
    /// `?ssl-mode=VERIFY_IDENTITY` to the URL. Without TLS, MySQL's `caching_sha2_password` works by a socket alone, unless you add
    /// the feature `mysql-rsa`.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the URL makes no sense, or the server does not let us in. Never shows the URL, which may
    /// hold a password.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use session::MySqlStorage;
    ///
    /// # async fn example() -> Result<(), session::StorageError> {
    /// let storage = MySqlStorage::connect("mysql://app@127.0.0.1/app").await?;
    /// storage.migrate().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(url: &str) -> Result<Self, StorageError> {
        Ok(Self::over(server::connect(url).await?))
    }
}

impl Dialect for MySql {
    const QUOTE: char = '`';
    const IS_REMOTE: bool = true;

    fn migrate(table: &Table) -> Vec<String> {
        let name = table.quoted(Self::QUOTE);
        let index = table.index();
        // The index is made with the table, since MySQL has no CREATE INDEX IF NOT EXISTS. Character sets are named: those of
        // the database may lose characters, or take two keys for the same.
        vec![format!(
            "CREATE TABLE IF NOT EXISTS {name} (\
             session_key CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, \
             record LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, \
             version BIGINT NOT NULL, \
             expires_at BIGINT NOT NULL, \
             INDEX `{index}` (expires_at)) ENGINE=InnoDB"
        )]
    }

    fn sweep(table: &str, batch: u64) -> String {
        format!("DELETE FROM {table} WHERE expires_at <= ? ORDER BY expires_at LIMIT {batch}")
    }

    fn diagnose(error: &dyn DatabaseError) -> Diagnosis {
        let state = error.code().unwrap_or_default();
        let number = error
            .try_downcast_ref::<MySqlDatabaseError>()
            .map_or(0, MySqlDatabaseError::number);
        let fault = match number {
            _ if error.is_unique_violation() => Fault::Duplicate,
            // Deadlock, lock wait timeout, and MariaDB's "record has changed since last read".
            1213 | 1205 | 1020 => Fault::Again,
            // No such table.
            1146 => Fault::NoTable,
            // Access denied: for a database, for a table, for want of a privilege.
            1044 | 1142 | 1227 => Fault::Denied,
            1153 => Fault::TooLarge,
            // Server shutdown, connection killed, query and connection killed, idle for too long.
            1053 | 1317 | 1927 | 4031 => Fault::Lost,
            _ if state.starts_with("08") => Fault::Lost,
            _ => Fault::Other,
        };
        Diagnosis {
            fault,
            has_harmless_message: dialect::is_harmless(&state),
            code: format!("error {number}, SQLSTATE {state}"),
        }
    }

    fn run(
        connection: &mut MySqlConnection,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Answer<Self>, sqlx::Error>> + Send {
        dialect::run(
            connection,
            statement,
            values,
            MySqlQueryResult::rows_affected,
        )
    }

    fn columns(row: &MySqlRow) -> Result<Columns<'_>, sqlx::Error> {
        dialect::columns::<Self>(row)
    }

    async fn largest_record(pool: &Pool<Self>) -> Option<usize> {
        let packet: u64 = sqlx::query_scalar("SELECT CAST(@@max_allowed_packet AS UNSIGNED)")
            .fetch_one(pool)
            .await
            .ok()?;
        usize::try_from(packet.saturating_sub(BESIDE_RECORD)).ok()
    }
}
