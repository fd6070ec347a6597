use std::fmt;

use axum_core::extract::FromRequestParts;
use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::error::{Chain, Error};
use crate::schema::SessionSchema;
use crate::session::Session;
use crate::web::tower::Slot;

impl<S: SessionSchema, T: Sync> FromRequestParts<T> for Session<S> {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _state: &T) -> Result<Self, Rejection> {
        let slot = parts
            .extensions
            .get::<Slot>()
            .ok_or(Rejection::MissingLayer)?;
        let session = slot
            .session(&parts.headers)
            .await
            .map_err(Rejection::Unavailable)?;
        S::__check(session.handle()).map_err(Rejection::Mismatch)?;
        Ok(session.schema())
    }
}

/// Why a handler did not get its [`Session`].
///
/// As a response it is plain text with the status of the variant, and it is logged.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Rejection {
    /// The route has no `SessionLayer`. 500.
    MissingLayer,
    /// The session could not be loaded. 503: nothing was overwritten, and the same request may go through later.
    Unavailable(Error),
    /// The session holds a value that does not fit a `#[session(strict)]` schema. 500: the request is in order, and sending it
    /// again helps as little as logging in; what is stored and the program that reads it have to be brought together.
    /// Nothing is stored and no flash value is consumed, as after every 5xx.
    Mismatch(Error),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MissingLayer => {
                "this route has no `SessionLayer`; add `.layer(SessionLayer::new(cookie, storage))` below its `.route(..)`"
            }
            Self::Unavailable(Error::Random(_)) => "no session can be opened for lack of random numbers; try again later",
            Self::Unavailable(_) => "the session storage is unavailable; try again later",
            Self::Mismatch(_) => "the session holds a value that does not fit its schema",
        })
    }
}

impl std::error::Error for Rejection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::MissingLayer => None,
            Self::Unavailable(error) | Self::Mismatch(error) => Some(error),
        }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        tracing::error!(error = %Chain(&self), "session refused");
        let status = match self {
            Self::MissingLayer | Self::Mismatch(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, self.to_string()).into_response()
    }
}
