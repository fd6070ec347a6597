use std::fmt;
#[allow(unused_imports, reason = "depends on which storages are built")]
use std::time::Duration;

use crate::error::StorageError;
#[cfg(any(
    feature = "memcached",
    feature = "mysql",
    feature = "postgres",
    feature = "sqlite"
))]
use crate::storage::InvalidName;
use crate::storage::{Backend, BoxBackend, BoxStorage, SessionStorage};

/// A scheme of [`from_url`]: how it is written, the feature that brings it, and what follows it.
struct Scheme {
    name: &'static str,
    feature: &'static str,
    is_built: bool,
    expected: &'static str,
}

macro_rules! schemes {
    ($($name:literal $feature:literal $expected:literal)*) => {
        &[$(Scheme {
            name: $name,
            feature: $feature,
            is_built: cfg!(feature = $feature),
            expected: $expected,
        }),*]
    };
}

const SCHEMES: &[Scheme] = schemes! {
    "memory" "memory" "nothing after the colon"
    "cookie" "cookie" "nothing after the colon"
    "file" "fs" "a folder, as in `file:./sessions`"
    "redis" "redis" "a server, as in `redis://127.0.0.1:6379`"
    "rediss" "redis" "a server, as in `rediss://redis.example:6379`"
    "redis-cluster" "redis" "some of its nodes, as in `redis-cluster://10.0.0.1:6379,10.0.0.2:6379`"
    "rediss-cluster" "redis" "some of its nodes, as in `rediss-cluster://10.0.0.1:6379,10.0.0.2:6379`"
    "memcached" "memcached" "its servers, as in `memcached://10.0.0.1:11211,10.0.0.2:11211`"
    "sqlite" "sqlite" "a file, as in `sqlite:./sessions.db`"
    "postgres" "postgres" "a database, as in `postgres://user:password@127.0.0.1/app`"
    "postgresql" "postgres" "a database, as in `postgresql://user:password@127.0.0.1/app`"
    "mysql" "mysql" "a database, as in `mysql://user:password@127.0.0.1/app`"
    "mariadb" "mysql" "a database, as in `mariadb://user:password@127.0.0.1/app`"
};

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
///
/// A storage that is elsewhere is connected to here, and a database gets its table, so that what is wrong shows at the
/// start. A database is swept once every ten minutes from now on, until the storage is dropped.
///
/// Three options may follow a `?`: `prefix=shop:` (Redis, memcached), `table=shop_sessions` (databases), and
/// `timeout_ms=2000`, how long a call may take (all that are elsewhere). What else stands there is the driver's, as
/// `sslmode=verify-full` for PostgreSQL.
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
    if scheme_of(url)?.name == "cookie" {
        return Err(FromUrlError::NoBackend { scheme: "cookie" });
    }
    open(url, IntoBackend).await
}

/// How a backend loses its type: one step, whichever form it takes.
trait Erase {
    type Erased;
    fn erase(self, backend: impl Backend) -> Self::Erased;
}

struct IntoStorage;

impl Erase for IntoStorage {
    type Erased = BoxStorage;

    fn erase(self, backend: impl Backend) -> BoxStorage {
        SessionStorage::boxed(backend)
    }
}

struct IntoBackend;

impl Erase for IntoBackend {
    type Erased = BoxBackend;

    fn erase(self, backend: impl Backend) -> BoxBackend {
        Backend::boxed(backend)
    }
}

