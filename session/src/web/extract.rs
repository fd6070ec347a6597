use http::header::COOKIE;
use http::{Extensions, HeaderMap, HeaderValue};

use crate::schema::SessionSchema;
use crate::session::Session;
use crate::web::rejection::Rejection;
use crate::web::request::RequestSession;

const ADD: &str = "`.layer(SessionLayer::new(cookie, storage))` below its `.route(..)`";

/// The session of a request that came through a [`SessionLayer`](crate::SessionLayer), for services without extractors of their own.
///
/// The first call loads the session; every later one, also with another schema, is another handle of it.
///
/// # Errors
///
/// A [`Rejection`], whose [`status`](Rejection::status) and text are the response to give.
///
/// # Example
///
/// ```
/// use std::convert::Infallible;
///
/// use http::{Request, Response};
/// use session::{KeyRing, MemoryStorage, Session, SessionCookie, SessionLayer};
/// use tower::{Layer, Service, ServiceExt, service_fn};
///
/// async fn count(request: Request<()>) -> Result<Response<String>, Infallible> {
///     let session: Session = match session::web::session_of(request.extensions(), request.headers()).await {
///         Ok(session) => session,
///         Err(rejection) => {
///             let mut response = Response::new(rejection.to_string());
///             *response.status_mut() = rejection.status();
///             return Ok(response);
///         }
///     };
///     session.update("visits", |visits: &mut Option<u32>| *visits.get_or_insert(0) += 1);
///     Ok(Response::new(session.data().to_string()))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
/// let layer = SessionLayer::new(cookie, MemoryStorage::new());
/// let response = layer.layer(service_fn(count)).oneshot(Request::new(())).await?;
/// assert_eq!(response.body(), r#"{"visits":1}"#);
/// assert!(response.headers().contains_key("set-cookie"));
/// # Ok(())
/// # }
/// ```
pub async fn session_of<S: SessionSchema>(
    extensions: &Extensions,
    headers: &HeaderMap,
) -> Result<Session<S>, Rejection> {
    let session = extensions
        .get::<RequestSession>()
        .ok_or(Rejection::MissingLayer { add: ADD })?;
    let fields = || headers.get_all(COOKIE).into_iter();
    session
        .session(|| fields().map(HeaderValue::as_bytes))
        .await
}
