//! What the shop is as a program: its log, its address, its end.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::process::ExitCode;

use session::storage::{self, BoxStorage};
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;

use crate::config::causes;
use crate::shutdown;

/// Runs the shop until it is closed. An error is one sentence for whoever started it.
pub async fn run<F>(shop: impl FnOnce() -> F) -> ExitCode
where
    F: Future<Output = Result<(), String>>,
{
    // The library reports what an operator should know, such as a storage that is down, through `tracing`.
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .init();

    match Box::pin(shop()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bookshop: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The storage that a URL stands for.
///
/// # Errors
///
/// When there is none, or it cannot be reached.
pub async fn storage_of(url: &str) -> Result<BoxStorage, String> {
    let storage = storage::from_url(url).await;
    storage.map_err(|error| format!("SESSION_STORAGE: {}", causes(&error)))
}

/// Binds to 127.0.0.1, so that the example is reachable from this computer only, and prints the address.
///
/// # Errors
///
/// When another program has the port.
pub async fn listen(port: u16) -> Result<TcpListener, String> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
    match bound {
        Ok((address, listener)) => {
            announce(address);
            Ok(listener)
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(format!(
            "port {port} is taken: stop the program that listens there, or choose another port, as in PORT=3001"
        )),
        Err(error) => Err(format!("cannot listen on port {port}: {}", causes(&error))),
    }
}

/// Prints where the shop is.
pub fn announce(address: SocketAddr) {
    println!("bookshop listens on http://{address}");
}

/// Completes when the process is asked to stop.
///
/// # Errors
///
/// When the signals cannot be caught.
pub fn closing_time() -> Result<impl Future<Output = ()>, String> {
    shutdown::requested().map_err(|error| format!("cannot listen for signals: {}", causes(&error)))
}

/// What to say of a server that stopped by itself.
pub fn stopped(error: &dyn std::error::Error) -> String {
    format!("the server stopped: {}", causes(error))
}
