//! The storage behind a URL.
#![allow(
    clippy::unused_async,
    dead_code,
    unused_imports,
    unused_variables,
    reason = "what is used depends on which storages are built"
)]

use super::FromUrlError;
use super::options::{Options, with};
use super::scheme::Scheme;
use crate::storage::{Backend, BoxBackend, BoxStorage, SessionStorage};

/// How a backend loses its type: one step, whichever form it takes.
pub(super) trait Erase {
    type Erased;
    fn erase(self, backend: impl Backend) -> Self::Erased;
}

pub(super) struct IntoStorage;

impl Erase for IntoStorage {
    type Erased = BoxStorage;

    fn erase(self, backend: impl Backend) -> BoxStorage {
        SessionStorage::boxed(backend)
    }
}

pub(super) struct IntoBackend;

impl Erase for IntoBackend {
    type Erased = BoxBackend;

    fn erase(self, backend: impl Backend) -> BoxBackend {
        Backend::boxed(backend)
    }
}

pub(super) async fn open<E: Erase>(url: &str, into: E) -> Result<E::Erased, FromUrlError> {
    let scheme = Scheme::of(url)?;
    let rest = url.split_once(':').map_or("", |(_, rest)| rest);
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
            } = Options::of(rest, "prefix").ok_or_else(|| scheme.invalid())?;
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
            } = Options::of(rest, "prefix").ok_or_else(|| scheme.invalid())?;
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
            } = Options::only_ours(rest, "prefix").ok_or_else(|| scheme.invalid())?;
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
            let options =
                Options::only_ours(path_of(rest), "table").ok_or_else(|| scheme.invalid())?;
            let storage = crate::SqliteStorage::open(&options.rest).await?;
            ready(scheme, storage, options, into).await
        }
        #[cfg(feature = "postgres")]
        "postgres" | "postgresql" if has_host(rest) => {
            let options = Options::of(rest, "table").ok_or_else(|| scheme.invalid())?;
            let url = format!("postgres:{}", options.rest);
            let storage = crate::PostgresStorage::connect(&url).await?;
            ready(scheme, storage, options, into).await
        }
        #[cfg(feature = "mysql")]
        "mysql" | "mariadb" if has_host(rest) => {
            let options = Options::of(rest, "table").ok_or_else(|| scheme.invalid())?;
            let url = format!("mysql:{}", options.rest);
            let storage = crate::MySqlStorage::connect(&url).await?;
            ready(scheme, storage, options, into).await
        }
        #[cfg(feature = "dynamodb")]
        "dynamodb" => Ok(into.erase(crate::DynamoDbStorage::open(rest, scheme).await?)),
        _ => Err(scheme.invalid()),
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

/// `file:relative`, `file:/absolute` and `file:///absolute`.
fn path_of(rest: &str) -> &str {
    rest.strip_prefix("//").unwrap_or(rest)
}

/// `//host…`, or `///…` and `//?…`, where the driver has a default.
fn has_host(rest: &str) -> bool {
    rest.strip_prefix("//").is_some_and(|host| !host.is_empty())
}

/// A URL for each node of a cluster. What stands before an `@` holds for all.
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

#[cfg(any(
    feature = "dynamodb",
    feature = "memcached",
    feature = "mysql",
    feature = "postgres",
    feature = "sqlite"
))]
pub(super) fn named(
    scheme: &'static Scheme,
) -> impl Fn(crate::storage::InvalidName) -> FromUrlError {
    move |name| FromUrlError::Invalid {
        scheme: scheme.name,
        expected: name.expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_holds_for_every_node_of_a_cluster() {
        assert_eq!(
            nodes("redis", "//user:p@ss@one:1,two:2/"),
            ["redis://user:p@ss@one:1", "redis://user:p@ss@two:2"]
        );
        assert_eq!(nodes("rediss", "//one"), ["rediss://one"]);
    }
}
