use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How long a process may take to say its next line, or to end. Far beyond what any of them needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child process that is killed with the test. It stays in the process group of the tests, so that Ctrl-C ends it too.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> std::io::Result<Process> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().expect("stdout is piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens any more: read on all the same, so that the process never writes to a closed pipe.
                let _ = sender.send(line);
            }
        });
        Ok(Process { child, lines })
    }

    /// The next line of its standard output, or none when it ended instead.
    pub(crate) fn next_line(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line in {PATIENCE:?}"),
        }
    }

    /// Asks it to end, as a service manager would.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .expect("`kill` runs");
        assert!(sent.success(), "the process was gone already");
    }

    /// Waits for its end.
    pub(crate) fn finish(&mut self) -> ExitStatus {
        // Its output ends when it does: unlike `wait`, reading has a time limit.
        while self.next_line().is_some() {}
        self.child.wait().expect("a child can be waited for")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when it has ended, and that is what they are for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
