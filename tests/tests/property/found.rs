//! What the random steps have found: each list is as short as it shrank, and has the name of what it showed.

use session::testing::TestClock;
use session::{CookieStorage, MemoryStorage};

use super::check;
use super::races::{Deed, RACERS, Racer, Turn, race};
use super::step::Action::{Get, RegenerateId, RegenerateIdKeepingOld as KeepOld, Set, Update};
use super::step::Pick::{Known, Latest};
use super::step::Step::{self, Act, Commit, End, Open, Wait};
use super::storages::{Sealed, Server};

fn replay(steps: &[Step]) {
    let clock = TestClock::new();
    let storage = MemoryStorage::new().clock(clock.clone());
    check::<Server>(storage, clock, steps).unwrap();
}

#[test]
fn an_old_id_reads_for_its_grace_when_two_requests_replace_it_at_once() {
    replay(&[
        Act(3, Set("a")),
        End(3),
        Act(2, KeepOld(200)),
        Act(0, KeepOld(200)),
        End(0),
        End(2),
    ]);
}

#[test]
fn an_old_id_reads_for_its_grace_when_an_earlier_commit_of_the_request_has_met_a_new_one() {
    replay(&[
        Act(0, Set("a")),
        End(0),
        Act(2, KeepOld(200)),
        Act(0, Update("a")),
        End(2),
        Commit(0),
        Act(0, KeepOld(200)),
        End(0),
    ]);
}

#[test]
fn an_id_that_was_closed_is_not_opened_again_by_a_later_call_that_keeps_the_old_one() {
    for calls in [[RegenerateId, KeepOld(200)], [KeepOld(200), RegenerateId]] {
        let [first, second] = calls;
        replay(&[
            Act(0, Set("a")),
            End(0),
            Act(3, first),
            Act(3, second),
            End(3),
        ]);
    }
}

#[test]
fn a_request_that_only_looks_does_not_send_an_id_that_was_replaced_meanwhile() {
    replay(&[
        Act(0, Set("a")),
        End(0),
        Open(2, Latest),
        Wait(100),
        Act(0, RegenerateId),
        End(0),
        End(2),
    ]);
}

#[test]
fn a_request_by_an_old_id_does_not_send_an_id_that_was_replaced_meanwhile() {
    replay(&[
        Act(0, Set("a")),
        End(0),
        Act(0, KeepOld(500)),
        End(0),
        Open(1, Known(0)),
        Act(2, RegenerateId),
        End(2),
        Act(1, Get("a")),
        End(1),
    ]);
}

#[test]
fn a_request_whose_id_was_closed_meanwhile_loses_nothing_when_it_renews_its_id_twice() {
    replay(&[
        Act(0, Set("a")),
        End(0),
        Open(0, Latest),
        Act(1, RegenerateId),
        End(1),
        Act(0, KeepOld(200)),
        Commit(0),
        Act(0, Set("b")),
        Act(0, KeepOld(200)),
        End(0),
    ]);
}

async fn replay_race(racers: [(&[Deed], &[Deed]); RACERS], first: &[Turn]) {
    let racers = racers.map(|(before, meanwhile)| Racer {
        before: before.to_vec(),
        meanwhile: meanwhile.to_vec(),
    });
    race(&racers, first, &[]).await.unwrap();
}

#[tokio::test]
async fn an_update_during_a_commit_that_meets_another_update_is_not_lost() {
    let racers: [(&[Deed], &[Deed]); RACERS] = [
        (&[Deed::Count], &[]),
        (&[Deed::TakeFlash], &[Deed::Count]),
        (&[], &[]),
    ];
    replay_race(
        racers,
        &[Turn::Call(0), Turn::Call(1), Turn::Call(0), Turn::Act(1)],
    )
    .await;
}

#[tokio::test]
async fn a_flash_value_read_during_a_commit_that_meets_a_new_one_does_not_take_the_new_one() {
    let racers: [(&[Deed], &[Deed]); RACERS] = [
        (&[Deed::Flash], &[]),
        (&[], &[]),
        (&[Deed::Set], &[Deed::TakeFlash]),
    ];
    replay_race(
        racers,
        &[Turn::Call(0), Turn::Call(0), Turn::Call(2), Turn::Act(2)],
    )
    .await;
}

#[test]
fn a_session_that_comes_to_its_absolute_limit_under_way_is_not_written_again() {
    let clock = TestClock::new();
    let steps = [
        Act(3, Set("a")),
        End(3),
        Wait(900),
        Open(0, Latest),
        End(0),
        Wait(900),
        Open(1, Latest),
        End(1),
        Wait(900),
        Open(0, Latest),
        Open(1, Latest),
        Act(1, Set("b")),
        Wait(100),
        Wait(100),
        Wait(100),
        End(0),
        End(1),
    ];
    check::<Sealed>(CookieStorage::new(), clock, &steps).unwrap();
    replay(&steps);
}

#[tokio::test]
async fn a_flash_value_that_was_replaced_while_it_was_being_written_goes_with_the_one_that_replaced_it()
 {
    let racers: [(&[Deed], &[Deed]); RACERS] = [
        (&[Deed::Flash], &[Deed::Flash, Deed::TakeFlash]),
        (&[], &[]),
        (&[], &[]),
    ];
    replay_race(racers, &[Turn::Call(0), Turn::Act(0)]).await;
}
