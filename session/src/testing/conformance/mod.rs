//! What every [`Backend`] has to do, as tests: see [`conformance!`](crate::conformance).
//!
//! [`verbs`] checks the five verbs by themselves, [`guarantees`] the guarantees that the library builds on them.

pub mod guarantees;
mod site;
pub mod verbs;

use std::future::Future;

use crate::storage::Backend;

/// Makes a test of each check of the conformance suite, for the backend that `$make` gives.
///
/// `$make` is called once a check, as `$make().await`, and gives a backend that is `Clone` and whose clones share what is
/// stored. What is there already does not matter: every check uses fresh keys.
///
/// Where a server takes long to start, [`all`](crate::testing::conformance::all) runs the same checks in a test of yours.
///
/// # Example
///
/// ```
/// async fn memory() -> session::MemoryStorage {
///     session::MemoryStorage::new()
/// }
///
/// mod memory_storage {
///     session::conformance!(super::memory);
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! conformance {
    ($make:expr) => {
        $crate::conformance! { @checks tests $make }
    };
    (@checks $form:ident $make:expr) => {
        $crate::conformance! {
            @$form $make;
            verbs:
                a_missing_key_loads_as_none,
                what_is_created_loads_with_its_deadline,
                a_taken_key_stays_as_it_is,
                an_update_replaces_the_seen_version,
                an_update_of_another_version_is_a_conflict,
                nothing_but_create_creates,
                a_touch_moves_the_deadline_alone,
                an_expired_record_is_missing,
                a_deleted_record_is_gone,
                of_parallel_creations_one_is_done,
                of_parallel_updates_one_is_done,
                versions_do_not_repeat,
                keys_are_apart,
                large_and_odd_values_come_back_byte_for_byte;
            guarantees:
                g1_parallel_requests_that_set_different_keys_lose_none,
                g1_parallel_updates_of_one_key_compose,
                g1_the_last_commit_of_a_key_wins_whole,
                g1_changes_survive_a_rotation_by_another_request,
                g1_a_slow_request_does_not_give_a_replaced_id_out_again,
                g1_a_flash_value_set_meanwhile_is_not_consumed_unread,
                g2_a_destroyed_session_is_not_brought_back_wherever_a_commit_was,
                g2_a_destruction_is_carried_out_wherever_a_commit_comes_between,
                g2_a_destruction_follows_a_rotated_session,
                g2_a_destruction_that_was_cut_short_stands,
                g3_only_issued_ids_open_and_reading_creates_nothing,
                g4_a_replaced_id_opens_nothing,
                g4_of_two_rotations_at_once_one_id_survives,
                g4_requests_that_renew_the_id_together_end_up_with_one,
                g4_an_old_id_opens_the_session_for_its_grace_and_no_longer,
                g6_a_storage_that_fails_is_an_error_and_loses_nothing,
                g6_a_call_whose_answer_is_lost_may_be_made_again,
                g7_both_limits_are_checked_on_read,
                g7_activity_is_written_once_per_tenth_of_the_idle_timeout,
                g12_a_record_over_its_limit_is_an_error_that_names_its_largest_keys,
                flash_values_are_read_once_or_live_for_one_request,
                a_session_without_content_is_not_stored,
                calls_are_as_few_as_documented;
        }
    };
    (@tests $make:expr; $($module:ident: $($test:ident),* ;)*) => {
        $($(
            #[test]
            fn $test() {
                $crate::testing::conformance::run(async {
                    $crate::testing::conformance::$module::$test($make().await).await;
                });
            }
        )*)*
    };
    (@all $make:expr; $($module:ident: $($test:ident),* ;)*) => {
        $($(
            println!("{}", stringify!($test));
            $crate::testing::conformance::$module::$test($make().await).await;
        )*)*
    };
}

/// Runs every check of the conformance suite, one after another, and prints the name of each as it begins.
///
/// For a backend whose server takes long to start, so that the checks share one; else [`conformance!`](crate::conformance)
/// makes a test of each. `make` gives what it gives there. Call it on a runtime with several threads.
///
/// # Panics
///
/// When a check fails.
///
/// # Example
///
/// ```
/// use session::{MemoryStorage, testing::conformance};
///
/// # #[tokio::main]
/// # async fn main() {
/// conformance::all(async || MemoryStorage::new()).await;
/// # }
/// ```
pub async fn all<B: Backend + Clone>(make: impl AsyncFn() -> B) {
    crate::conformance! { @checks all make }
}

/// Runs a check on a runtime with two threads.
///
/// # Panics
///
/// When the check fails, or no runtime can be made.
pub fn run(check: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a tokio runtime can be made")
        .block_on(check);
}
