//! How often a request allocates: exact counts on one thread, over the same request through a layer that does nothing.
//!
//! Counts are of calls to the allocator, so they are the same in every run, and a budget is what is needed, exactly.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use http::header::{COOKIE, SET_COOKIE, VARY};
use session::storage::{Created, Loaded, Touched, Updated};
use session::testing::{Calls, Counting, Faulty};
use session::{
    Backend, KeyRing, MemoryStorage, Record, SessionCookie, SessionLayer, SessionSchema, Sessions,
    StorageError, StorageKey,
};
use tower::layer::util::Identity;
use tower::{Layer, Service, service_fn};

#[derive(SessionSchema)]
#[allow(dead_code, reason = "nobody builds a schema")]
struct Visitor {
    user_id: Option<u64>,
    name: Option<String>,
    roles: Option<Vec<String>>,
}

/// What reading one key may add, what writing one may, and what a login may: a new session with three keys.
const READ: u64 = 4;
const WRITE: u64 = 7;
/// The same over a storage that has to be waited for.
const READ_WAITING: u64 = 5;
const WRITE_WAITING: u64 = 10;
const LOGIN: u64 = 13;

type Session = session::Session<Visitor>;

/// Ten keys in a session that the storage holds, and the Cookie field that opens it.
struct Stored {
    storage: Counting<MemoryStorage>,
    layer: SessionLayer,
    /// The same storage, but as one that is not in the process.
    waiting: SessionLayer,
    cookie: String,
}

impl Stored {
    fn new() -> Self {
        let storage = Counting::new(MemoryStorage::new());
        let cookie = SessionCookie::new("__Host-session", KeyRing::generate().unwrap());
        let sessions = Sessions::new(cookie.clone(), storage.clone());
        let waiting = Faulty::new(storage.clone());
        // An order that is never carried out: while it has one, it is no storage in the process.
        waiting.hold_after(usize::MAX);
        let waiting = Sessions::new(cookie, waiting).into();
        let session = session::Session::new();
        session.set("user_id", 7);
        for key in 0..9 {
            session.set(
                &format!("key-{key}"),
                "a value of some forty-odd characters in all",
            );
        }
        let set_cookie = now(sessions.commit(&session)).unwrap().unwrap();
        let cookie = set_cookie
            .to_str()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned();
        storage.take();
        Self {
            storage,
            layer: sessions.into(),
            waiting,
            cookie,
        }
    }

    fn request(&self, with_cookie: bool) -> Request {
        let request = Request::get("/");
        let request = if with_cookie {
            request.header(COOKIE, &self.cookie)
        } else {
            request
        };
        request.body(Body::empty()).unwrap()
    }
}

/// A storage that takes everything and keeps nothing: what a map allocates now and then as it grows is not the layer's.
struct Nowhere;

impl Backend for Nowhere {
    async fn load(&self, _: &StorageKey) -> Result<Option<Loaded>, StorageError> {
        Ok(None)
    }

    async fn create(
        &self,
        _: &StorageKey,
        _: &Record,
        _: SystemTime,
    ) -> Result<Created, StorageError> {
        Ok(Created::Done { version: 1 })
    }

    async fn update(
        &self,
        _: &StorageKey,
        _: &Record,
        _: u64,
        _: SystemTime,
    ) -> Result<Updated, StorageError> {
        Ok(Updated::Gone)
    }

    async fn touch(&self, _: &StorageKey, _: SystemTime) -> Result<Touched, StorageError> {
        Ok(Touched::Gone)
    }

    async fn delete(&self, _: &StorageKey) -> Result<(), StorageError> {
        Ok(())
    }
}

/// The outcome of a future that waits for nothing.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("the memory storage waits for nothing"),
    }
}

/// The allocations from the call of a service to the end of its response. The first request is not counted: it may set up
/// what lasts.
fn allocations<S>(mut service: S, request: impl Fn() -> Request, look: impl Fn(&Response)) -> u64
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let mut counts = [0; 3];
    for count in &mut counts {
        let request = request();
        let counted = allocation_counter::measure(|| {
            let response = now(async {
                std::future::poll_fn(|context| service.poll_ready(context))
                    .await
                    .unwrap();
                service.call(request).await.unwrap()
            });
            allocation_counter::opt_out(|| look(&response));
        });
        *count = counted.count_total;
    }
    assert_eq!(counts[1], counts[2], "the same request, the same count");
    counts[2]
}

/// A service of tower's alone, which answers at once.
fn bare(_: Request) -> Ready<Result<Response, Infallible>> {
    ready(Ok(Response::new(Body::empty())))
}

fn is_untouched(response: &Response) {
    assert!(response.headers().get(VARY).is_none() && response.headers().get(SET_COOKIE).is_none());
}

