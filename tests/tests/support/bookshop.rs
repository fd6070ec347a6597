use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

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
        match Bookshop::try_open(folder, variables) {
            Ok(shop) => shop,
            Err(refusal) => panic!("the bookshop did not open: {}", refusal.stderr),
        }
    }

    pub(crate) fn try_open(folder: &Path, variables: &[(&str, &str)]) -> Result<Bookshop, Refusal> {
        let log = folder.join("stderr.log");
        let mut process = Process::start(
            Command::new(executable())
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

/// The program, built by the cargo that runs the tests. Built once, by the first test that asks.
fn executable() -> &'static Path {
    static EXECUTABLE: OnceLock<PathBuf> = OnceLock::new();
    EXECUTABLE.get_or_init(|| {
        let build = Command::new(env!("CARGO"))
            .args(["build", "--package", "examples", "--bin", "bookshop"])
            .arg("--message-format=json-render-diagnostics")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(build.status.success(), "the bookshop does not build");
        let messages = String::from_utf8(build.stdout).expect("cargo writes UTF-8");
        messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|message| {
                message["target"]["name"] == "bookshop" && message["executable"].is_string()
            })
            .and_then(|message| message["executable"].as_str().map(PathBuf::from))
            .expect("cargo names the program that it built")
    })
}
