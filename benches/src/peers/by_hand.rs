//! No library: what ours guarantees on these paths, written for these routes alone. It is what of a request the work takes.
//!
//! Whoever writes it for an application knows the cookie, the keys and the storage, and that no handler sets `Vary` or
//! `Cache-Control`. So there are no settings, and nothing is boxed or dispatched that the framework does not box itself.

use std::convert::Infallible;
use std::future::Future;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{FromRequestParts, Path, Request};
use axum::http::header::{CACHE_CONTROL, COOKIE, SET_COOKIE, VARY};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::Simd;
use base64::engine::general_purpose::NO_PAD;
use futures_util::future::LocalBoxFuture;
use pin_project_lite::pin_project;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::{Layer, Service};

use self::memory::Memory;
use self::sealed::Sealed;
use super::{Framework, Peer, Storage};
use crate::app::App;
use crate::work::{AT_ONCE, COUNT, FIRST_USER, USER, WAIT, added, next_user, texts};

mod memory;
mod record;
mod sealed;
#[cfg(test)]
mod tests;

pub(super) struct ByHand;

impl Peer for ByHand {
    fn name(&self) -> &'static str {
        "by hand"
    }

    fn framework(&self) -> Framework {
        Framework::Axum
    }

    fn app<'a>(&'a self, storage: Storage<'a>) -> LocalBoxFuture<'a, Option<App>> {
        Box::pin(async move {
            match storage {
                Storage::Memory { .. } => Some(app(Arc::new(Memory::new()))),
                Storage::Cookie => Some(app(Arc::new(Sealed::new()))),
                Storage::Redis(_) => None,
            }
        })
    }
}

fn app<K: Keeper>(keeper: Arc<K>) -> App {
    let router = Router::new()
        .route("/untouched", get(async || ()))
        .route("/read", get(read::<K>))
        .route("/write", get(write::<K>))
        .route("/login", get(log_in::<K>))
        .route("/seed/{keys}", get(seed::<K>))
        .route("/add/{number}", get(add::<K>))
        .route("/count", get(count::<K>))
        .layer(Sessions(keeper));
    App::axum(router)
}

/// As the others, but with a status for what they assert: the tests below ask with cookies that open nothing.
async fn read<K: Keeper>(session: Session<K>) -> StatusCode {
    match session.get::<u64>(USER) {
        Some(_) => StatusCode::OK,
        None => StatusCode::UNAUTHORIZED,
    }
}

async fn write<K: Keeper>(session: Session<K>) {
    session.set(USER, next_user());
}

async fn log_in<K: Keeper>(session: Session<K>) {
    session.set(USER, next_user());
    session.set("name", "Ferris");
    session.set("role", "reader");
}

async fn seed<K: Keeper>(Path(keys): Path<usize>, session: Session<K>) {
    session.set(USER, FIRST_USER);
    for (key, text) in texts(keys) {
        session.set(&key, text);
    }
}

async fn add<K: Keeper>(Path(number): Path<usize>, session: Session<K>) {
    assert!(session.get::<u64>(USER).is_some());
    tokio::time::sleep(WAIT).await;
    session.set(&added(number), number);
}

async fn count<K: Keeper>(session: Session<K>) -> [(&'static str, String); 1] {
    let kept = (0..AT_ONCE).filter(|&number| session.get::<usize>(&added(number)).is_some());
    [(COUNT, kept.count().to_string())]
}

/// What opens the value of a session's cookie, and keeps what changes. Neither waits. Times are seconds of the Unix epoch.
trait Keeper: Send + Sync + 'static {
    /// A session that was kept.
    type Kept: Send + 'static;

    /// The session that a cookie's value stands for. Every failure looks the same.
    fn open(&self, value: &[u8], now: u64) -> Option<Self::Kept>;

    fn record(kept: &Self::Kept) -> &[u8];

    /// Keeps a session with its changes, a new one if there was none. The browser may have to be told.
    fn save(&self, kept: Option<Self::Kept>, changes: &[u8], now: u64) -> Option<HeaderValue>;
}

/// How long a session lives: as ours by default.
#[derive(Clone, Copy)]
struct Limits {
    created_at: u64,
    expires_at: u64,
}

impl Limits {
    const DAY: u64 = 24 * 3600;
    const IDLE: u64 = 7 * Self::DAY;
    const ABSOLUTE: u64 = 30 * Self::DAY;

    fn new(now: u64) -> Self {
        Self {
            created_at: now,
            expires_at: now + Self::IDLE,
        }
    }

