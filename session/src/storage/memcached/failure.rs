use std::error::Error as StdError;
use std::{fmt, io};

use memcache::exp::Error;

use crate::error::StorageError;

/// Why a call came to nothing. Without what was sent: the client's errors quote keys, and the server's may quote anything.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection broke, or there was none.
    Lost {
        cause: io::Error,
        /// The server may have carried the call out.
        maybe_done: bool,
    },
    /// No answer came in time. The server may have carried the call out.
    TimedOut(StorageError),
    /// The server answers, but not with what was asked for.
    Refused(Refusal),
    TooLarge {
        bytes: usize,
        limit: usize,
    },
}

impl Failure {
    pub(super) fn refused(why: &'static str) -> Self {
        Self::Refused(Refusal(why))
    }

    /// Whether the connections to the server are in doubt.
    pub(super) fn is_of_connection(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::TimedOut(_))
    }

    /// What a storage returns, with the server in it.
    pub(super) fn at(self, address: &str) -> StorageError {
        match self {
            Self::TooLarge { bytes, limit } => StorageError::too_large(bytes, limit),
            failure => StorageError::unavailable(At {
                address: address.to_owned(),
                failure,
            }),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Self {
        Self::Lost {
            cause,
            maybe_done: false,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            // By the client's word the command did not leave as a whole, or changes nothing.
            Error::Io(cause) => cause.into(),
            Error::Timeout { .. } => io::Error::from(io::ErrorKind::TimedOut).into(),
            Error::Ambiguous { source, .. } => match Self::from(*source) {
                Self::Lost { cause, .. } => Self::Lost {
                    cause,
                    maybe_done: true,
                },
                answered => answered,
            },
            Error::Server(message) if message.starts_with("out of memory") => {
                Self::refused("the server is out of memory")
            }
            Error::Server(_) => Self::refused("the server failed"),
            Error::Rejected(message) if message == "unauthenticated" => {
                Self::refused("the server asks for a login, and this client has none")
            }
            Error::Rejected(_) => Self::refused("the server does not know the command"),
            _ => Self::refused("what the server answers makes no sense"),
        }
    }
}

/// Whether the server refuses an item for its size.
pub(super) fn is_too_large(error: &Error) -> bool {
    match error {
        Error::Server(message) => message.starts_with("object too large"),
        Error::Ambiguous { source, .. } => is_too_large(source),
        _ => false,
    }
}

#[derive(Debug)]
pub(super) struct Refusal(&'static str);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl StdError for Refusal {}

#[derive(Debug)]
struct At {
    address: String,
    failure: Failure,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memcached at {}", self.address)
    }
}

impl StdError for At {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.failure {
            Failure::Lost { cause, .. } => Some(cause),
            Failure::TimedOut(late) => late.source(),
            Failure::Refused(refusal) => Some(refusal),
            Failure::TooLarge { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Chain;

    fn ambiguous(source: Error) -> Error {
        Error::Ambiguous {
            key: b"session:0123abcd".to_vec(),
            source: Box::new(source),
        }
    }

    #[test]
    fn a_failure_names_the_server_and_nothing_that_was_sent() {
        let quote = || r#"{"values":{"card":"4111"}}"#.to_owned();
        let key = b"session:0123abcd".to_vec();
        for error in [
            Error::Timeout { key },
            Error::Protocol(quote()),
            Error::Server(quote()),
            Error::Rejected(quote()),
            ambiguous(Error::Server(quote())),
            ambiguous(Error::Io(io::ErrorKind::ConnectionReset.into())),
        ] {
            let error = Failure::from(error).at("10.0.0.1:11211");
            let (shown, debug) = (Chain(&error).to_string(), format!("{error:?}"));
            assert!(shown.contains("memcached at 10.0.0.1:11211: "), "{shown}");
            for secret in ["4111", "0123abcd"] {
                assert!(!shown.contains(secret), "{shown}");
                assert!(!debug.contains(secret), "{debug}");
            }
        }
    }

    #[test]
    fn a_known_refusal_says_what_is_wrong() {
        let full = ambiguous(Error::Server("out of memory storing object".to_owned()));
        assert_eq!(
            Chain(&Failure::from(full).at("a:1")).to_string(),
            "the storage is unavailable: memcached at a:1: the server is out of memory"
        );
    }

    #[test]
    fn a_refusal_for_its_size_is_known() {
        let large = || Error::Server("object too large for cache".to_owned());
        assert!(is_too_large(&large()));
        assert!(is_too_large(&ambiguous(large())));
        assert!(!is_too_large(&Error::Server("out of memory".to_owned())));
    }
}
