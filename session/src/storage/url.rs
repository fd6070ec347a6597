use std::fmt;

use crate::error::StorageError;
#[cfg(feature = "cookie")]
use crate::storage::SessionStorage as _;
use crate::storage::{BoxBackend, BoxStorage};

#[cfg(feature = "dynamodb")]
#[clippy::msrv = "1.94"]
mod dynamodb;
mod open;
mod options;
mod scheme;

use self::open::{IntoBackend, IntoStorage, open};
use self::scheme::{SCHEMES, Scheme};

/// Makes the storage that a URL names, so that a configuration can choose it.
///
/// | URL | storage |
/// |---|---|
/// | `memory:` | `MemoryStorage` |
/// | `cookie:` | `CookieStorage` |
/// | `file:./sessions`, `file:/var/lib/app/sessions` | `FsStorage` in that folder |
/// | `redis://127.0.0.1:6379`, `rediss://user:password@redis.example/2` | `RedisStorage` |
/// | `redis-cluster://10.0.0.1:6379,10.0.0.2:6379`, `rediss-cluster://…` | `RedisStorage` on a cluster; some of its nodes are enough |
/// | `memcached://10.0.0.1:11211,10.0.0.2:11211` | `MemcachedStorage` on all of these servers |
/// | `sqlite:./sessions.db`, `sqlite:/var/lib/app/sessions.db` | `SqliteStorage` in that file |
/// | `postgres://user:password@127.0.0.1/app` | `PostgresStorage` |
/// | `mysql://user:password@127.0.0.1/app`, `mariadb://…` | `MySqlStorage` |
/// | `dynamodb://sessions?region=eu-central-1`, `…&endpoint=http://127.0.0.1:8000` | `DynamoDbStorage` on that table, which has to be there |
///
/// Workers KV has no URL: its namespace is handed over by the platform, to `WorkersKvStorage`.
///
/// A storage that is elsewhere is connected to here, and a database gets its table, so that what is wrong shows at the
/// start. A database is swept once every ten minutes from now on, until the storage is dropped.
///
/// Three options may follow a `?`: `prefix=shop:` (Redis, memcached), `table=shop_sessions` (databases), and
/// `timeout_ms=2000`, how long a call may take (all that are elsewhere). What else stands there is the driver's, as
/// `sslmode=verify-full` for PostgreSQL; `sqlite:` and `memcached:` take nothing else.
///
/// `dynamodb:` takes `region` (or `AWS_REGION`), `endpoint` and `timeout_ms`, and the credentials of `AWS_ACCESS_KEY_ID`,
/// `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`. It sends by the HTTP client of the AWS SDK, which this crate does not switch on: it is
/// there when your application depends on `aws-sdk-dynamodb` with its default features. `DynamoDbStorage::from_url` takes the credentials of a
/// role, and any HTTP client.
///
/// # Errors
///
/// [`FromUrlError::UnknownScheme`], [`FromUrlError::NotBuilt`], [`FromUrlError::Invalid`], and
/// [`FromUrlError::Storage`] when the storage cannot be made or reached. No error shows more of the URL
/// than its scheme, since the rest may hold a password; those of `file:` and `sqlite:` name the path.
///
/// # Example
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert!(session::storage::from_url("memory:").await.is_ok());
/// let error = session::storage::from_url("floppy:a").await.unwrap_err();
/// assert!(error.to_string().starts_with("`floppy:` is no session storage; this build has `memory:`"));
/// # }
/// ```
pub async fn from_url(url: &str) -> Result<BoxStorage, FromUrlError> {
    #[cfg(feature = "cookie")]
    if url == "cookie:" || url == "cookie" {
        return Ok(crate::CookieStorage::new().boxed());
    }
    open(url, IntoStorage).await
}

