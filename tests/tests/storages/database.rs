use std::path::PathBuf;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};
use tempfile::TempDir;

use crate::support::servers::mariadb::MariaDb;
use crate::support::servers::postgres::Postgres;

/// Runs tests on every database of SQL. A test is a function of a [`Database`].
macro_rules! on_databases {
    ($($test:ident),+ $(,)?) => {
        on_databases! { @ [sqlite postgres mariadb] [$($test)+] }
    };
    (@ [$($database:ident)+] $tests:tt) => {
        $(mod $database {
            on_databases! { @@ $database $tests }
        })+
    };
    // On one thread, whose log is the test's.
    (@@ $database:ident [$($test:ident)+]) => {
        $(#[tokio::test]
        async fn $test() {
            super::$test(&$crate::storages::database::Database::$database()).await;
        })+
    };
}

/// Goes on with the storage on a database, whatever its type. Nothing is migrated.
macro_rules! with_storage {
    ($database:expr, $storage:ident => $then:expr) => {
        match $database {
            $crate::storages::database::Database::Sqlite(_) => {
                let $storage = session::SqliteStorage::open($database.file())
                    .await
                    .unwrap();
                $then
            }
            $crate::storages::database::Database::Postgres(server) => {
                let $storage = session::PostgresStorage::connect(&server.url())
                    .await
                    .unwrap();
                $then
            }
            $crate::storages::database::Database::MariaDb(server) => {
                let $storage = session::MySqlStorage::connect(&server.url()).await.unwrap();
                $then
            }
        }
    };
}

/// A database of a test's own, which is spoken to beside the storage, too.
pub(super) enum Database {
    Sqlite(TempDir),
    Postgres(Postgres),
    MariaDb(MariaDb),
}

impl Database {
    pub(super) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(super) fn postgres() -> Self {
        Self::Postgres(Postgres::start())
    }

    pub(super) fn mariadb() -> Self {
        Self::MariaDb(MariaDb::start())
    }

    pub(super) fn url(&self) -> String {
        match self {
            Self::Sqlite(_) => format!("sqlite:{}", self.file().display()),
            Self::Postgres(server) => server.url(),
            Self::MariaDb(server) => server.url(),
        }
    }

    /// Where SQLite keeps it.
    pub(super) fn file(&self) -> PathBuf {
        let Self::Sqlite(folder) = self else {
            panic!("a server keeps its files to itself")
        };
        folder.path().join("sessions.db")
    }

    /// The answer to SQL: a row a line, its columns between `|`.
    pub(super) async fn ask(&self, statements: &str) -> String {
        let answer = match self {
            Self::Sqlite(_) => {
                let options = SqliteConnectOptions::new().filename(self.file());
                let mut connection = options.connect().await.unwrap();
                let statements = sqlx::raw_sql(AssertSqlSafe(statements));
                let rows = statements.fetch_all(&mut connection).await.unwrap();
                let text = |row: &SqliteRow| {
                    let columns = (0..row.len()).map(|index| row.get_unchecked::<String, _>(index));
                    columns.collect::<Vec<_>>().join("|")
                };
                rows.iter().map(text).collect::<Vec<_>>().join("\n")
            }
            Self::Postgres(server) => server.ask(statements),
            Self::MariaDb(server) => server.ask(statements).replace('\t', "|"),
        };
        answer.trim_end().to_owned()
    }
}
