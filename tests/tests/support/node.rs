use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// How long a line may take. Far beyond what any of them needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Another process on the same storage: `src/bin/session-node.rs` says what it can be told.
pub(crate) struct Node {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Node {
    /// On the storage of that URL, with cookies under that secret.
    pub(crate) fn start(url: &str, secret: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_session-node"))
            .arg(url)
            .arg(secret)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the tests' own binary starts");
        let input = child.stdin.take().expect("stdin is piped");
        let mut output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            while output.read_line(&mut line).is_ok() {
                // A killed process may leave half a line: that is not said.
                let Some(whole) = line.strip_suffix('\n') else {
                    break;
                };
                // Nobody listens any more: read on all the same, so that the process never waits for a reader.
                let _ = sender.send(whole.to_owned());
                line.clear();
            }
        });
        Self {
            child,
            input,
            lines,
        }
    }

    /// Tells it to do something, and does not wait for it.
    pub(crate) fn tell(&mut self, command: &str) {
        writeln!(self.input, "{command}").expect("the process reads");
    }

    /// Its next line.
    pub(crate) fn answer(&self) -> String {
        self.lines
            .recv_timeout(PATIENCE)
            .expect("the process answers")
    }

    /// Tells it to do something, and waits until it is done.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.tell(command);
        self.answer()
    }

    /// Ends it as nobody can refuse (SIGKILL); the lines that it still said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("the process runs");
        self.child.wait().expect("a child can be waited for");
        // The reader ends with the output, and closes the channel.
        self.lines.iter().collect()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Both fail when it has ended, and that is what they are for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
