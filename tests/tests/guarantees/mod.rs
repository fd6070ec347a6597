//! The guarantees G1 to G12, each through the layer and on every storage that can hold it.
//!
//! A test is a function of a [`Stage`](stage::Stage); `on_backends!` runs it in memory and on files,
//! `in_the_cookie!` in the cookie.

/// Runs tests on every storage that keeps sessions on the server.
macro_rules! on_backends {
    ($($test:ident),+ $(,)?) => {
        mod on_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                super::$test($crate::guarantees::stage::Stage::memory()).await;
            })+
        }

        mod on_files {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                super::$test($crate::guarantees::stage::Stage::files()).await;
            })+
        }
    };
}

/// Runs tests in the cookie storage.
macro_rules! in_the_cookie {
    ($($test:ident),+ $(,)?) => {
        mod in_the_cookie {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $test() {
                super::$test($crate::guarantees::stage::Stage::cookie()).await;
            })+
        }
    };
}

mod after_response;
mod app;
mod overtake;
mod stage;

mod g10_untouched;
mod g11_caches;
mod g12_bounded;
mod g1_no_lost_update;
mod g2_destroyed_stays_destroyed;
mod g3_only_our_ids;
mod g4_fixation;
mod g5_failure_commits_nothing;
mod g6_storage_down;
mod g7_expiry;
mod g8_secret_ids;
mod g9_cookies;
mod misuse;
mod stacks;
mod typed;