fn is_used(response: &Response) {
    assert_eq!(response.headers()[VARY], "Cookie");
    assert!(response.headers().get(SET_COOKIE).is_none());
}

/// What the layer adds to a router with that handler, over a layer that does nothing around `plain`.
fn added(
    stored: &Stored,
    layer: &SessionLayer,
    plain: &Router,
    used: Router,
    look: fn(&Response),
) -> u64 {
    let request = || stored.request(true);
    let nothing = allocations(plain.clone().layer(Identity::new()), request, is_untouched);
    let ours = allocations(used.layer(layer.clone()), request, look);
    ours - nothing
}

fn plain() -> Router {
    Router::new().route("/", get(async || "done"))
}

/// `http::Extensions` allocates three times for the first value that is put into it, whoever does so.
#[test]
fn an_untouched_request_through_a_tower_service_allocates_what_one_arc_in_its_extensions_does() {
    let stored = Stored::new();
    let one_arc = || {
        service_fn(|mut request: Request| {
            request.extensions_mut().insert(Arc::new(7_u64));
            bare(request)
        })
    };
    for with_cookie in [false, true] {
        let request = || stored.request(with_cookie);
        let least = allocations(one_arc(), request, is_untouched);
        let ours = allocations(stored.layer.layer(service_fn(bare)), request, is_untouched);
        assert_eq!(ours, least);
    }
    assert_eq!(stored.storage.take(), Calls::default());
}

#[test]
fn an_untouched_request_through_a_router_allocates_at_most_three_times() {
    let stored = Stored::new();
    for with_cookie in [false, true] {
        let request = || stored.request(with_cookie);
        let nothing = allocations(plain().layer(Identity::new()), request, is_untouched);
        let ours = allocations(plain().layer(stored.layer.clone()), request, is_untouched);
        assert!(
            ours - nothing <= 3,
            "{ours}, and {nothing} without the layer"
        );
    }
    assert_eq!(stored.storage.take(), Calls::default());
}

#[test]
fn reading_one_key_stays_within_its_budget() {
    let stored = Stored::new();
    let read = async |session: Session| {
        assert_eq!(session.user_id(), Some(7));
        "done"
    };
    for (layer, budget) in [(&stored.layer, READ), (&stored.waiting, READ_WAITING)] {
        let used = Router::new().route("/", get(read));
        assert_eq!(added(&stored, layer, &plain(), used, is_used), budget);
        let expected = Calls {
            load: 3,
            ..Calls::default()
        };
        assert_eq!(stored.storage.take(), expected);
    }
}

#[test]
fn writing_one_key_stays_within_its_budget() {
    let stored = Stored::new();
    let write = async |session: Session| {
        session.set_user_id(8);
        "done"
    };
    for (layer, budget) in [(&stored.layer, WRITE), (&stored.waiting, WRITE_WAITING)] {
        let used = Router::new().route("/", get(write));
        assert_eq!(added(&stored, layer, &plain(), used, is_used), budget);
        let expected = Calls {
            load: 3,
            update: 3,
            ..Calls::default()
        };
        assert_eq!(stored.storage.take(), expected);
    }
}

#[test]
fn logging_in_stays_within_its_budget() {
    let stored = Stored::new();
    // What the handler itself makes is not counted.
    let roles = vec!["reader".to_owned()];
    let login = async move |session: Session| {
        session.set_user_id(7);
        session.set_name("Ada");
        session.set_roles(roles.clone());
        "done"
    };
    let nothing = {
        let roles = vec!["reader".to_owned()];
        let plain = async move || {
            std::hint::black_box((String::from("Ada"), roles.clone()));
            "done"
        };
        let app = Router::new().route("/", get(plain)).layer(Identity::new());
        allocations(app, || stored.request(false), is_untouched)
    };
    let cookie = SessionCookie::new("__Host-session", KeyRing::generate().unwrap());
    let app = Router::new()
        .route("/", get(login))
        .layer(SessionLayer::new(cookie, Nowhere));
    let is_begun = |response: &Response| assert!(response.headers().get(SET_COOKIE).is_some());
    let ours = allocations(app, || stored.request(false), is_begun);
    assert_eq!(ours - nothing, LOGIN);
}

/// The positive control: what a layer does to its requests is counted.
#[test]
fn the_count_sees_each_allocation() {
    let stored = Stored::new();
    let count = |boxes: usize| {
        let boxing = service_fn(move |request| {
            for number in 0..boxes {
                drop(std::hint::black_box(Arc::new(number)));
            }
            bare(request)
        });
        allocations(boxing, || stored.request(false), is_untouched)
    };
    assert_eq!(count(5) - count(0), 5);
}
