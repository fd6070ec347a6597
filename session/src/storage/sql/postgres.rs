use std::future::Future;

use sqlx::Postgres;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnection, PgQueryResult, PgRow};

use super::SqlStorage;
use super::dialect::{self, Answer, Columns, Diagnosis, Dialect, Fault, Value};
use super::server;
use super::statements::Statement;
use super::table::Table;
use crate::error::StorageError;

/// Sessions in PostgreSQL.
pub type PostgresStorage = SqlStorage<Postgres>;

impl SqlStorage<Postgres> {
    /// Connects to a server: `postgres://user:password@127.0.0.1/app`, or by a socket `postgres://user@/app?host=/run/postgresql`.
    ///
    /// The pool has ten connections at most. One that was idle for ten seconds or more is tested before it is used, others are
    /// not, which saves a round trip a call. For anything else make a pool yourself and take [`new`](Self::new).
    ///
    /// TLS needs one of sqlx's features: add `sqlx = { version = "0.9", features = ["tls-rustls"] }` to your own manifest, and
    /// `?sslmode=verify-full` to the URL.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the URL makes no sense, or the server does not let us in. Never shows the URL, which may
    /// hold a password.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use session::PostgresStorage;
    ///
    /// # async fn example() -> Result<(), session::StorageError> {
    /// let storage = PostgresStorage::connect("postgres://app@127.0.0.1/app").await?;
    /// storage.migrate().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(url: &str) -> Result<Self, StorageError> {
        Ok(Self::over(server::connect(url).await?))
    }
}

impl Dialect for Postgres {
    const QUOTE: char = '"';
    const IS_REMOTE: bool = true;

    fn placeholders(sql: String) -> String {
        let mut parts = sql.split('?');
        let first = parts.next().unwrap_or_default().to_owned();
        let numbered = parts.zip(1..);
        numbered.fold(first, |sql, (part, number)| format!("{sql}${number}{part}"))
    }

    fn migrate(table: &Table) -> Vec<String> {
        let name = table.quoted(Self::QUOTE);
        let index = table.index();
        // TEXT, since a CHAR is compared as padded and its index is not used for a text value. COLLATE "C" compares bytes:
        // faster, and an upgrade of the system's collations does not spoil the index.
        vec![
            format!(
                "CREATE TABLE IF NOT EXISTS {name} (\
                 session_key TEXT COLLATE \"C\" PRIMARY KEY, \
                 record TEXT NOT NULL, \
                 version BIGINT NOT NULL, \
                 expires_at BIGINT NOT NULL)"
            ),
            format!("CREATE INDEX IF NOT EXISTS \"{index}\" ON {name} (expires_at)"),
        ]
    }

    fn sweep(table: &str, batch: u64) -> String {
        // An array is built once, and its keys are looked up by the index; of `IN (SELECT …)` the planner may make a join that
        // reads the whole table. SKIP LOCKED lets several processes sweep side by side.
        format!(
            "DELETE FROM {table} WHERE session_key = ANY (ARRAY (\
             SELECT session_key FROM {table} WHERE expires_at <= $1 \
             ORDER BY expires_at LIMIT {batch} FOR UPDATE SKIP LOCKED)) AND expires_at <= $1"
        )
    }

    fn diagnose(error: &dyn DatabaseError) -> Diagnosis {
        let code = error.code().unwrap_or_default();
        let fault = match &*code {
            // unique_violation, duplicate_table, duplicate_object
            "23505" | "42P07" | "42710" => Fault::Duplicate,
            // serialization_failure, deadlock_detected
            "40001" | "40P01" => Fault::Again,
            // undefined_table
            "42P01" => Fault::NoTable,
            // insufficient_privilege
            "42501" => Fault::Denied,
            // admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped, idle_session_timeout
            "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => Fault::Lost,
            code if code.starts_with("08") => Fault::Lost,
            _ => Fault::Other,
        };
        Diagnosis {
            fault,
            has_harmless_message: dialect::is_harmless(&code),
            code: format!("SQLSTATE {code}"),
        }
    }

    fn run(
        connection: &mut PgConnection,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Answer<Self>, sqlx::Error>> + Send {
        dialect::run(connection, statement, values, PgQueryResult::rows_affected)
    }

    fn columns(row: &PgRow) -> Result<Columns<'_>, sqlx::Error> {
        dialect::columns::<Self>(row)
    }
}
