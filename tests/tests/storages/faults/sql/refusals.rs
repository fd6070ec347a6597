//! A database that refuses: there is no such table, no such user, no such row. It is said, and nothing secret with it.

use std::sync::Arc;

use session::storage::{FromUrlError, Sweep as _, from_url};
use session::{
    Backend as _, MySqlStorage, PostgresStorage, Record, SqliteStorage, StorageError, StorageKey,
};
use tokio::sync::Barrier;

use super::{shown, tomorrow, unavailable};
use crate::storages::database::Database;
use crate::storages::faults::stage::{
    NOTHING, client, is_not_committed, is_not_loaded, logged, says_why, visitor, written,
};
use crate::support::client::Client;
use crate::support::log::Log;
use crate::support::servers::mariadb::MariaDb;
use crate::support::servers::postgres::Postgres;

on_databases!(
    table_that_is_dropped_is_a_503_that_says_how_to_make_it,
    row_that_is_no_record_is_a_new_session_and_is_logged_without_its_content,
    row_that_the_database_refuses_shows_nowhere,
);

async fn browser(database: &Database) -> Client {
    client(&database.url(), &Arc::new(Barrier::new(2))).await
}

async fn table_that_is_dropped_is_a_503_that_says_how_to_make_it(database: &Database) {
    let client = browser(database).await;
    let ada = visitor(&client, "ada").await;
    database.ask("DROP TABLE sessions").await;

    let says_how = |log: &str| {
        says_why(log);
        assert!(log.contains("`migrate()` makes the table"), "{log}");
    };
    for path in ["/look", "/write/bob"] {
        let (answer, log) = logged(&ada, path).await;
        is_not_loaded(&answer);
        says_how(&log);
    }
    let (answer, log) = logged(&client, "/write/bob").await;
    is_not_committed(&answer);
    says_how(&log);
    with_storage!(database, storage => {
        let error = unavailable(storage.delete_expired().await);
        assert!(error.contains("`migrate()` makes the table"), "{error}");
        storage.migrate().await.unwrap();
    });

    // The application has been there all the time.
    assert_eq!(ada.peek("/look").await.ok(), NOTHING);
    let bob = visitor(&client, "bob").await;
    assert_eq!(bob.peek("/look").await.ok(), written("bob"));
}

/// What somebody may do to a row by hand. `hunter` is not to be seen.
const EDITS: [&str; 5] = [
    "record = 'hunter'",
    "record = ''",
    r#"record = '{"format":1,"created_at":"hunter","values":{}}'"#,
    r#"record = '{"format":1,"created_at":0,"values":{"first":hunter}}'"#,
    r#"record = '{"format":1,"created_at":0,"values":["hunter"]}'"#,
];

/// SQLite puts a value of any type into any column.
const EDITS_OF_SQLITE: [&str; 4] = [
    "record = x'ff68756e746572'",
    "record = 7",
    "version = 'hunter'",
    "expires_at = 'hunter'",
];

async fn row_that_is_no_record_is_a_new_session_and_is_logged_without_its_content(
    database: &Database,
) {
    let client = browser(database).await;
    let mut edits = EDITS.to_vec();
    if matches!(database, Database::Sqlite(_)) {
        edits.extend(EDITS_OF_SQLITE);
    }
    for edit in edits {
        let ada = visitor(&client, "ada").await;
        database.ask(&format!("UPDATE sessions SET {edit}")).await;

        let (answer, log) = logged(&ada, "/look").await;
        assert_eq!(answer.ok(), NOTHING, "{edit}");
        let said = "what is stored is not a session record: ";
        let reports = log
            .lines()
            .filter(|line| line.contains("ERROR") && line.contains(said));
        assert_eq!(reports.count(), 1, "{edit}: {log}");
        assert!(
            !log.contains("hunter") && !log.contains("68756e746572"),
            "{log}"
        );

        // A session of its own: what is stored there is not written over.
        let mut ada = ada;
        let old = ada.value().to_owned();
        ada.get("/write/bob").await.ok();
        assert_ne!(ada.value(), old);
        assert_eq!(ada.peek("/look").await.ok(), written("bob"));
        assert_eq!(database.ask("SELECT count(*) FROM sessions").await, "2");
        database.ask("DELETE FROM sessions").await;
    }
}

