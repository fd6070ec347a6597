use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::cookie::SessionCookie;
use crate::expiry::Expiry;
use crate::manager::{Finish, Finished, Sessions};
use crate::storage::SessionStorage;
use crate::web::request::{End, Exchange, RequestSession, Settings, mark};

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
/// Put it outside of whatever uses the session and inside of tracing, catch-panic, time limits and CORS: see
/// [the order of layers](crate::web#order-of-layers). Two of them on one route are an error: the inner one answers 500 and
/// logs the names of both cookies.
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
    settings: Settings,
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
        self.settings = self.settings.expiry(expiry);
        self
    }

    /// Says whether the session is committed although the response is a 5xx.
    ///
    /// # Default
    ///
    /// `false`: a handler that fails stores nothing, but for a [`destroy`](crate::Session::destroy), which is always carried out.
    pub fn commit_on_server_error(mut self, commit: bool) -> Self {
        self.settings.commit_on_server_error = commit;
        self
    }
}

/// A layer over sessions that are also used by hand elsewhere, or that need settings which the layer does not repeat.
impl From<Sessions> for SessionLayer {
    fn from(sessions: Sessions) -> Self {
        Self {
            settings: sessions.into(),
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
        let outer = request.extensions().get::<RequestSession>();
        let state = match self.layer.settings.begin(outer) {
            None => State::Refused,
            Some(exchange) => {
                request.extensions_mut().insert(exchange.session());
                let handler = self.inner.call(request);
                State::Handling { handler, exchange }
            }
        };
        ResponseFuture { state }
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
            exchange: Exchange,
        },
        Finishing {
            finish: Finish,
            outcome: Option<Outcome<B, E>>,
        },
        Refused,
    }
}

/// How a handler ended: a panic goes on once what the handler destroyed is destroyed (G5).
type Outcome<B, E> = Result<Result<Response<B>, E>, Box<dyn Any + Send>>;

impl<F, B, E> Future for ResponseFuture<F, B, E>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        match this.state.as_mut().project() {
            StateProjection::Handling { handler, exchange } => {
                // What a panic leaves of the handler is dropped, so nothing half-changed is looked at.
                let mut outcome = match catch_unwind(AssertUnwindSafe(|| handler.poll(context))) {
                    Ok(polled) => Ok(ready!(polled)),
                    Err(panic) => Err(panic),
                };
                let status = match &outcome {
                    Ok(Ok(response)) => Some(response.status().as_u16()),
                    Ok(Err(_)) | Err(_) => None,
                };
                match exchange.end(status) {
                    End::Untouched => {}
                    End::Done(end) => mark_outcome(&mut outcome, end),
                    End::Commit(mut finish) => match finish.as_mut().poll(context) {
                        Poll::Ready(end) => mark_outcome(&mut outcome, end),
                        Poll::Pending => {
                            let outcome = Some(outcome);
                            this.state.set(State::Finishing { finish, outcome });
                            return Poll::Pending;
                        }
                    },
                }
                Poll::Ready(outcome.unwrap_or_else(|panic| resume_unwind(panic)))
            }
            StateProjection::Finishing { finish, outcome } => {
                let end = ready!(finish.as_mut().poll(context));
                // Invariant: a future is not polled again once it was ready.
                let Some(mut outcome) = outcome.take() else {
                    return Poll::Pending;
                };
                mark_outcome(&mut outcome, end);
                Poll::Ready(outcome.unwrap_or_else(|panic| resume_unwind(panic)))
            }
            StateProjection::Refused => Poll::Ready(Ok(empty(StatusCode::INTERNAL_SERVER_ERROR))),
        }
    }
}

/// Where there is a response, it says what its commit came to.
fn mark_outcome<B: Default, E>(outcome: &mut Outcome<B, E>, (committed, set_cookie): Finished) {
    if let Ok(Ok(response)) = outcome {
        if committed.is_err() {
            *response = empty(StatusCode::SERVICE_UNAVAILABLE);
        }
        mark(response.headers_mut(), set_cookie);
    }
}

fn empty<B: Default>(status: StatusCode) -> Response<B> {
    let mut response = Response::new(B::default());
    *response.status_mut() = status;
    response
}
