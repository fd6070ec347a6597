use std::fs::OpenOptions;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use sqlx::error::DatabaseError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions,
    SqliteQueryResult, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite};

use super::SqlStorage;
use super::connections::pause;
use super::dialect::{self, Answer, Columns, Diagnosis, Dialect, Fault, Value};
use super::error::SqlError;
use super::statements::Statement;
use super::table::Table;
use crate::error::StorageError;
use crate::storage::remote::{DEFAULT_TIMEOUT, bounded};

/// How long SQLite waits for another writer: less than a call may take, so that the error says what it waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(4);
/// One writes, the others read meanwhile. More would only stand in line for the file's one write lock.
const MAX_CONNECTIONS: u32 = 4;

/// Sessions in a file of SQLite: for one machine, with as many processes as you like.
pub type SqliteStorage = SqlStorage<Sqlite>;

impl SqlStorage<Sqlite> {
    /// Sessions in that file, which is made with mode 0600 if it is not there. Put it on a local disk.
    ///
    /// The file is in WAL mode: readers and the writer do not wait for each other, and `-wal` and `-shm` beside it belong to it.
    /// Every write is synced (`synchronous=FULL`): after a power failure a session that was destroyed is still destroyed.
    /// A write waits four seconds at most for those of other processes.
    ///
    /// # Errors
    ///
    /// [`StorageError::Unavailable`] when the file can't be made or is no database; it names the path.
    ///
    /// # Example
    ///
    /// ```
    /// use session::{SqliteStorage, storage::Sweep};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let folder = tempfile::tempdir()?;
    /// let storage = SqliteStorage::open(folder.path().join("sessions.db")).await?;
    /// storage.migrate().await?;
    /// assert_eq!(storage.delete_expired().await?, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StorageError> {
        let path = path.as_ref();
        let unopened = |source: Box<dyn std::error::Error + Send + Sync>| {
            let path = path.to_owned();
            StorageError::unavailable(Unopened { path, source })
        };
        let file = create(path).map_err(|error| unopened(error.into()))?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .busy_timeout(BUSY_TIMEOUT)
            .synchronous(SqliteSynchronous::Full);
        bounded(DEFAULT_TIMEOUT, async {
            let made = make_wal(&options).await;
            made.map_err(|error| unopened(error.into()))
        })
        .await?;
        let pool = SqlitePoolOptions::new().max_connections(MAX_CONNECTIONS);
        Ok(Self::new(pool.connect_lazy_with(options)))
    }
}

/// Makes the file before SQLite does, which would let everyone read it. The files beside it get the same mode.
///
/// The path comes back absolute: connections are opened later, too, wherever the process is then. It also keeps SQLite from
/// taking a name that begins with `file:` for a URI.
fn create(path: &Path) -> io::Result<PathBuf> {
    // A file that is there is left alone: to close it would end all locks that SQLite has on it in this process
    // (<https://www.sqlite.org/howtocorrupt.html>, 2.2). For the same reason one that is made is closed before anyone goes on.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _lock = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => std::path::absolute(path),
    }
}

/// Puts the file into WAL mode, which it keeps. SQLite does not wait for the lock that this takes, so we do.
async fn make_wal(options: &SqliteConnectOptions) -> Result<(), SqlError> {
    let options = options.clone().journal_mode(SqliteJournalMode::Wal);
    let mut tries = 0;
    loop {
        let opened = match options.connect().await {
            Ok(connection) => connection.close().await,
            Err(error) => Err(error),
        };
        match opened.map_err(SqlError::new::<Sqlite>) {
            Err(error) if error.fault() == Fault::Locked => pause(tries).await,
            outcome => return outcome,
        }
        tries += 1;
    }
}

impl Dialect for Sqlite {
    const QUOTE: char = '"';
    // What was given up ends by itself, and a connection to a database in memory is that database.
    const IS_REMOTE: bool = false;

    fn migrate(table: &Table) -> Vec<String> {
        let name = table.quoted(Self::QUOTE);
        let (schema, index) = (table.schema(Self::QUOTE), table.index());
        vec![
            format!(
                "CREATE TABLE IF NOT EXISTS {name} (\
                 session_key TEXT NOT NULL PRIMARY KEY, \
                 record TEXT NOT NULL, \
                 version INTEGER NOT NULL, \
                 expires_at INTEGER NOT NULL)"
            ),
            // The schema goes before the index, not before its table.
            format!(
                "CREATE INDEX IF NOT EXISTS {schema}\"{index}\" ON \"{}\" (expires_at)",
                table.name()
            ),
        ]
    }

    fn sweep(table: &str, batch: u64) -> String {
        format!(
            "DELETE FROM {table} WHERE session_key IN (\
             SELECT session_key FROM {table} WHERE expires_at <= ?1 ORDER BY expires_at LIMIT {batch})"
        )
    }

    fn diagnose(error: &dyn DatabaseError) -> Diagnosis {
        const BUSY: i32 = 5;
        const CONSTRAINT: i32 = 19;
        let code = error.code().and_then(|code| code.parse::<i32>().ok());
        // The lower byte is the kind of error, the next one tells more.
        let kind = code.map(|code| code & 0xff);
        let fault = match kind {
            _ if error.is_unique_violation() => Fault::Duplicate,
            Some(BUSY) => Fault::Locked,
            _ if error.message().starts_with("no such table") => Fault::NoTable,
            _ => Fault::Other,
        };
        Diagnosis {
            fault,
            // A trigger writes the message of its own constraint.
            has_harmless_message: kind != Some(CONSTRAINT),
            code: format!("code {}", code.unwrap_or_default()),
        }
    }

    fn run(
        connection: &mut SqliteConnection,
        statement: &Statement,
        values: &[Value<'_>],
    ) -> impl Future<Output = Result<Answer<Self>, sqlx::Error>> + Send {
        dialect::run(
            connection,
            statement,
            values,
            SqliteQueryResult::rows_affected,
        )
    }

    fn columns(row: &SqliteRow) -> Result<Columns<'_>, sqlx::Error> {
        dialect::columns::<Self>(row)
    }
}

/// A file that is no database of ours.
#[derive(Debug)]
struct Unopened {
    path: PathBuf,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be opened", self.path.display())
    }
}

impl std::error::Error for Unopened {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
