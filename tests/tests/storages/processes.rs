//! Two processes on one storage: G1, G2 and what a rotation means to the other process.

use super::place::{Place, open, visitor};

on_shared_storages!(
    two_processes_with_64_requests_each_lose_no_key_and_no_update,
    a_session_that_one_process_destroys_is_not_brought_back_wherever_the_other_was,
    a_destruction_is_carried_out_wherever_the_other_process_comes_between,
    a_slow_request_keeps_its_changes_when_the_other_process_replaces_the_id,
    a_slow_request_does_not_send_an_id_that_the_other_process_has_replaced,
);

const REQUESTS: u64 = 64;
const DAY: u64 = 24 * 3600;

async fn two_processes_with_64_requests_each_lose_no_key_and_no_update(place: &Place) {
    let here = place.sessions().await;
    let cookie = visitor(&here).await;

    let mut nodes = ["left", "right"].map(|name| (name, place.node()));
    for (name, node) in &mut nodes {
        node.tell(&format!("crowd {name} {REQUESTS} {cookie}"));
    }
    for (_, node) in &nodes {
        assert_eq!(node.answer(), "done");
    }

    let session = open(&here, &cookie).await;
    for (name, _) in &nodes {
        for number in 0..REQUESTS {
            let key = format!("{name}{number}");
            assert_eq!(
                session.get::<u64>(&key).unwrap(),
                Some(number),
                "{key} is lost"
            );
        }
    }
    assert_eq!(session.get::<u64>("count").unwrap(), Some(2 * REQUESTS));
    assert_eq!(session.get::<u64>("user").unwrap(), Some(7));
}

/// What a request does to a session that a request in another process destroys.
const DEEDS: [(&str, &[&str]); 6] = [
    ("set a key", &["set actor key 1"]),
    ("read a flash value", &["get actor notice"]),
    ("regenerated the id", &["regenerate actor"]),
    (
        "regenerated the id and set a key",
        &["set actor key 1", "regenerate actor"],
    ),
    ("only touched it", &[]),
    ("destroyed it, too", &["destroy actor"]),
];

/// Holds a request of one process before each of its storage calls in turn; meanwhile one of another process is carried
/// out whole.
async fn interleave(place: &Place, held_one_destroys: bool) {
    let here = place.sessions().await;
    let (mut held, mut free) = (place.node(), place.node());
    for node in [&mut held, &mut free] {
        // From here on every use of a session is worth writing.
        node.ask(&format!("turn {DAY}"));
    }
    for (what, commands) in DEEDS {
        for point in 0.. {
            let cookie = visitor(&here).await;
            let (actor, destroyer) = if held_one_destroys {
                (&mut free, &mut held)
            } else {
                (&mut held, &mut free)
            };
            assert_eq!(actor.ask(&format!("open actor {cookie}")), "known");
            for command in commands {
                actor.ask(command);
            }
            assert_eq!(destroyer.ask(&format!("open destroyer {cookie}")), "known");
            destroyer.ask("destroy destroyer");

            let (held_name, free_name) = if held_one_destroys {
                ("destroyer", "actor")
            } else {
                ("actor", "destroyer")
            };
            let mut held_sent = held.ask(&format!("hold {held_name} {point}"));
            let was_held = held_sent == "held";
            let free_sent = free.ask(&format!("commit {free_name}"));
            if was_held {
                held_sent = held.ask("release");
            }

            for cookie in [&cookie, &held_sent, &free_sent] {
                assert!(
                    open(&here, cookie).await.is_new(),
                    "a destroyed session is back: the other process {what}, held before call {point}"
                );
            }
            if !was_held {
                assert!(point > 0, "nothing was held");
                break;
            }
        }
    }
}

async fn a_session_that_one_process_destroys_is_not_brought_back_wherever_the_other_was(
    place: &Place,
) {
    interleave(place, false).await;
}

async fn a_destruction_is_carried_out_wherever_the_other_process_comes_between(place: &Place) {
    interleave(place, true).await;
}

async fn a_slow_request_keeps_its_changes_when_the_other_process_replaces_the_id(place: &Place) {
    let here = place.sessions().await;
    let (mut slow, mut fast) = (place.node(), place.node());
    let cookie = visitor(&here).await;

    slow.ask(&format!("open slow {cookie}"));
    slow.ask("set slow key 1");
    fast.ask(&format!("open fast {cookie}"));
    fast.ask("regenerate fast");
    let new_cookie = fast.ask("commit fast");
    assert_eq!(
        slow.ask("commit slow"),
        "-",
        "the new id is for the other request to send"
    );

    let session = open(&here, &new_cookie).await;
    assert_eq!(session.get::<u64>("user").unwrap(), Some(7));
    assert_eq!(session.get::<u64>("key").unwrap(), Some(1));
    assert!(open(&here, &cookie).await.is_new());
}

async fn a_slow_request_does_not_send_an_id_that_the_other_process_has_replaced(place: &Place) {
    let here = place.sessions().await;
    let (mut slow, mut fast) = (place.node(), place.node());
    let cookie = visitor(&here).await;
    slow.ask(&format!("turn {DAY}"));

    slow.ask(&format!("open slow {cookie}"));
    fast.ask(&format!("open fast {cookie}"));
    fast.ask("regenerate fast");
    let new_cookie = fast.ask("commit fast");
    assert_eq!(
        slow.ask("commit slow"),
        "-",
        "the browser would forget the new id for a dead one"
    );
    assert!(!open(&here, &new_cookie).await.is_new());
}
