//! Sessions in actix-web: [`SessionMiddleware`] and the extractor [`Session<S>`](crate::Session).
//!
//! # Example
//!
//! ```
//! use actix_web::test::{TestRequest, call_service, init_service, read_body};
//! use actix_web::web::{self, Html};
//! use actix_web::App;
//! use session::{KeyRing, MemoryStorage, Session, SessionCookie, SessionMiddleware, SessionSchema};
//!
//! #[derive(SessionSchema)]
//! struct Visitor {
//!     #[session(default)]
//!     visits: u32,
//! }
//!
//! async fn count(session: Session<Visitor>) -> Html {
//!     session.update_visits(|visits| *visits += 1);
//!     Html::new(format!("visit {}", session.visits()))
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # actix_web::rt::System::new().block_on(async {
//! let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
//! // Made once, outside of the closure that `HttpServer::new` calls for each worker: all of them share the storage.
//! let sessions = SessionMiddleware::new(cookie, MemoryStorage::new());
//! let app = App::new().wrap(sessions.clone()).route("/", web::get().to(count));
//!
//! let app = init_service(app).await;
//! let first = call_service(&app, TestRequest::get().to_request()).await;
//! let set_cookie = first.headers().get("set-cookie").ok_or("the session is new")?.to_str()?;
//! assert!(first.headers().contains_key("vary"));
//!
//! let pair = set_cookie.split(';').next().unwrap_or_default();
//! let request = TestRequest::get().insert_header(("cookie", pair)).to_request();
//! assert_eq!(read_body(call_service(&app, request).await).await, "visit 2");
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # What holds
//!
//! Every guarantee. An error that an inner middleware returns is the response that actix makes of it: 4xx is committed, 5xx
//! is not.

use std::future::{Future, Ready, ready};
use std::panic::resume_unwind;
use std::pin::Pin;

use actix_web::body::EitherBody;
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::error::InternalError;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, COOKIE};
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError};
use http::{HeaderName, HeaderValue};

use crate::cookie::SessionCookie;
use crate::expiry::Expiry;
use crate::manager::Sessions;
use crate::schema::SessionSchema;
use crate::session::Session;
use crate::storage::SessionStorage;
use crate::web::rejection::Rejection;
use crate::web::request::{Fields, RequestSession, Settings, mark};
use crate::web::unwind::caught;

const ADD: &str = "`.wrap(SessionMiddleware::new(cookie, storage))` to its `App`";

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

impl<T, B> Transform<T, ServiceRequest> for SessionMiddleware
where
    T: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    T::Future: 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = SessionService<T>;
    type InitError = ();
    type Future = Ready<Result<SessionService<T>, ()>>;

    fn new_transform(&self, inner: T) -> Self::Future {
        ready(Ok(SessionService {
            inner,
            settings: self.settings.clone(),
        }))
    }
}

/// A service whose requests have sessions. Made by [`SessionMiddleware`].
#[derive(Debug)]
pub struct SessionService<T> {
    inner: T,
    settings: Settings,
}

impl<T, B> Service<ServiceRequest> for SessionService<T>
where
    T: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    T::Future: 'static,
    B: 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let exchange = self.settings.begin(request.extensions().get());
        let Some(mut exchange) = exchange else {
            let refusal = HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR);
            let refusal = request.into_response(refusal).map_into_right_body();
            return Box::pin(ready(Ok(refusal)));
        };
        request.extensions_mut().insert(exchange.session());
        let handler = self.inner.call(request);
        Box::pin(async move {
            let outcome = caught(handler).await;
            let status = match &outcome {
                Ok(Ok(response)) => Some(response.status()),
                Ok(Err(error)) => Some(error.as_response_error().status_code()),
                Err(_) => None,
            };
            let end = exchange.end(status.map(|status| status.as_u16()));
            let Some((committed, set_cookie)) = end.finished().await else {
                let returned = outcome.unwrap_or_else(|panic| resume_unwind(panic));
                return returned.map(ServiceResponse::map_into_left_body);
            };
            let response = match outcome.unwrap_or_else(|panic| resume_unwind(panic)) {
                Ok(response) => response,
                Err(error) => {
                    let mut response = match committed {
                        Ok(()) => error.error_response(),
                        Err(_) => HttpResponse::new(StatusCode::SERVICE_UNAVAILABLE),
                    };
                    mark(response.headers_mut(), set_cookie);
                    return Err(InternalError::from_response(error, response).into());
                }
            };
            let mut response = match committed {
                Ok(()) => response.map_into_left_body(),
                Err(_) => response
                    .into_response(HttpResponse::new(StatusCode::SERVICE_UNAVAILABLE))
                    .map_into_right_body(),
            };
            mark(response.headers_mut(), set_cookie);
            Ok(response)
        })
    }
}

impl<S: SessionSchema> FromRequest for Session<S> {
    type Error = Rejection;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Rejection>>>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let session = request.extensions().get::<RequestSession>().cloned();
            let session = session.ok_or(Rejection::MissingLayer { add: ADD })?;
            let fields = || request.headers().get_all(COOKIE);
            let fields = || fields().map(header::HeaderValue::as_bytes);
            session.session(fields).await
        })
    }
}

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        let status = self.status().as_u16();
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let (_, text) = self.answer();
        HttpResponse::build(self.status_code())
            .content_type("text/plain; charset=utf-8")
            .body(text)
    }
}

/// actix has names and values of an older `http`.
impl Fields for header::HeaderMap {
    fn values(&self, name: &HeaderName) -> impl Iterator<Item = &[u8]> {
        self.get_all(name.as_str())
            .map(header::HeaderValue::as_bytes)
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        let name = header::HeaderName::from_bytes(name.as_str().as_bytes());
        let value = header::HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            self.append(name, value);
        }
    }
}
