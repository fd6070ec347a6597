//! How a storage is called in a URL.

use super::FromUrlError;

/// A scheme of [`from_url`](super::from_url): how it is written, the feature that brings it, and what follows it.
pub(super) struct Scheme {
    pub(super) name: &'static str,
    pub(super) feature: &'static str,
    pub(super) is_built: bool,
    pub(super) expected: &'static str,
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

pub(super) const SCHEMES: &[Scheme] = schemes! {
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
    "dynamodb" "dynamodb" "a table and a region, as in `dynamodb://sessions?region=eu-central-1`"
};

impl Scheme {
    /// The known and built scheme that a URL begins with.
    pub(super) fn of(url: &str) -> Result<&'static Self, FromUrlError> {
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

    /// That what follows the scheme makes no sense.
    pub(super) fn invalid(&self) -> FromUrlError {
        FromUrlError::Invalid {
            scheme: self.name,
            expected: self.expected,
        }
    }
}

/// Whether what stands before the colon is a scheme (RFC 3986 §3.1) and nothing that may be a password.
fn is_scheme(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, _)| {
        let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        (1..=32).contains(&scheme.len()) && scheme.bytes().all(is_scheme_byte)
    })
}