#[allow(
    clippy::unused_async,
    unused_variables,
    reason = "depends on which storages are built"
)]
async fn open<E: Erase>(url: &str, into: E) -> Result<E::Erased, FromUrlError> {
    let scheme = scheme_of(url)?;
    let rest = url.split_once(':').map_or("", |(_, rest)| rest);
    let invalid = FromUrlError::Invalid {
        scheme: scheme.name,
        expected: scheme.expected,
    };
    match scheme.name {
        #[cfg(feature = "memory")]
        "memory" if rest.is_empty() => Ok(into.erase(crate::MemoryStorage::new())),
        #[cfg(feature = "fs")]
        "file" if !path_of(rest).is_empty() => {
            Ok(into.erase(crate::FsStorage::new(path_of(rest))?))
        }
        #[cfg(feature = "redis")]
        "redis" | "rediss" if has_host(rest) => {
            let Options {
                rest,
                name,
                timeout,
            } = Options::of(rest, "prefix").ok_or(invalid)?;
            let url = format!("{}:{rest}", scheme.name);
            let storage = crate::RedisStorage::connect(&url).await?;
            let storage = with(storage, timeout, crate::RedisStorage::timeout);
            Ok(into.erase(with(storage, name, crate::RedisStorage::prefix)))
        }
        #[cfg(feature = "redis")]
        "redis-cluster" | "rediss-cluster" if has_host(rest) => {
            let Options {
                rest,
                name,
                timeout,
            } = Options::of(rest, "prefix").ok_or(invalid)?;
            let scheme = scheme.name.trim_end_matches("-cluster");
            let storage = crate::RedisStorage::connect_cluster(nodes(scheme, &rest)).await?;
            let storage = with(storage, timeout, crate::RedisStorage::timeout);
            Ok(into.erase(with(storage, name, crate::RedisStorage::prefix)))
        }
        #[cfg(feature = "memcached")]
        "memcached" if has_host(rest) => {
            let Options {
                rest,
                name,
                timeout,
            } = Options::of(rest, "prefix").ok_or(invalid)?;
            let servers = rest
                .trim_start_matches('/')
                .trim_end_matches('/')
                .split(',');
            let mut storage = crate::MemcachedStorage::connect(servers).await?;
            if let Some(prefix) = name {
                storage = storage.prefix(prefix).map_err(named(scheme))?;
            }
            Ok(into.erase(with(storage, timeout, crate::MemcachedStorage::timeout)))
        }
        #[cfg(feature = "sqlite")]
        "sqlite" if !path_of(rest).is_empty() => {
            let options = Options::of(path_of(rest), "table").ok_or(invalid)?;
            let storage = crate::SqliteStorage::open(&options.rest).await?;
            ready(scheme, storage, options, into).await
        }
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" if has_host(rest) => {
            let options = Options::of(rest, "table").ok_or(invalid)?;
            let url = format!("postgres:{}", options.rest);
            let storage = crate::PostgresStorage::connect(&url).await?;
            ready(scheme, storage, options, into).await
        }
        #[cfg(feature = "mysql")]
        "mysql" | "mariadb" if has_host(rest) => {
            let options = Options::of(rest, "table").ok_or(invalid)?;
            let url = format!("mysql:{}", options.rest);
            let storage = crate::MySqlStorage::connect(&url).await?;
            ready(scheme, storage, options, into).await
        }
        _ => Err(invalid),
    }
}

/// A database's storage with its table.
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
async fn ready<D: crate::storage::sql::Dialect, E: Erase>(
    scheme: &'static Scheme,
    storage: crate::storage::SqlStorage<D>,
    options: Options,
    into: E,
) -> Result<E::Erased, FromUrlError> {
    let mut storage = with(
        storage,
        options.timeout,
        crate::storage::SqlStorage::timeout,
    );
    if let Some(table) = options.name {
        storage = storage.table(table).map_err(named(scheme))?;
    }
    storage.migrate().await?;
    storage.keep_swept();
    Ok(into.erase(storage))
}

/// The known and built scheme that a URL begins with.
fn scheme_of(url: &str) -> Result<&'static Scheme, FromUrlError> {
    let name = url.split_once(':').map_or(url, |(name, _)| name);
    match SCHEMES.iter().find(|known| known.name == name) {
        Some(known) if known.is_built => Ok(known),
        Some(known) => Err(FromUrlError::NotBuilt {
            scheme: known.name,
            feature: known.feature,
        }),
        None => Err(FromUrlError::UnknownScheme {
            scheme: is_scheme(url).then(|| name.to_owned()),
        }),
    }
}

/// Whether what stands before the colon is a scheme (RFC 3986 §3.1) and nothing that may be a password.
fn is_scheme(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, _)| {
        let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        (1..=32).contains(&scheme.len()) && scheme.bytes().all(is_scheme_byte)
    })
}

