use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

type Source = Arc<dyn StdError + Send + Sync>;

/// Why a session could not be read, changed or committed.
///
/// No variant carries a session id, a cookie or a stored value, and none shows one: keys, sizes and types only.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Error {
    /// What is stored under `key` does not fit the type that was asked for. It stays stored.
    #[non_exhaustive]
    Mismatch {
        /// The key that was read.
        key: String,
        /// The type that was asked for.
        expected: &'static str,
    },
    /// The value set under `key` cannot be written as JSON. Nothing of the request was stored.
    #[non_exhaustive]
    Unserializable {
        /// The key that was set.
        key: String,
        /// The type of the value.
        type_name: &'static str,
    },
    /// The value set under `key` nests deeper than JSON readers follow. Nothing of the request was stored.
    #[non_exhaustive]
    TooDeep {
        /// The key that was set.
        key: String,
        /// The deepest nesting that is stored, in levels.
        limit: usize,
    },
    /// The session is larger than its storage or its cookie takes. Nothing of the request was stored.
    #[non_exhaustive]
    TooLarge {
        /// What the session takes, in bytes: the record as JSON, or the cookie's name and value.
        bytes: usize,
        /// The most that is taken, in bytes.
        limit: usize,
        /// The three largest keys and the bytes of their values as JSON, largest first.
        largest: Vec<(String, usize)>,
    },
    /// What a session begins with is not a JSON object.
    #[non_exhaustive]
    NotAnObject,
    /// The storage failed.
    Storage(StorageError),
    /// Other requests kept changing the same session until the bounded number of tries ran out.
    #[non_exhaustive]
    Contended {
        /// How often the commit was tried.
        tries: u32,
    },
    /// The operating system's random generator failed.
    Random(RandomError),
    /// The session was made by hand and belongs to no [`Sessions`](crate::Sessions): commit it by
    /// [`Sessions::commit`](crate::Sessions::commit).
    #[non_exhaustive]
    Detached,
    /// The commit calls for a new cookie, and the response's headers have left without it. Nothing was stored.
    ///
    /// What calls for one: a session that was never stored, a new id, and every change in the cookie storage. It stays with
    /// the handle, so later commits fail as well. See [`Session::commit`](crate::Session::commit).
    HeadersSent,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch { key, expected } => {
                write!(f, "the session value `{key}` is not a `{expected}`")
            }
            Self::Unserializable { key, type_name } => {
                write!(
                    f,
                    "the session value `{key}` (a `{type_name}`) cannot be written as JSON"
                )
            }
            Self::TooDeep { key, limit } => {
                write!(
                    f,
                    "the session value `{key}` nests deeper than {limit} levels"
                )
            }
            Self::TooLarge {
                bytes,
                limit,
                largest,
            } => {
                write!(f, "the session takes {bytes} bytes of at most {limit}")?;
                for (index, (key, size)) in largest.iter().enumerate() {
                    let before = if index == 0 {
                        "; its largest keys are "
                    } else {
                        ", "
                    };
                    write!(f, "{before}`{key}` ({size} bytes)")?;
                }
                Ok(())
            }
            Self::NotAnObject => f.write_str("a session begins with a JSON object of its keys"),
            Self::Storage(_) => f.write_str("the session storage failed"),
            Self::Contended { tries } => {
                write!(
                    f,
                    "other requests changed the session during each of {tries} tries to commit it"
                )
            }
            Self::Random(_) => f.write_str("no session id could be generated"),
            Self::Detached => {
                f.write_str("the session belongs to no `Sessions`; commit it by `Sessions::commit`")
            }
            Self::HeadersSent => f.write_str(
                "the commit calls for a new cookie, but the response's headers have left already",
            ),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Storage(source) => Some(source),
            Self::Random(source) => Some(source),
            _ => None,
        }
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<getrandom::Error> for Error {
    fn from(error: getrandom::Error) -> Self {
        Self::Random(RandomError(Arc::new(error)))
    }
}

/// The failure of the operating system's random generator.
#[derive(Clone)]
pub struct RandomError(Source);

impl fmt::Debug for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system's random generator failed")
    }
}

impl StdError for RandomError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

/// Why a storage did not do what it was asked.
///
/// What an implementation of [`Backend`](crate::Backend) returns. The cause is for the operator's log: put no session
/// content and no credentials into it.
///
/// # Example
///
/// ```
/// use session::StorageError;
///
/// let error = StorageError::unavailable(std::io::Error::other("connection reset"));
/// assert_eq!(error.to_string(), "the storage is unavailable");
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StorageError {
    /// The storage cannot be reached, refused, or took too long: the same call may go through later.
    Unavailable(Cause),
    /// What is stored under a key is not a record.
    ///
    /// On load the request goes on with a new session, and this is logged.
    Corrupt(Cause),
    /// The record is larger than the storage takes, and was not stored.
    ///
    /// A commit turns it into [`Error::TooLarge`], which names the largest keys.
    #[non_exhaustive]
    TooLarge {
        /// What was to be stored, in bytes.
        bytes: usize,
        /// The most that the storage takes, in bytes.
        limit: usize,
    },
}

impl StorageError {
    /// The storage cannot be reached, refused, or took too long.
    pub fn unavailable(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Unavailable(Cause(Arc::from(cause.into())))
    }

    /// What is stored under a key is not a record.
    pub fn corrupt(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Corrupt(Cause(Arc::from(cause.into())))
    }

    /// A record of so many bytes is larger than the storage takes.
    pub fn too_large(bytes: usize, limit: usize) -> Self {
        Self::TooLarge { bytes, limit }
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(_) => f.write_str("the storage is unavailable"),
            Self::Corrupt(_) => f.write_str("what is stored is not a session record"),
            Self::TooLarge { bytes, limit } => {
                write!(
                    f,
                    "the storage takes records of {limit} bytes at most, not of {bytes}"
                )
            }
        }
    }
}

impl StdError for StorageError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Unavailable(cause) | Self::Corrupt(cause) => Some(&*cause.0),
            Self::TooLarge { .. } => None,
        }
    }
}

/// What lies behind a [`StorageError`]: also its `source()`.
#[derive(Clone)]
pub struct Cause(Source);

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// An error and what caused it, in one line, for logs.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_shows_every_cause_once() {
        let error = Error::from(StorageError::unavailable(std::io::Error::other("no route")));
        assert_eq!(
            Chain(&error).to_string(),
            "the session storage failed: the storage is unavailable: no route"
        );
    }

    #[test]
    fn too_large_names_the_largest_keys() {
        let error = Error::TooLarge {
            bytes: 5000,
            limit: 4096,
            largest: vec![("cart".into(), 3000), ("notes".into(), 1500)],
        };
        assert_eq!(
            error.to_string(),
            "the session takes 5000 bytes of at most 4096; its largest keys are `cart` (3000 bytes), `notes` (1500 bytes)"
        );
    }
}
