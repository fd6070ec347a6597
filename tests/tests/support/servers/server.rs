use std::env;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::guard::Guard;
use super::port::Port;

/// How long a server may take to start, to end, or to answer. Far beyond what any of them needs.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked at meanwhile.
const GLANCE: Duration = Duration::from_millis(5);

/// In what servers differ.
pub(super) struct Kind {
    /// What `session::storage::from_url` takes.
    pub(super) url: fn(port: u16) -> String,
    /// Whether it is ready to work.
    pub(super) answers: fn(port: u16) -> bool,
    /// The signal that ends it at once, and its children with it.
    pub(super) end: &'static str,
}

/// A server that is killed with the test. It stays in the process group of the tests, so that Ctrl-C ends it too.
pub(crate) struct Server {
    kind: &'static Kind,
    command: Command,
    child: Child,
    guard: Option<Guard>,
    port: Port,
    // Deleted when the process has ended.
    folder: TempDir,
}

impl Server {
    /// Starts it, and waits until it answers. What it writes goes into a log in its folder.
    pub(super) fn start(
        kind: &'static Kind,
        mut command: Command,
        port: Port,
        folder: TempDir,
    ) -> Server {
        let log = File::create(log_of(&folder)).expect("a file for the log");
        command
            // By this folder its processes are found.
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log);
        let child = spawn(&mut command);
        let mut server = Server {
            kind,
            command,
            guard: Some(Guard::over(&child, kind.end)),
            child,
            port,
            folder,
        };
        server.wait_until_it_answers();
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.number
    }

    /// What `session::storage::from_url` takes.
    pub(crate) fn url(&self) -> String {
        self.url_at(self.port())
    }

    /// [`url`](Self::url) by another port, as that of a proxy before it.
    pub(crate) fn url_at(&self, port: u16) -> String {
        (self.kind.url)(port)
    }

    /// What it has written so far: its own messages, and what it was told to log.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(log_of(&self.folder)).expect("a log");
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Ends it and its children as a crash does: it writes nothing any more, and its port refuses.
    pub(crate) fn kill(&mut self) {
        // Nothing fails here: a test that has failed must not fail twice.
        self.guard = None;
        if is_running(&mut self.child) {
            send(self.kind.end, &[self.child.id()]);
            // Paused, it would not hear.
            self.resume();
            wait_until(|| !is_running(&mut self.child));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again, on the same port and what it has on disk. It is killed before when it runs.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.child = spawn(&mut self.command);
        self.guard = Some(Guard::over(&self.child, self.kind.end));
        self.wait_until_it_answers();
    }

    /// Stops all of its processes: connections stay and new ones are taken, and nobody answers.
    pub(crate) fn pause(&self) {
        // The server itself first: it starts no other process after that.
        send("STOP", &[self.child.id()]);
        send("STOP", &processes_in(self.folder()));
        let is_paused = wait_until(|| {
            let processes = processes_in(self.folder());
            !processes.is_empty() && processes.into_iter().all(is_stopped)
        });
        assert!(is_paused, "the server does not stop");
    }

    /// Undoes [`pause`](Self::pause). What was asked meanwhile is answered now.
    pub(crate) fn resume(&self) {
        send("CONT", &processes_in(self.folder()));
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn wait_until_it_answers(&mut self) {
        let port = self.port();
        let answers = wait_until(|| !is_running(&mut self.child) || (self.kind.answers)(port));
        assert!(
            answers && is_running(&mut self.child),
            "{:?} does not start; its log:\n{}",
            self.command,
            self.log()
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks again and again until it is so, and gives up at some time.
pub(super) fn wait_until(mut is_so: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > PATIENCE {
            return false;
        }
        thread::sleep(GLANCE);
    }
    true
}

/// A folder for a server, by its true name: so the system names the folder that a process works in.
pub(super) fn folder() -> TempDir {
    let parent = env::temp_dir()
        .canonicalize()
        .expect("a folder for what is temporary");
    TempDir::new_in(parent).expect("a folder for the server")
}

/// A connection that waits for an answer in bounded time.
pub(super) fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// All processes that work in a folder, of whatever parent: servers start others of their own.
pub(super) fn processes_in(folder: &Path) -> Vec<u32> {
    let folder = folder.as_os_str().as_bytes();
    let works_there = |process: &u32| {
        let cwd = fs::read_link(format!("/proc/{process}/cwd"));
        // By its bytes: when it is deleted, the system says so behind the name.
        cwd.is_ok_and(|cwd| cwd.as_os_str().as_bytes().starts_with(folder))
    };
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(works_there)
        .collect()
}

/// Sends a signal. A process that has ended meanwhile needs none.
fn send(signal: &str, processes: &[u32]) {
    let _ = Command::new("kill")
        .arg(format!("-{signal}"))
        .args(processes.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status();
}

fn is_stopped(process: u32) -> bool {
    // "4711 (postgres) T 1 …"; a name may hold anything, and a bracket too.
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, state)| state.starts_with('T'))
}

fn is_running(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(None))
}

fn spawn(command: &mut Command) -> Child {
    let child = command.spawn();
    child.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"))
}

fn log_of(folder: &TempDir) -> PathBuf {
    folder.path().join("log")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::ops::Deref;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::PathBuf;

    use super::{Server, is_stopped, processes_in};
    use crate::support::servers::redis::Redis;

    /// Of a server, nothing outlives a test that panics: no process, no file.
    pub(crate) fn assert_ends_with_the_test<S: Deref<Target = Server>>(start: fn() -> S) {
        let mut folder = PathBuf::new();
        let test = AssertUnwindSafe(|| {
            let server = start();
            folder = server.folder().to_owned();
            assert!(!processes_in(&folder).is_empty(), "its processes are found");
            panic!("as a test that fails");
        });
        let end = catch_unwind(test).map(|()| "no end").unwrap_err();
        assert_eq!(end.downcast_ref(), Some(&"as a test that fails"));
        assert!(processes_in(&folder).is_empty());
        assert!(!folder.exists());
    }

    #[test]
    fn paused_server_stops_and_goes_on_when_it_may() {
        let redis = Redis::start();
        redis.pause();
        assert!(processes_in(redis.folder()).into_iter().all(is_stopped));
        redis.resume();
        assert_eq!(redis.ask(&["PING"]), "PONG");
    }

    #[test]
    fn server_that_does_not_start_shows_its_log() {
        let start = || Redis::start_with(&["--no-such-option", "yes"]);
        let panic = catch_unwind(start).map(drop).unwrap_err();
        let message = panic.downcast_ref::<String>().expect("a message");
        assert!(message.contains("Bad directive"), "{message}");
    }
}