/// `file:relative`, `file:/absolute` and `file:///absolute`.
#[cfg(any(feature = "fs", feature = "sqlite"))]
fn path_of(rest: &str) -> &str {
    rest.strip_prefix("//").unwrap_or(rest)
}

/// `//host…`, or `///…` and `//?…`, where the driver has a default.
#[cfg(any(
    feature = "memcached",
    feature = "mysql",
    feature = "postgres",
    feature = "redis"
))]
fn has_host(rest: &str) -> bool {
    rest.strip_prefix("//").is_some_and(|host| !host.is_empty())
}

/// A URL for each node of a cluster. What stands before an `@` holds for all.
#[cfg(feature = "redis")]
fn nodes(scheme: &str, rest: &str) -> Vec<String> {
    let hosts = rest.trim_start_matches('/').trim_end_matches('/');
    let (login, hosts) = match hosts.rsplit_once('@') {
        Some((login, hosts)) => (format!("{login}@"), hosts),
        None => (String::new(), hosts),
    };
    hosts
        .split(',')
        .map(|host| format!("{scheme}://{login}{host}"))
        .collect()
}

/// The part of a URL behind its scheme, without the options that are ours, and those.
#[cfg(any(
    feature = "memcached",
    feature = "mysql",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]
#[derive(Debug, PartialEq)]
struct Options {
    rest: String,
    /// The prefix of the keys, or the table.
    name: Option<String>,
    timeout: Option<Duration>,
}

#[cfg(any(
    feature = "memcached",
    feature = "mysql",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]
impl Options {
    /// None when one of them makes no sense.
    fn of(rest: &str, name_option: &str) -> Option<Self> {
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut options = Self {
            rest: address.to_owned(),
            name: None,
            timeout: None,
        };
        let mut separator = '?';
        for option in query.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some((name, value)) if name == name_option => options.name = Some(value.to_owned()),
                Some(("timeout_ms", value)) => {
                    let millis = value.parse().ok().filter(|&millis| millis > 0)?;
                    options.timeout = Some(Duration::from_millis(millis));
                }
                _ => {
                    options.rest.push(separator);
                    options.rest.push_str(option);
                    separator = '&';
                }
            }
        }
        Some(options)
    }
}

/// Sets what was given.
#[cfg(any(
    feature = "memcached",
    feature = "mysql",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]
fn with<S, T>(storage: S, value: Option<T>, set: impl FnOnce(S, T) -> S) -> S {
    match value {
        Some(value) => set(storage, value),
        None => storage,
    }
}

#[cfg(any(
    feature = "memcached",
    feature = "mysql",
    feature = "postgres",
    feature = "sqlite"
))]
fn named(scheme: &'static Scheme) -> impl Fn(InvalidName) -> FromUrlError {
    move |name| FromUrlError::Invalid {
        scheme: scheme.name,
        expected: name.expected,
    }
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

    #[cfg(feature = "redis")]
    #[test]
    fn the_options_that_are_ours_are_taken_out_of_a_url() {
        let of = |rest: &str| Options::of(rest, "prefix");
        let options = |rest: &str, name: Option<&str>, millis: Option<u64>| {
            Some(Options {
                rest: rest.to_owned(),
                name: name.map(str::to_owned),
                timeout: millis.map(Duration::from_millis),
            })
        };
        assert_eq!(of("//host"), options("//host", None, None));
        assert_eq!(of("//host?"), options("//host", None, None));
        assert_eq!(
            of("//host/2?prefix=shop:&protocol=resp3&timeout_ms=1500&x=y"),
            options("//host/2?protocol=resp3&x=y", Some("shop:"), Some(1500))
        );
        for timeout in ["", "0", "-1", "2s"] {
            assert_eq!(of(&format!("//host?timeout_ms={timeout}")), None);
        }
    }

    #[cfg(feature = "redis")]
    #[test]
    fn a_login_holds_for_every_node_of_a_cluster() {
        assert_eq!(
            nodes("redis", "//user:p@ss@one:1,two:2/"),
            ["redis://user:p@ss@one:1", "redis://user:p@ss@two:2"]
        );
        assert_eq!(nodes("rediss", "//one"), ["rediss://one"]);
    }
}
