use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::{CACHE_CONTROL, SET_COOKIE, VARY};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tokio::sync::OnceCell;
use tower_layer::Layer;
use tower_service::Service;

use crate::cookie::SessionCookie;
#[cfg(feature = "axum")]
use crate::error::Error;
use crate::expiry::Expiry;
use crate::manager::{Finish, Sessions};
use crate::session::Session;
use crate::storage::SessionStorage;

/// Gives every request its session, and commits it after the handler.
///
/// - A request that never asks for its session costs a pointer: no storage call, no Set-Cookie, no Vary.
/// - After a handler that used it, the changes are written, and the response has `Vary: Cookie`; one that carries a
///   Set-Cookie also has `Cache-Control: no-store`, unless the handler has set its own (RFC 9111 §7.3).
/// - A handler that panics, is dropped, returns an error or answers 5xx stores nothing and consumes no flash value. What
///   it destroyed is destroyed all the same.
/// - A commit that fails turns the response into an empty 503, since what the handler promised would be false; the
///   cause is logged.
///
/// Put it outside of whatever uses the session and inside of layers that change the response as a whole, such as compression.
/// Two of them on one route are an error: the inner one answers 500 and logs which cookie to remove.
///
/// # Example
///
/// ```
/// use axum::{Router, routing::get};
/// use session::{KeyRing, MemoryStorage, Session, SessionCookie, SessionLayer};
///
/// async fn count(session: Session) -> String {
///     session.update("visits", |visits: &mut Option<u32>| *visits.get_or_insert(0) += 1);
///     session.data().to_string()
/// }
///
/// let cookie = SessionCookie::new("__Host-session", KeyRing::generate()?);
/// let app: Router = Router::new()
///     .route("/", get(count))
///     .layer(SessionLayer::new(cookie, MemoryStorage::new()));
/// # Ok::<(), session::KeyError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SessionLayer {
    sessions: Sessions,
    commit_on_server_error: bool,
}

impl SessionLayer {
    /// A layer over sessions under that cookie, in that storage.
    pub fn new(cookie: SessionCookie, storage: impl SessionStorage) -> Self {
        Self::from(Sessions::new(cookie, storage))
    }

    /// Sets how long sessions live.
    ///
    /// # Panics
    ///
    /// When a limit is zero.
    pub fn expiry(mut self, expiry: Expiry) -> Self {
        self.sessions = self.sessions.expiry(expiry);
        self
    }

    /// Says whether the session is committed although the response is a 5xx.
    ///
    /// # Default
    ///
    /// `false`: a handler that fails stores nothing, but for a [`destroy`](Session::destroy), which is always carried out.
    pub fn commit_on_server_error(mut self, commit: bool) -> Self {
        self.commit_on_server_error = commit;
        self
    }
}

/// A layer over sessions that are also used by hand elsewhere, or that need settings which the layer does not repeat.
impl From<Sessions> for SessionLayer {
    fn from(sessions: Sessions) -> Self {
        Self {
            sessions,
            commit_on_server_error: false,
        }
    }
}

impl<T> Layer<T> for SessionLayer {
    type Service = SessionService<T>;

    fn layer(&self, inner: T) -> SessionService<T> {
        SessionService {
            inner,
            layer: self.clone(),
        }
    }
}

/// A service whose requests have sessions. Made by [`SessionLayer`].
#[derive(Debug, Clone)]
pub struct SessionService<T> {
    inner: T,
    layer: SessionLayer,
}

impl<T, ReqBody, ResBody> Service<Request<ReqBody>> for SessionService<T>
where
    T: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = T::Error;
    type Future = ResponseFuture<T::Future, ResBody, T::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        if let Some(outer) = request.extensions().get::<Slot>() {
            tracing::error!(
                outer = outer.0.sessions.cookie_name(),
                inner = self.layer.sessions.cookie_name(),
                "two `SessionLayer`s on one route, by the names of their cookies; remove one"
            );
            return ResponseFuture {
                state: State::Refused,
            };
        }
        let slot = Slot(Arc::new(RequestSession {
            sessions: self.layer.sessions.clone(),
            session: OnceCell::new(),
        }));
        request.extensions_mut().insert(slot.clone());
        let commit_on_server_error = self.layer.commit_on_server_error;
        ResponseFuture {
            state: State::Handling {
                handler: self.inner.call(request),
                slot,
                commit_on_server_error,
            },
        }
    }
}

/// Where a request keeps its session: empty until somebody asks for it.
#[derive(Clone)]
pub(crate) struct Slot(Arc<RequestSession>);

struct RequestSession {
    sessions: Sessions,
    session: OnceCell<Session>,
}

