use std::fmt;

use http::StatusCode;

use crate::error::{Chain, Error};

/// Why a handler did not get its [`Session`](crate::Session).
///
/// As a response it is plain text with its [`status`](Self::status), and it is logged.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Rejection {
    /// The route has no session layer. 500.
    #[non_exhaustive]
    MissingLayer {
        /// What to add to the program, and where.
        add: &'static str,
    },
    /// The schema has a `privileged` field, and the layer's storage
    /// [takes none of these](crate::SessionStorage::refuses_privileged). 500; nothing was loaded.
    #[non_exhaustive]
    Privileged {
        /// The schema's path, such as `shop::Visitor`.
        schema: &'static str,
    },
    /// The session could not be loaded. 503: nothing was overwritten, and the same request may go through later.
    Unavailable(Error),
    /// The session holds a value that does not fit a `#[session(strict)]` schema. 500: the request is in order, and sending it
    /// again helps as little as logging in; what is stored and the program that reads it have to be brought together.
    /// Nothing is stored and no flash value is consumed, as after every 5xx.
    Mismatch(Error),
}

impl Rejection {
    /// The status of the response that tells it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::MissingLayer { .. } | Self::Privileged { .. } | Self::Mismatch(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Logs it, and gives the response's status and text.
    pub(crate) fn answer(&self) -> (StatusCode, String) {
        tracing::error!(error = %Chain(self), "session refused");
        (self.status(), self.to_string())
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MissingLayer { add } => {
                return write!(f, "this route has no session layer; add {add}");
            }
            Self::Privileged { schema } => {
                return write!(
                    f,
                    "the schema `{schema}` has `privileged` fields, and the session storage was made for schemas without; \
                     keep it in another storage, or accept what may go wrong: \
                     `WorkersKvStorage::accepting_eventual_consistency(kv)`"
                );
            }
            Self::Unavailable(Error::Random(_)) => {
                "no session can be opened for lack of random numbers; try again later"
            }
            Self::Unavailable(_) => "the session storage is unavailable; try again later",
            Self::Mismatch(_) => "the session holds a value that does not fit its schema",
        })
    }
}

impl std::error::Error for Rejection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::MissingLayer { .. } | Self::Privileged { .. } => None,
            Self::Unavailable(error) | Self::Mismatch(error) => Some(error),
        }
    }
}
