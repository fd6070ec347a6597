use std::fs::{self, File};
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::port::Port;
use super::server::{Kind, PATIENCE, Server, folder};
use super::{program, template};

const PACKAGE: &str = "postgresql";

const INITDB: [&str; 6] = [
    "--auth=trust",
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    "--no-sync",
    // Small files: they are copied for each test.
    "--wal-segsize=1",
];

/// Leaves the one database that is used: the others would triple the files.
const DROP_TEMPLATES: &str = "\
    UPDATE pg_database SET datistemplate = false;
    DROP DATABASE template0;
    DROP DATABASE template1;
";

const KIND: Kind = Kind {
    url: |port| format!("postgres://postgres@127.0.0.1:{port}/postgres"),
    answers: |port| sql(port, "SELECT 1").is_ok(),
    // Immediate shutdown: it cleans nothing up, and recovers when it is started again. Killed harder, it would leave its
    // children and its shared memory behind.
    end: "QUIT",
};

/// A PostgreSQL server with one database, asked as `postgres`, who needs no password. What is committed is there after a
/// restart.
pub(crate) struct Postgres(Server);

impl Postgres {
    pub(crate) fn start() -> Postgres {
        Postgres::start_with(&[])
    }

    /// With arguments of its own, as `-c log_statement=all`: the statements are in its [log](Server::log) then.
    pub(crate) fn start_with(arguments: &[&str]) -> Postgres {
        let (port, folder) = (Port::reserve(), folder());
        let home = Home::new(folder.path());
        home.fill();
        let mut command = home.command("postgres");
        command
            .arg("-D")
            .arg(home.data())
            .args(["-h", "127.0.0.1", "-p", &port.number.to_string()])
            .args(["-c", "unix_socket_directories="])
            // It need not survive the computer (-F), nor take much of it.
            .args(["-F", "-c", "shared_buffers=16MB"])
            .args(arguments);
        Postgres(Server::start(&KIND, command, port, folder))
    }

    /// Its answer to SQL: a row a line, its columns between `|`.
    pub(crate) fn ask(&self, statements: &str) -> String {
        let answer = sql(self.port(), statements);
        let answer = answer.unwrap_or_else(|error| panic!("{statements}: {error}"));
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// All that it stores. A text that it holds is found in here, also in a column of bytes.
    pub(crate) fn dump(&self) -> Vec<u8> {
        // Not as hexadecimal digits.
        let mut pg_dump = client("pg_dump", self.port());
        program::run(pg_dump.env("PGOPTIONS", "-c bytea_output=escape"))
    }
}

impl Deref for Postgres {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl DerefMut for Postgres {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.0
    }
}

fn sql(port: u16, statements: &str) -> Result<Vec<u8>, String> {
    let options = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"];
    let mut psql = client("psql", port);
    psql.args(options)
        .args(["--set", "ON_ERROR_STOP=1", "--command", statements]);
    program::output(&mut psql)
}

fn client(name: &str, port: u16) -> Command {
    let mut command = Command::new(programs().join(name));
    command
        .args([
            "--host=127.0.0.1",
            "--username=postgres",
            "--dbname=postgres",
        ])
        .arg(format!("--port={port}"))
        .env("PGCONNECT_TIMEOUT", PATIENCE.as_secs().to_string());
    command
}

/// The folder of its programs: that of the newest version where Debian keeps them, or one on the path.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let newest = versions
        .filter_map(|version| Some(version.ok()?.path()))
        .filter(|version| version.join("bin/postgres").is_file())
        .max_by_key(|version| version.file_name()?.to_str()?.parse::<u32>().ok());
    if let Some(version) = newest {
        return version.join("bin");
    }
    let mut program = program::find("postgres", PACKAGE);
    program.pop();
    program
}

/// Where a server lives, and as whom.
struct Home<'a> {
    folder: &'a Path,
    /// The numbers of user and group, unless it runs as whoever runs the tests.
    account: Option<(u32, u32)>,
}

impl Home<'_> {
    /// The server refuses to be root. It is `postgres` then, and so is the owner of the folder.
    fn new(folder: &Path) -> Home<'_> {
        let is_root = fs::metadata(folder).expect("a folder").uid() == 0;
        let account = is_root.then(|| (id("-u"), id("-g")));
        if let Some((user, group)) = account {
            chown(folder, Some(user), Some(group)).expect("root may give a folder away");
        }
        Home { folder, account }
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn fill(&self) {
        let version = program::run(self.command("postgres").arg("--version"));
        let depends_on = (version, INITDB, DROP_TEMPLATES, self.account);
        template::fill(&self.data(), "postgres", depends_on, || {
            let mut initdb = self.command("initdb");
            program::run(initdb.args(INITDB).arg("--pgdata").arg(self.data()));

            let script = self.folder.join("drop-templates");
            fs::write(&script, DROP_TEMPLATES).expect("a file for the statements");
            let mut single = self.command("postgres");
            single.arg("--single").arg("-F").arg("-D").arg(self.data());
            single
                .arg("postgres")
                .stdin(File::open(script).expect("a script"));
            program::run(&mut single);
        });
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(programs().join(name));
        // Where the tests run it may not be allowed to look.
        command.current_dir(self.folder);
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }
}

fn id(which: &str) -> u32 {
    let id = program::output(Command::new("id").args([which, "postgres"]));
    let id = id.unwrap_or_else(|error| {
        panic!("{error}\nthis test needs its account: apt-get install {PACKAGE}")
    });
    let id = String::from_utf8_lossy(&id).trim().parse();
    id.expect("a number")
}

#[cfg(test)]
mod tests {
    use super::Postgres;
    use crate::support::servers::server::tests::assert_ends_with_the_test;

    #[test]
    fn postgres_starts_answers_and_is_whole_after_a_crash() {
        let mut postgres = Postgres::start();
        let url = format!("postgres://postgres@127.0.0.1:{}/postgres", postgres.port());
        assert_eq!(postgres.url(), url);
        postgres.ask(
            "CREATE TABLE paint (name text, shade int); INSERT INTO paint VALUES ('green', 3)",
        );
        assert_eq!(postgres.ask("SELECT * FROM paint"), "green|3\n");

        postgres.kill();
        std::net::TcpStream::connect(("127.0.0.1", postgres.port())).unwrap_err();
        postgres.restart();
        assert_eq!(postgres.ask("SELECT * FROM paint"), "green|3\n");
    }

    #[test]
    fn postgres_takes_arguments_and_shows_its_log() {
        let postgres = Postgres::start_with(&["-c", "log_statement=all"]);
        postgres.ask("SELECT 'seen in the log'");
        assert!(
            postgres
                .log()
                .contains("statement: SELECT 'seen in the log'")
        );
    }

    #[test]
    fn postgres_shows_all_that_it_stores() {
        let postgres = Postgres::start();
        let long = "a text that compresses well ".repeat(1000);
        postgres.ask(&format!(
            "CREATE TABLE paint (name text, shade bytea, more jsonb);
             INSERT INTO paint VALUES ('{long}', 'in bytes', '{{\"a\": \"in JSON\"}}')"
        ));

        let dump = String::from_utf8_lossy(&postgres.dump()).into_owned();
        for text in [long.as_str(), "in bytes", "in JSON"] {
            assert!(dump.contains(text), "{text}");
        }
    }

    #[test]
    fn postgres_ends_with_the_test() {
        assert_ends_with_the_test(|| {
            let postgres = Postgres::start();
            // Paused, it must be woken to hear of its end.
            postgres.pause();
            postgres
        });
    }
}
