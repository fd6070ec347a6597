//! Sessions in poem: [`SessionMiddleware`] and the extractor [`Session<S>`](crate::Session).
//!
//! # Example
//!
//! ```
//! use poem::web::Html;
//! use poem::{Endpoint, EndpointExt, Request, Route, get, handler};
//! use session::web::poem::SessionMiddleware;
//! use session::{KeyRing, MemoryStorage, Session, SessionCookie, SessionSchema};
//!
//! #[derive(SessionSchema)]
//! struct Visitor {
//!     #[session(default)]
//!     visits: u32,
//! }
//!
//! #[handler]
//! async fn count(session: Session<Visitor>) -> Html<String> {
//!     session.update_visits(|visits| *visits += 1);
//!     Html(format!("visit {}", session.visits()))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
//! let app = Route::new()
//!     .at("/", get(count))
//!     .with(SessionMiddleware::new(cookie, MemoryStorage::new()));
//!
//! let first = app.get_response(Request::default()).await;
//! let set_cookie = first.header("set-cookie").ok_or("the session is new")?;
//! assert_eq!(first.header("vary"), Some("Cookie"));
//!
//! let pair = set_cookie.split(';').next().unwrap_or_default();
//! let request = Request::builder().header("cookie", pair).finish();
//! let mut second = app.get_response(request).await;
//! assert_eq!(second.take_body().into_string().await?, "visit 2");
//! # Ok(())
//! # }
//! ```
//!
//! # What holds
//!
//! Every guarantee. An error that a handler or an inner middleware returns is the response that poem makes of it: 4xx is
//! committed, 5xx is not. Once the session was used, that response is made here, so that it can carry the cookie: put
//! `catch_error` and its like inside of the session's middleware.

use std::panic::resume_unwind;

use http::header::COOKIE;
use http::{HeaderValue, StatusCode};
use poem::error::ResponseError;
use poem::{Endpoint, FromRequest, IntoResponse, Middleware, Request, RequestBody, Response};

use crate::cookie::SessionCookie;
use crate::expiry::Expiry;
use crate::manager::Sessions;
use crate::schema::SessionSchema;
use crate::session::Session;
use crate::storage::SessionStorage;
use crate::web::rejection::Rejection;
use crate::web::request::{RequestSession, Settings, mark};
use crate::web::unwind::caught;

const ADD: &str = "`.with(SessionMiddleware::new(cookie, storage))` to its `Route`";

/// Gives every request its session, and commits it after the handler, as [`SessionLayer`](crate::SessionLayer) does.
///
/// The [module](self) has an example.
#[derive(Debug, Clone)]
pub struct SessionMiddleware {
    settings: Settings,
}

impl SessionMiddleware {
    /// A middleware over sessions under that cookie, in that storage.
    pub fn new(cookie: SessionCookie, storage: impl SessionStorage) -> Self {
        Self::from(Sessions::new(cookie, storage))
    }

    /// Sets how long sessions live.
    ///
    /// # Panics
    ///
    /// When a limit is zero.
    pub fn expiry(self, expiry: Expiry) -> Self {
        Self {
            settings: self.settings.expiry(expiry),
        }
    }

    /// Says whether the session is committed although the response is a 5xx.
    ///
    /// # Default
    ///
    /// `false`: a handler that fails stores nothing, but for a [`destroy`](Session::destroy), which is always carried out.
    pub fn commit_on_server_error(mut self, commit: bool) -> Self {
        self.settings.commit_on_server_error = commit;
        self
    }
}

/// A middleware over sessions that are also used by hand elsewhere, or that need settings which it does not repeat.
impl From<Sessions> for SessionMiddleware {
    fn from(sessions: Sessions) -> Self {
        Self {
            settings: sessions.into(),
        }
    }
}

impl<E: Endpoint> Middleware<E> for SessionMiddleware {
    type Output = SessionEndpoint<E>;

    fn transform(&self, inner: E) -> SessionEndpoint<E> {
        SessionEndpoint {
            inner,
            settings: self.settings.clone(),
        }
    }
}

/// An endpoint whose requests have sessions. Made by [`SessionMiddleware`].
#[derive(Debug)]
pub struct SessionEndpoint<E> {
    inner: E,
    settings: Settings,
}

impl<E: Endpoint> Endpoint for SessionEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let outer = request.extensions().get::<RequestSession>();
        let Some(mut exchange) = self.settings.begin(outer) else {
            return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        };
        request.extensions_mut().insert(exchange.session());
        let handler = async {
            let returned = self.inner.call(request).await;
            returned.map(IntoResponse::into_response)
        };
        let outcome = caught(handler).await;
        let status = match &outcome {
            Ok(Ok(response)) => Some(response.status()),
            Ok(Err(error)) => Some(error.status()),
            Err(_) => None,
        };
        let end = exchange.end(status.map(|status| status.as_u16()));
        let Some((committed, set_cookie)) = end.finished().await else {
            return outcome.unwrap_or_else(|panic| resume_unwind(panic));
        };
        let returned = outcome.unwrap_or_else(|panic| resume_unwind(panic));
        let mut response = match committed {
            Ok(()) => returned.unwrap_or_else(poem::Error::into_response),
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        };
        mark(response.headers_mut(), set_cookie);
        Ok(response)
    }
}

impl<'a, S: SessionSchema> FromRequest<'a> for Session<S> {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> poem::Result<Self> {
        let session = request
            .extensions()
            .get::<RequestSession>()
            .ok_or(Rejection::MissingLayer { add: ADD })?;
        let fields = || request.headers().get_all(COOKIE).into_iter();
        let fields = || fields().map(HeaderValue::as_bytes);
        Ok(session.session(fields).await?)
    }
}

impl ResponseError for Rejection {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn as_response(&self) -> Response {
        let (status, text) = self.answer();
        text.with_status(status).into_response()
    }
}