impl Slot {
    /// The request's session, loaded at the first call. A failed load is tried again at the next.
    #[cfg(feature = "axum")]
    pub(crate) async fn session(&self, headers: &HeaderMap) -> Result<&Session, Error> {
        let open = || self.0.sessions.open_from(headers);
        self.0.session.get_or_try_init(open).await
    }
}

pin_project! {
    /// The response of a [`SessionService`].
    pub struct ResponseFuture<F, B, E> {
        #[pin]
        state: State<F, B, E>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, B, E> {
        Handling {
            #[pin]
            handler: F,
            slot: Slot,
            commit_on_server_error: bool,
        },
        Finishing {
            finish: Finish,
            outcome: Option<Outcome<B, E>>,
        },
        Refused,
    }
}

/// How a handler ended.
enum Outcome<B, E> {
    Returned(Result<Response<B>, E>),
    Panicked(Box<dyn Any + Send>),
}

impl<F, B, E> Future for ResponseFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Handling {
                    handler,
                    slot,
                    commit_on_server_error,
                } => {
                    // A panic goes on once what the handler destroyed is destroyed (G5). What it leaves of the session
                    // behind is dropped, so nothing half-changed is looked at.
                    let polled = catch_unwind(AssertUnwindSafe(|| handler.poll(context)));
                    let outcome = match polled {
                        Ok(polled) => Outcome::Returned(ready!(polled)),
                        Err(panic) => Outcome::Panicked(panic),
                    };
                    let Some(session) = slot.0.session.get() else {
                        return outcome.end();
                    };
                    let failed = match &outcome {
                        Outcome::Returned(Ok(response)) => {
                            response.status().is_server_error() && !*commit_on_server_error
                        }
                        Outcome::Returned(Err(_)) | Outcome::Panicked(_) => true,
                    };
                    let sessions = &slot.0.sessions;
                    if !failed && sessions.is_settled(session) {
                        return outcome
                            .map(|mut response| {
                                mark(response.headers_mut(), None);
                                response
                            })
                            .end();
                    }
                    State::Finishing {
                        finish: sessions.finish(session, failed),
                        outcome: Some(outcome),
                    }
                }
                StateProjection::Finishing { finish, outcome } => {
                    let (committed, set_cookie) = ready!(finish.as_mut().poll(context));
                    // Invariant: a future is not polled again once it was ready.
                    let Some(outcome) = outcome.take() else {
                        return Poll::Pending;
                    };
                    return outcome
                        .map(|response| {
                            let mut response = if committed.is_ok() {
                                response
                            } else {
                                unavailable()
                            };
                            mark(response.headers_mut(), set_cookie);
                            response
                        })
                        .end();
                }
                StateProjection::Refused => {
                    let mut response = Response::new(B::default());
                    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                    return Poll::Ready(Ok(response));
                }
            };
            this.state.set(next);
        }
    }
}

impl<B, E> Outcome<B, E> {
    fn map(self, change: impl FnOnce(Response<B>) -> Response<B>) -> Self {
        match self {
            Self::Returned(returned) => Self::Returned(returned.map(change)),
            Self::Panicked(panic) => Self::Panicked(panic),
        }
    }

    fn end(self) -> Poll<Result<Response<B>, E>> {
        match self {
            Self::Returned(returned) => Poll::Ready(returned),
            Self::Panicked(panic) => resume_unwind(panic),
        }
    }
}

fn unavailable<B: Default>() -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response
}

/// Tells caches that the response depends on the cookie, and that one with a Set-Cookie is for one reader alone (G11).
fn mark(headers: &mut HeaderMap, set_cookie: Option<HeaderValue>) {
    let varies = headers
        .get_all(VARY)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .any(|name| {
            matches!(name.trim_ascii(), b"*") || name.trim_ascii().eq_ignore_ascii_case(b"cookie")
        });
    if !varies {
        headers.append(VARY, HeaderValue::from_static("Cookie"));
    }
    if let Some(set_cookie) = set_cookie {
        headers.append(SET_COOKIE, set_cookie);
        headers
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(vary: &'static str, cache_control: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(VARY, HeaderValue::from_static(vary));
        if let Some(value) = cache_control {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static(value));
        }
        mark(&mut headers, Some(HeaderValue::from_static("a=b")));
        headers
    }

    #[test]
    fn vary_is_added_to_and_never_doubled() {
        let count = |vary| marked(vary, None).get_all(VARY).iter().count();
        assert_eq!(count("Accept-Encoding"), 2);
        assert_eq!(count("accept, COOKIE"), 1);
        assert_eq!(count("*"), 1);
    }

    #[test]
    fn a_handlers_own_cache_control_stays() {
        assert_eq!(marked("*", None)[CACHE_CONTROL], "no-store");
        assert_eq!(marked("*", Some("private"))[CACHE_CONTROL], "private");
    }
}