/// Makes the backend that a URL names: as [`from_url`], to put something in front of it.
///
/// # Errors
///
/// As [`from_url`], and [`FromUrlError::NoBackend`] for `cookie:`, which keeps sessions in the browser.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use session::storage::{CachedStorage, backend_from_url};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let backend = backend_from_url("memory:").await?;
/// let storage = CachedStorage::new(backend, Duration::from_secs(2));
/// # let _ = storage;
/// # Ok(())
/// # }
/// ```
pub async fn backend_from_url(url: &str) -> Result<BoxBackend, FromUrlError> {
    if Scheme::of(url)?.name == "cookie" {
        return Err(FromUrlError::NoBackend { scheme: "cookie" });
    }
    open(url, IntoBackend).await
}

/// Why a URL gives no storage.
#[derive(Debug)]
#[non_exhaustive]
pub enum FromUrlError {
    /// No storage has this scheme.
    #[non_exhaustive]
    UnknownScheme {
        /// What stands before the colon, if there is one.
        scheme: Option<String>,
    },
    /// The storage is there, but not in this build.
    #[non_exhaustive]
    NotBuilt {
        /// What stands before the colon.
        scheme: &'static str,
        /// The feature of the crate that brings it.
        feature: &'static str,
    },
    /// What follows the colon makes no sense for the storage.
    #[non_exhaustive]
    Invalid {
        /// What stands before the colon.
        scheme: &'static str,
        /// What should follow it.
        expected: &'static str,
    },
    /// The storage is no backend: it keeps nothing on the server.
    #[non_exhaustive]
    NoBackend {
        /// What stands before the colon.
        scheme: &'static str,
    },
    /// The storage cannot be made or reached.
    Storage(StorageError),
}

impl fmt::Display for FromUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownScheme { scheme } => {
                match scheme {
                    Some(scheme) => write!(f, "`{scheme}:` is no session storage")?,
                    None => f.write_str("a session storage is named by a URL")?,
                }
                f.write_str("; this build has ")?;
                for (index, scheme) in SCHEMES.iter().filter(|known| known.is_built).enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}`{}:`", scheme.name)?;
                }
                Ok(())
            }
            Self::NotBuilt { scheme, feature } => {
                write!(
                    f,
                    "`{scheme}:` needs the feature `{feature}` of the crate `session`"
                )
            }
            Self::Invalid { scheme, expected } => write!(f, "`{scheme}:` takes {expected}"),
            Self::NoBackend { scheme } => {
                write!(
                    f,
                    "`{scheme}:` keeps nothing on the server, so nothing goes before it"
                )
            }
            Self::Storage(_) => f.write_str("the session storage cannot be opened"),
        }
    }
}

impl std::error::Error for FromUrlError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Storage(source) => Some(source),
            _ => None,
        }
    }
}

impl From<StorageError> for FromUrlError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refusal(url: &str) -> String {
        match backend_from_url(url).await {
            Ok(_) => panic!("{url} is taken"),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn a_scheme_without_what_should_follow_says_what_that_is() {
        for scheme in SCHEMES.iter().filter(|scheme| scheme.is_built) {
            let rest = match scheme.name {
                "cookie" => continue,
                "memory" => "x",
                _ => "",
            };
            assert_eq!(
                refusal(&format!("{}:{rest}", scheme.name)).await,
                format!("`{}:` takes {}", scheme.name, scheme.expected)
            );
        }
    }

    #[tokio::test]
    async fn a_storage_that_is_not_built_names_its_feature() {
        for scheme in SCHEMES.iter().filter(|scheme| !scheme.is_built) {
            assert_eq!(
                refusal(&format!("{}:x", scheme.name)).await,
                format!(
                    "`{}:` needs the feature `{}` of the crate `session`",
                    scheme.name, scheme.feature
                )
            );
        }
    }

    #[tokio::test]
    async fn the_cookie_is_a_storage_and_no_backend() {
        let is_built = cfg!(feature = "cookie");
        assert_eq!(from_url("cookie:").await.is_ok(), is_built);
        assert_eq!(
            matches!(
                backend_from_url("cookie:").await,
                Err(FromUrlError::NoBackend { .. })
            ),
            is_built
        );
    }
}
