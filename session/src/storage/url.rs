use std::fmt;

use crate::error::StorageError;
use crate::storage::BoxStorage;
#[cfg(any(feature = "cookie", feature = "fs", feature = "memory"))]
use crate::storage::SessionStorage as _;

/// A scheme of [`from_url`]: how it is written, and the feature that brings it.
struct Scheme {
    name: &'static str,
    feature: &'static str,
    is_built: bool,
}

const SCHEMES: &[Scheme] = &[
    Scheme {
        name: "memory",
        feature: "memory",
        is_built: cfg!(feature = "memory"),
    },
    Scheme {
        name: "cookie",
        feature: "cookie",
        is_built: cfg!(feature = "cookie"),
    },
    Scheme {
        name: "file",
        feature: "fs",
        is_built: cfg!(feature = "fs"),
    },
];

/// Makes the storage that a URL names, so that a configuration can choose it.
///
/// | URL | storage |
/// |---|---|
/// | `memory:` | `MemoryStorage` |
/// | `cookie:` | `CookieStorage` |
/// | `file:./sessions`, `file:/var/lib/app/sessions` | `FsStorage` in that folder |
///
/// # Errors
///
/// [`FromUrlError::UnknownScheme`], [`FromUrlError::NotBuilt`], [`FromUrlError::Invalid`], and
/// [`FromUrlError::Storage`] when the storage cannot be made. No error shows more of the URL
/// than its scheme, since the rest may hold a password; those of `file:` name the folder.
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
#[allow(
    clippy::unused_async,
    reason = "storages that connect are awaited here"
)]
pub async fn from_url(url: &str) -> Result<BoxStorage, FromUrlError> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    match (scheme, rest) {
        #[cfg(feature = "memory")]
        ("memory", "") => Ok(crate::MemoryStorage::new().boxed()),
        #[cfg(feature = "cookie")]
        ("cookie", "") => Ok(crate::CookieStorage::new().boxed()),
        #[cfg(feature = "fs")]
        ("file", path) if !path_of(path).is_empty() => {
            Ok(crate::FsStorage::new(path_of(path))?.boxed())
        }
        ("file", "" | "//") if cfg!(feature = "fs") => Err(FromUrlError::Invalid {
            scheme: "file",
            expected: "a folder, as in `file:./sessions`",
        }),
        ("memory" | "cookie", _) if is_built(scheme) => Err(FromUrlError::Invalid {
            scheme: if scheme == "memory" {
                "memory"
            } else {
                "cookie"
            },
            expected: "nothing after the colon",
        }),
        _ => Err(match SCHEMES.iter().find(|known| known.name == scheme) {
            Some(known) => FromUrlError::NotBuilt {
                scheme: known.name,
                feature: known.feature,
            },
            None => FromUrlError::UnknownScheme {
                scheme: is_scheme(url).then(|| scheme.to_owned()),
            },
        }),
    }
}

fn is_built(scheme: &str) -> bool {
    SCHEMES
        .iter()
        .any(|known| known.name == scheme && known.is_built)
}

/// Whether what stands before the colon is a scheme (RFC 3986 §3.1) and nothing that may be a password.
fn is_scheme(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, _)| {
        let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        (1..=32).contains(&scheme.len()) && scheme.bytes().all(is_scheme_byte)
    })
}

/// `file:relative`, `file:/absolute` and `file:///absolute`.
#[cfg(feature = "fs")]
fn path_of(rest: &str) -> &str {
    rest.strip_prefix("//").unwrap_or(rest)
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
    /// The storage cannot be made.
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
