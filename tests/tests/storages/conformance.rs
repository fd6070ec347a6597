//! The conformance suite on servers. One test runs all of its checks where a server takes seconds to start.

use dynoxide::Database;
use session::storage::BoxBackend;
use session::testing::conformance;
use tokio::net::TcpListener;

use super::place::Place;

/// On a server that starts at once: each check has its own.
macro_rules! a_test_a_check {
    ($($storage:ident),+) => {
        $(mod $storage {
            use super::*;

            async fn backend() -> BoxBackend {
                let place = Place::$storage();
                let backend = place.backend().await;
                // Ended with the process of the test: it outlives this function.
                KEPT.with_borrow_mut(|kept| kept.push(place));
                backend
            }

            session::conformance!(backend);
        })+
    };
}

thread_local! {
    static KEPT: std::cell::RefCell<Vec<Place>> = const { std::cell::RefCell::new(Vec::new()) };
}

a_test_a_check!(sqlite, redis, memcached);

/// In the process of the test: two clients at once are [`processes`](super::processes).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb() {
    let database = Database::memory().unwrap();
    tests::dynamodb::make_table(&database).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = tests::dynamodb::url(listener.local_addr().unwrap().port());
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    conformance::all(async || tests::backend(&url).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_cluster() {
    let place = Place::redis_cluster();
    conformance::all(async || place.backend().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let place = Place::postgres();
    conformance::all(async || place.backend().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb() {
    let place = Place::mariadb();
    conformance::all(async || place.backend().await).await;
}
