//! What the tests share with the processes that they start. The tests themselves are one binary, `tests/main.rs`.

use session::storage::{Backend, BoxBackend, FromUrlError, backend_from_url};

pub mod dynamodb;

/// The backend that a URL names. The AWS SDK has no HTTP client in this build: it is given one, where
/// the URL names an endpoint on this computer.
///
/// # Errors
///
/// As `backend_from_url`.
pub async fn backend(url: &str) -> Result<BoxBackend, FromUrlError> {
    if url.starts_with("dynamodb:") && url.contains("endpoint=") {
        return dynamodb::storage(url, dynamodb::Wire::default()).map(Backend::boxed);
    }
    backend_from_url(url).await
}
