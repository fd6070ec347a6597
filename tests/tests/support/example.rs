use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::process::Process;

/// One of the small programs in `examples/storages`, running.
pub(crate) struct Example {
    _process: Process,
    pub(crate) address: SocketAddr,
}

impl Example {
    /// Starts it in `folder`, with these environment variables.
    pub(crate) fn start(name: &str, folder: &Path, variables: &[(&str, &str)]) -> Example {
        let mut command = Command::new(executable("examples", name));
        command.current_dir(folder).envs(variables.iter().copied());
        let process = Process::start(&mut command).expect("the example was built");
        let line = process.next_line().expect("it says where it listens");
        let address = line
            .strip_prefix("listening on http://")
            .unwrap_or_else(|| panic!("not an address: {line}"));
        Example {
            address: address.parse().expect("an address and a port"),
            _process: process,
        }
    }
}

/// A program of one of the examples' packages, built by the cargo that runs the tests.
pub(crate) fn executable(package: &str, name: &str) -> PathBuf {
    let build = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--package", package, "--bins"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(build.status.success(), "the examples do not build");
    let messages = String::from_utf8(build.stdout).expect("cargo writes UTF-8");
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find(|message| message["target"]["name"] == name && message["executable"].is_string())
        .and_then(|message| message["executable"].as_str().map(PathBuf::from))
        .unwrap_or_else(|| panic!("cargo builds no example `{name}`"))
}
