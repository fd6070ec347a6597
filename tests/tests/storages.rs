//! Every storage that several processes can share, each on a real server that the test starts.

#[macro_use]
mod database;
mod place;

/// Runs tests on every storage that several processes can share. A test is a function of a [`Place`](place::Place).
macro_rules! on_shared_storages {
    ($($test:ident),+ $(,)?) => {
        on_shared_storages! { @ [files sqlite redis redis_cluster memcached postgres mariadb dynamodb] [$($test)+] }
    };
    (@ [$($storage:ident)+] $tests:tt) => {
        $(mod $storage {
            on_shared_storages! { @@ $storage $tests }
        })+
    };
    (@@ $storage:ident [$($test:ident)+]) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            super::$test(&$crate::storages::place::Place::$storage()).await;
        })+
    };
}

mod at_rest;
mod conformance;
mod examples;
mod faults;
mod processes;
mod round_trips;
mod sweep;