    /// With a new deadline, when that lies a tenth of the idle timeout from the one that is kept.
    fn moved(self, now: u64) -> Option<Self> {
        let expires_at = (now + Self::IDLE).min(self.created_at + Self::ABSOLUTE);
        let is_worth_writing = expires_at.abs_diff(self.expires_at) >= Self::IDLE / 10;
        is_worth_writing.then_some(Self { expires_at, ..self })
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes
}

const NAME: &str = "__Host-session";
const ATTRIBUTES: &str = "; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=";
/// The most that browsers keep of a cookie.
const MAX_COOKIE_BYTES: usize = 4096;
/// The most cookies of the name that a request is searched for.
const MAX_CANDIDATES: usize = 16;

static BASE64: LazyLock<Simd> = LazyLock::new(|| Simd::url_safe(NO_PAD));

/// The values that a request's Cookie fields hold under the name, in order.
fn values(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let pairs = headers.get_all(COOKIE).into_iter().flat_map(|field| {
        let mut rest = Some(field.as_bytes());
        std::iter::from_fn(move || {
            let field = rest?;
            let end = memchr::memchr(b';', field);
            rest = end.map(|end| &field[end + 1..]);
            Some(end.map_or(field, |end| &field[..end]))
        })
    });
    pairs
        .filter_map(|pair| {
            let value = pair.trim_ascii().strip_prefix(NAME.as_bytes())?;
            value.strip_prefix(b"=")
        })
        .take(MAX_CANDIDATES)
}

/// The Set-Cookie field of a value that is those parts in base64url, with dots between.
fn set_cookie<const N: usize>(parts: [&[u8]; N], limits: Limits, now: u64) -> HeaderValue {
    let max_age = limits.expires_at.saturating_sub(now);
    let digits = max_age.checked_ilog10().map_or(1, |log| log as usize + 1);
    let value = parts.map(encoded_len).iter().sum::<usize>() + N - 1;
    assert!(NAME.len() + value <= MAX_COOKIE_BYTES, "browsers drop it");
    // Exactly what it takes, so that the header keeps this allocation.
    let mut field = Vec::with_capacity(NAME.len() + 1 + value + ATTRIBUTES.len() + digits);
    field.extend_from_slice(NAME.as_bytes());
    for (part, before) in parts.iter().zip(std::iter::once(b'=').chain([b'.'; N])) {
        field.push(before);
        let start = field.len();
        field.resize(start + encoded_len(part), 0);
        let written = BASE64.encode_slice(part, &mut field[start..]);
        written.expect("there is room for it");
    }
    field.extend_from_slice(ATTRIBUTES.as_bytes());
    write!(field, "{max_age}").expect("a vector takes all");
    let mut field = HeaderValue::try_from(field).expect("all of it is visible ASCII");
    field.set_sensitive(true);
    field
}

fn encoded_len(bytes: &[u8]) -> usize {
    (bytes.len() * 4).div_ceil(3)
}

/// The session of a request.
struct Session<K: Keeper>(Arc<Place<K>>);

/// Where a request keeps its session: empty until somebody asks for it.
struct Place<K: Keeper> {
    keeper: Arc<K>,
    session: OnceLock<Mutex<Open<K>>>,
}

struct Open<K: Keeper> {
    kept: Option<K::Kept>,
    /// A record of what was set, empty at first.
    changes: Vec<u8>,
    at: u64,
}

impl<K: Keeper> Place<K> {
    fn open(&self, headers: &HeaderMap) -> Open<K> {
        let at = now();
        Open {
            kept: values(headers).find_map(|value| self.keeper.open(value, at)),
            changes: Vec::new(),
            at,
        }
    }

    fn finish(&self, response: &mut Response) {
        let Some(session) = self.session.get() else {
            return;
        };
        let failed = response.status().is_server_error();
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Cookie"));
        if failed {
            return;
        }
        let Open { kept, changes, at } = &mut *lock(session);
        let now = if changes.is_empty() { *at } else { now() };
        if let Some(cookie) = self.keeper.save(kept.take(), changes, now) {
            headers.append(SET_COOKIE, cookie);
            headers.append(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
}

impl<K: Keeper> Session<K> {
    fn open(&self) -> MutexGuard<'_, Open<K>> {
        lock(self.0.session.get().expect("the extractor has opened it"))
    }

    fn get<V: DeserializeOwned>(&self, key: &str) -> Option<V> {
        let open = self.open();
        let value = record::get(&open.changes, key)
            .or_else(|| record::get(K::record(open.kept.as_ref()?), key))?;
        serde_json::from_slice(value).ok()
    }

    fn set(&self, key: &str, value: impl Serialize) {
        record::add(&mut self.open().changes, key, value);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics under it")
}

impl<S: Sync, K: Keeper> FromRequestParts<S> for Session<K> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let place = parts.extensions.get::<Arc<Place<K>>>();
        let place = place.expect("the layer is there");
        let open = || Mutex::new(place.open(&parts.headers));
        place.session.get_or_init(open);
        Ok(Self(place.clone()))
    }
}

/// The layer.
struct Sessions<K>(Arc<K>);

impl<K> Clone for Sessions<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, T> Layer<T> for Sessions<K> {
    type Service = WithSessions<K, T>;

    fn layer(&self, inner: T) -> WithSessions<K, T> {
        WithSessions {
            inner,
            sessions: self.clone(),
        }
    }
}

struct WithSessions<K, T> {
    inner: T,
    sessions: Sessions<K>,
}

impl<K, T: Clone> Clone for WithSessions<K, T> {
    fn clone(&self) -> Self {
        self.sessions.layer(self.inner.clone())
    }
}

impl<K: Keeper, T: Service<Request, Response = Response>> Service<Request> for WithSessions<K, T> {
    type Response = Response;
    type Error = T::Error;
    type Future = Answer<K, T::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), T::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let place = Arc::new(Place {
            keeper: self.sessions.0.clone(),
            session: OnceLock::new(),
        });
        request.extensions_mut().insert(place.clone());
        Answer {
            handler: self.inner.call(request),
            place,
        }
    }
}

pin_project! {
    struct Answer<K: Keeper, F> {
        #[pin]
        handler: F,
        place: Arc<Place<K>>,
    }
}

impl<K: Keeper, F: Future<Output = Result<Response, E>>, E> Future for Answer<K, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.handler.poll(context))?;
        this.place.finish(&mut response);
        Poll::Ready(Ok(response))
    }
}
