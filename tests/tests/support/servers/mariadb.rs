use std::fs;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use super::port::Port;
use super::server::{Kind, PATIENCE, Server, folder};
use super::{program, template};

const PACKAGE: &str = "mariadb-server";

const INSTALL: [&str; 4] = [
    "--no-defaults",
    "--auth-root-authentication-method=normal",
    "--skip-name-resolve",
    "--skip-test-db",
];

/// Small files: they are copied for each test. The server takes it as well as the program that makes them.
const LOG_SIZE: &str = "--innodb-log-file-size=8M";

const KIND: Kind = Kind {
    url: |port| format!("mysql://root@127.0.0.1:{port}/sessions"),
    answers: |port| sql(port, "CREATE DATABASE IF NOT EXISTS sessions").is_ok(),
    end: "KILL",
};

/// A MariaDB server with a database `sessions`, asked as `root`, who needs no password. What is committed is there after a
/// restart.
pub(crate) struct MariaDb(Server);

impl MariaDb {
    pub(crate) fn start() -> MariaDb {
        MariaDb::start_with(&[])
    }

    /// With arguments of its own, as `--max-connections=5`.
    pub(crate) fn start_with(arguments: &[&str]) -> MariaDb {
        let (port, folder) = (Port::reserve(), folder());
        let server = program::find("mariadbd", PACKAGE);
        let data = format!("--datadir={}", folder.path().join("data").display());
        let account = account(folder.path());
        let make = || {
            let mut install = Command::new(program::find("mariadb-install-db", PACKAGE));
            program::run(install.args(INSTALL).args([LOG_SIZE, &data]).args(account));
        };
        let version = program::run(Command::new(&server).arg("--version"));
        let depends_on = (version, INSTALL, LOG_SIZE, account);
        template::fill(&folder.path().join("data"), "mariadb", depends_on, make);

        let mut command = Command::new(server);
        command
            .args(["--no-defaults", &data, LOG_SIZE])
            .args(account)
            .args(["--bind-address=127.0.0.1", "--skip-name-resolve"])
            .arg(format!("--port={}", port.number))
            // In the folder of the data, as short as the name of a socket must be.
            .arg("--socket=socket")
            // It need not survive the computer, nor take much of it.
            .args([
                "--innodb-flush-log-at-trx-commit=2",
                "--innodb-buffer-pool-size=16M",
            ])
            .args(arguments);
        MariaDb(Server::start(&KIND, command, port, folder))
    }

    /// Its answer to SQL in the database `sessions`: a row a line, its columns between tabs.
    pub(crate) fn ask(&self, statements: &str) -> String {
        let answer = sql(self.port(), &format!("USE sessions; {statements}"));
        let answer = answer.unwrap_or_else(|error| panic!("{statements}: {error}"));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// All that the database `sessions` stores. A text that it holds is found in here, also in a column of bytes.
    pub(crate) fn dump(&self) -> Vec<u8> {
        program::run(client("mariadb-dump", self.port()).arg("sessions"))
    }
}

impl Deref for MariaDb {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for MariaDb {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}

/// It is root only when it is told to be.
fn account(folder: &Path) -> Option<&'static str> {
    let is_root = fs::metadata(folder).expect("a folder").uid() == 0;
    is_root.then_some("--user=root")
}

fn sql(port: u16, statements: &str) -> Result<Vec<u8>, String> {
    let mut mariadb = client("mariadb", port);
    mariadb.args(["--batch", "--skip-column-names"]);
    mariadb.arg(format!("--connect-timeout={}", PATIENCE.as_secs()));
    mariadb.arg(format!("--execute={statements}"));
    program::output(&mut mariadb)
}

fn client(name: &str, port: u16) -> Command {
    let mut command = Command::new(program::find(name, "mariadb-client"));
    command
        .args(["--no-defaults", "--host=127.0.0.1", "--user=root"])
        .arg(format!("--port={port}"));
    command
}

#[cfg(test)]
mod tests {
    use super::MariaDb;
    use crate::support::servers::server::tests::assert_ends_with_the_test;

    #[test]
    fn mariadb_starts_answers_and_is_whole_after_a_crash() {
        let mut mariadb = MariaDb::start();
        let url = format!("mysql://root@127.0.0.1:{}/sessions", mariadb.port());
        assert_eq!(mariadb.url(), url);
        mariadb.ask(
            "CREATE TABLE paint (name text, shade int); INSERT INTO paint VALUES ('green', 3)",
        );
        assert_eq!(mariadb.ask("SELECT * FROM paint"), "green\t3\n");

        mariadb.kill();
        std::net::TcpStream::connect(("127.0.0.1", mariadb.port())).unwrap_err();
        mariadb.restart();
        assert_eq!(mariadb.ask("SELECT * FROM paint"), "green\t3\n");
    }

    #[test]
    fn mariadb_takes_arguments_and_shows_its_log() {
        let mariadb = MariaDb::start_with(&["--max-connections=17"]);
        assert_eq!(mariadb.ask("SELECT @@max_connections"), "17\n");
        assert!(mariadb.log().contains("ready for connections"));
    }

    #[test]
    fn mariadb_shows_all_that_it_stores() {
        let mariadb = MariaDb::start();
        let long = "a text that compresses well ".repeat(1000);
        mariadb.ask(&format!(
            "CREATE TABLE paint (name text, shade longblob);
             INSERT INTO paint VALUES ('{long}', 'in bytes')"
        ));

        let dump = String::from_utf8_lossy(&mariadb.dump()).into_owned();
        for text in [long.as_str(), "in bytes"] {
            assert!(dump.contains(text), "{text}");
        }
    }

    #[test]
    fn mariadb_ends_with_the_test() {
        assert_ends_with_the_test(MariaDb::start);
    }
}
