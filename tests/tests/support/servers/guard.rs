use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// Ends a server whose test was ended before it could do so itself: by Ctrl-C, which not every server heeds, or harder.
pub(super) struct Guard(Child);

impl Guard {
    pub(super) fn over(server: &Child, signal: &str) -> Guard {
        let guard = Command::new("sh")
            // Its input ends with the test, however that ends. A paused server hears nothing until it goes on.
            .args(["-c", "read _; kill -s $0 $1; kill -s CONT $1"])
            .args([signal, &server.id().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is not for it.
            .process_group(0)
            .spawn();
        Guard(guard.expect("`sh` runs"))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Killed before it sees the end of its input: the server is ended by the test.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::Command;

    use super::Guard;

    #[test]
    fn server_ends_with_a_test_that_is_killed() {
        let mut server = Command::new("sleep").arg("1000").spawn().unwrap();
        let mut guard = Guard::over(&server, "KILL");
        // As when the process ends.
        drop(guard.0.stdin.take());
        assert_eq!(server.wait().unwrap().signal(), Some(9));
    }
}