/// How an application may come to refuse a row: what it says to the database, how it takes that back, and what is logged.
/// What the database itself says of it quotes the row, or a part of it.
type Refusal = [&'static str; 3];

const REFUSALS_OF_SQLITE: [Refusal; 2] = [
    [
        "CREATE TRIGGER no_insert BEFORE INSERT ON sessions BEGIN
             SELECT RAISE(ABORT, 'no ' || NEW.record || NEW.session_key);
         END;
         CREATE TRIGGER no_update BEFORE UPDATE ON sessions BEGIN
             SELECT RAISE(ABORT, 'no ' || NEW.record || NEW.session_key);
         END",
        "DROP TRIGGER no_insert; DROP TRIGGER no_update",
        "the database refused (code 1811)",
    ],
    [
        "CREATE TABLE copies (record TEXT CHECK (record NOT LIKE '%hunter%'));
         CREATE TRIGGER copy_insert AFTER INSERT ON sessions BEGIN
             INSERT INTO copies VALUES (NEW.record);
         END;
         CREATE TRIGGER copy_update AFTER UPDATE ON sessions BEGIN
             INSERT INTO copies VALUES (NEW.record);
         END",
        "DROP TRIGGER copy_insert; DROP TRIGGER copy_update",
        "the database refused (code 275)",
    ],
];

const REFUSALS_OF_POSTGRES: [Refusal; 4] = [
    [
        "ALTER TABLE sessions ADD CONSTRAINT bland CHECK (record NOT LIKE '%hunter%')",
        "ALTER TABLE sessions DROP CONSTRAINT bland",
        "the database refused (SQLSTATE 23514)",
    ],
    [
        "CREATE FUNCTION no_version() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN NEW.version := NULL; RETURN NEW; END';
         CREATE TRIGGER no_version BEFORE INSERT OR UPDATE ON sessions
             FOR EACH ROW EXECUTE FUNCTION no_version()",
        "DROP TRIGGER no_version ON sessions",
        "the database refused (SQLSTATE 23502)",
    ],
    [
        "CREATE FUNCTION as_number() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN NEW.version := NEW.record::int; RETURN NEW; END';
         CREATE TRIGGER as_number BEFORE INSERT OR UPDATE ON sessions
             FOR EACH ROW EXECUTE FUNCTION as_number()",
        "DROP TRIGGER as_number ON sessions",
        "the database refused (SQLSTATE 22P02)",
    ],
    [
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 RAISE EXCEPTION 'no %', NEW USING DETAIL = NEW.record, HINT = NEW.session_key;
             END $$;
         CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON sessions
             FOR EACH ROW EXECUTE FUNCTION refuse()",
        "DROP TRIGGER refuse ON sessions",
        "the database refused (SQLSTATE P0001)",
    ],
];

const REFUSALS_OF_MARIADB: [Refusal; 2] = [
    [
        "ALTER TABLE sessions ADD CONSTRAINT bland CHECK (record NOT LIKE '%hunter%')",
        "ALTER TABLE sessions DROP CONSTRAINT bland",
        "the database refused (error 4025, SQLSTATE 23000)",
    ],
    [
        "CREATE TRIGGER no_insert BEFORE INSERT ON sessions
             FOR EACH ROW SET NEW.version = CONCAT(NEW.record, NEW.session_key);
         CREATE TRIGGER no_update BEFORE UPDATE ON sessions
             FOR EACH ROW SET NEW.version = CONCAT(NEW.record, NEW.session_key)",
        "DROP TRIGGER no_insert; DROP TRIGGER no_update",
        "the database refused (error 1366, SQLSTATE 22007)",
    ],
];

async fn row_that_the_database_refuses_shows_nowhere(database: &Database) {
    let refusals: &[Refusal] = match database {
        Database::Sqlite(_) => &REFUSALS_OF_SQLITE,
        Database::Postgres(_) => &REFUSALS_OF_POSTGRES,
        Database::MariaDb(_) => &REFUSALS_OF_MARIADB,
    };
    let client = browser(database).await;
    for [refuse, relent, why] in refusals {
        let ada = visitor(&client, "ada").await;
        let stored = database.ask("SELECT record FROM sessions").await;
        let hunter = Record::from_json(stored.replace("ada", "hunter").as_bytes()).unwrap();
        let key: StorageKey = database
            .ask("SELECT session_key FROM sessions")
            .await
            .parse()
            .unwrap();
        database.ask(refuse).await;
        let is_discreet = |shown: &str| {
            assert!(shown.contains(why), "{shown}");
            for secret in ["hunter", "format", &key.to_string()] {
                assert!(!shown.contains(secret), "{shown}");
            }
        };
        for client in [&ada, &client] {
            let (answer, log) = logged(client, "/write/hunter").await;
            is_not_committed(&answer);
            says_why(&log);
            is_discreet(&log);
        }
        with_storage!(database, storage => {
            is_discreet(&unavailable(storage.update(&key, &hunter, 1, tomorrow()).await));
            assert_eq!(database.ask("SELECT record FROM sessions").await, stored);
            storage.delete(&key).await.unwrap();
            is_discreet(&unavailable(storage.create(&key, &hunter, tomorrow()).await));
        });
        database.ask(relent).await;
        assert_eq!(database.ask("SELECT count(*) FROM sessions").await, "0");
    }
}

/// What is wrong with each of these URLs, and a part of what is said of it.
async fn connection_is_refused(urls: &[(String, &str)], secrets: &[&str]) {
    for (url, why) in urls {
        let log = Log::start();
        let Err(FromUrlError::Storage(error)) = from_url(url).await else {
            panic!("{url} was taken")
        };
        let shown = shown(&FromUrlError::Storage(error));
        assert!(shown.contains(why), "{shown}");
        for secret in secrets.iter().chain([&url.as_str()]) {
            assert!(
                !shown.contains(secret) && !log.text().contains(secret),
                "{shown}"
            );
        }
    }
}

#[tokio::test]
async fn postgres_that_lets_nobody_in_says_why_without_the_password() {
    let mut server = Postgres::start();
    let hba = server.ask("SHOW hba_file");
    server.ask(&format!(
        "CREATE ROLE guarded LOGIN PASSWORD 'sesame';
         COPY (VALUES ('host all guarded 127.0.0.1/32 scram-sha-256'),
             ('host all all 127.0.0.1/32 trust')) TO '{}'",
        hba.trim_end()
    ));
    server.restart();
    let port = server.port();
    let url = |login: &str, rest: &str| format!("postgres://{login}@127.0.0.1:{port}/{rest}");
    PostgresStorage::connect(&url("guarded:sesame", "postgres"))
        .await
        .unwrap();
    let urls = [
        (url("guarded:hunter", "postgres"), "SQLSTATE 28P01"),
        (url("guarded:hunter", "nowhere"), "SQLSTATE 28P01"),
        (url("guarded:sesame", "nowhere"), "SQLSTATE 3D000"),
        (url("nobody:hunter", "postgres"), "SQLSTATE 28000"),
        (url("guarded:hun%ter", "postgres"), "SQLSTATE 28P01"),
        (
            url("guarded:hunter", "postgres?sslmode=hunter"),
            "makes no sense",
        ),
        (
            "postgres://guarded:hunter@127.0.0.1:port/postgres".to_owned(),
            "makes no sense",
        ),
    ];
    connection_is_refused(&urls, &["hunter", "hun%ter", "sesame", "postgres://"]).await;
}

#[tokio::test]
async fn mariadb_that_lets_nobody_in_says_why_without_the_password() {
    let server = MariaDb::start();
    server.ask(
        "CREATE USER guarded@'%' IDENTIFIED BY 'sesame'; GRANT ALL ON sessions.* TO guarded@'%'",
    );
    let port = server.port();
    let url = |login: &str, rest: &str| format!("mysql://{login}@127.0.0.1:{port}/{rest}");
    MySqlStorage::connect(&url("guarded:sesame", "sessions"))
        .await
        .unwrap();
    let urls = [
        (url("guarded:hunter", "sessions"), "error 1045"),
        (url("guarded:sesame", "nowhere"), "error 1044"),
        (url("root", "nowhere"), "error 1049"),
        (
            url("guarded:hunter", "sessions?ssl-mode=hunter"),
            "makes no sense",
        ),
        (
            "mysql://guarded:hunter@127.0.0.1:port/sessions".to_owned(),
            "makes no sense",
        ),
    ];
    connection_is_refused(&urls, &["hunter", "sesame", "mysql://"]).await;
}

#[tokio::test]
async fn sqlite_that_cannot_be_opened_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.db");
    std::fs::write(
        &file,
        "no database, but something longer than its header would be".repeat(10),
    )
    .unwrap();
    for path in [
        &file,
        &folder.path().join("nowhere/sessions.db"),
        &folder.path().to_owned(),
    ] {
        let error = SqliteStorage::open(path).await.unwrap_err();
        assert!(matches!(error, StorageError::Unavailable(_)));
        let shown = shown(&error);
        let named = format!("{} cannot be opened", path.display());
        assert!(shown.contains(&named), "{shown}");
    }
}
