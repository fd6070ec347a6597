//! Servers that die, hang, break off, move or are full: a request is answered by a 503 or by what is right, nothing is
//! stored by half, and the application works on when the server does.

mod stage;

/// Runs tests on each server that several processes can share. A test is a function of a [`Stage`](stage::Stage).
macro_rules! on_servers {
    ($($test:ident),+ $(,)?) => {
        on_servers! { @ [redis memcached postgres mariadb dynamodb] [$($test)+] }
    };
    (@ [$($server:ident)+] $tests:tt) => {
        $(mod $server {
            on_servers! { @@ $server $tests }
        })+
    };
    (@@ $server:ident [$($test:ident)+]) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            super::$test($crate::storages::faults::stage::Stage::$server()).await;
        })+
    };
}

mod cluster;
mod cut;
mod dynamodb;
mod killed;
mod late;
mod memcached;
mod redis;
mod sql;
