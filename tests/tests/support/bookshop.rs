use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::example;
use super::process::Process;

/// Long enough a secret for shops that need not keep one.
pub(crate) const SECRET: &str = "a secret of the tests that everyone knows";

/// A running bookshop: the real program, on a free port.
pub(crate) struct Bookshop {
    process: Process,
    pub(crate) address: SocketAddr,
}

/// What a bookshop said on standard error when it did not open.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

impl Bookshop {
    /// Starts it in `folder`, with these environment variables and none of its own from outside.
    pub(crate) fn open(folder: &Path, variables: &[(&str, &str)]) -> Bookshop {
        Bookshop::open_on("bookshop", folder, variables)
    }

    /// Starts the program of that name, which is `bookshop` or a bookshop on another framework.
    pub(crate) fn open_on(program: &str, folder: &Path, variables: &[(&str, &str)]) -> Bookshop {
        match Bookshop::start(program, folder, variables) {
            Ok(shop) => shop,
            Err(refusal) => panic!("the bookshop did not open: {}", refusal.stderr),
        }
    }

    pub(crate) fn try_open(folder: &Path, variables: &[(&str, &str)]) -> Result<Bookshop, Refusal> {
        Bookshop::start("bookshop", folder, variables)
    }

    fn start(
        program: &str,
        folder: &Path,
        variables: &[(&str, &str)],
    ) -> Result<Bookshop, Refusal> {
        let package = match program {
            "bookshop" => "examples",
            _ => "bookshop-frameworks",
        };
        let log = folder.join("stderr.log");
        let mut process = Process::start(
            Command::new(example::executable(package, program))
                .current_dir(folder)
                .env_remove("SESSION_STORAGE")
                .env_remove("SESSION_SECRET")
                .env("PORT", "0")
                .envs(variables.iter().copied())
                .stderr(File::create(&log).expect("a log beside the shop")),
        )
        .expect("the bookshop was built and can be started");

        match process.next_line() {
            Some(line) => {
                let address = line
                    .strip_prefix("bookshop listens on http://")
                    .unwrap_or_else(|| panic!("not an address: {line}"))
                    .parse()
                    .expect("an address and a port");
                Ok(Bookshop { process, address })
            }
            None => Err(Refusal {
                code: process.finish().code(),
                stderr: fs::read_to_string(log).expect("what it said"),
            }),
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Asks it to stop, and sees that it ends in peace.
    pub(crate) fn stop(mut self) {
        self.process.terminate();
        let status = self.process.finish();
        assert!(status.success(), "the bookshop ended with {status}");
    }
}
