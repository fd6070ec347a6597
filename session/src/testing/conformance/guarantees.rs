//! The guarantees of the library, on a backend.
//!
//! One long list on purpose: a check a promise, in the order of the guarantees.
#![allow(missing_docs, reason = "a check's name is its sentence")]
#![allow(clippy::missing_panics_doc, reason = "a check that fails panics")]

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use crate::error::Error;
use crate::session::Session;
use crate::storage::Backend;
use crate::testing::conformance::site::{MINUTE, SECOND, Site, commit, get, open};
use crate::testing::{Calls, Verb};

// G1: no lost update.

pub async fn g1_parallel_requests_that_set_different_keys_lose_none<B: Backend + Clone>(
    backend: B,
) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    let mut requests = Vec::new();
    for number in 0..64 {
        let session = site.open(&jar).await;
        session.set(&format!("key{number}"), number);
        requests.push(session);
    }
    let commits = requests.into_iter().map(|session| {
        let sessions = site.sessions.clone();
        tokio::spawn(async move { commit(&sessions, &session).await })
    });
    for commit in commits.collect::<Vec<_>>() {
        commit.await.expect("a commit");
    }
    let session = site.open(&jar).await;
    for number in 0..64 {
        assert_eq!(get(&session, &format!("key{number}")), Some(number));
    }
    assert_eq!(get(&session, "visitor"), Some(true));
}

pub async fn g1_parallel_updates_of_one_key_compose<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    let mut requests = Vec::new();
    for _ in 0..64 {
        let session = site.open(&jar).await;
        session.update("count", |count: &mut Option<u32>| {
            *count.get_or_insert(0) += 1;
        });
        session.update("count", |count: &mut Option<u32>| {
            *count.get_or_insert(0) += 1;
        });
        assert_eq!(get(&session, "count"), Some(2));
        requests.push(session);
    }
    let commits = requests.into_iter().map(|session| {
        let sessions = site.sessions.clone();
        tokio::spawn(async move { commit(&sessions, &session).await })
    });
    for commit in commits.collect::<Vec<_>>() {
        commit.await.expect("a commit");
    }
    assert_eq!(get(&site.open(&jar).await, "count"), Some(128));
}

pub async fn g1_the_last_commit_of_a_key_wins_whole<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    let (first, last) = (site.open(&jar).await, site.open(&jar).await);
    last.set("list", [9]);
    first.set("list", [1, 2, 3]);
    site.commit(&first).await;
    site.commit(&last).await;
    assert_eq!(get(&site.open(&jar).await, "list"), Some(vec![9]));
}

pub async fn g1_changes_survive_a_rotation_by_another_request<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    let slow = site.open(&jar).await;
    slow.set("slow", true);
    let login = site.open(&jar).await;
    login.set("user", 7);
    login.regenerate_id();
    let new_jar = site.commit(&login).await;
    let slow_jar = site.commit(&slow).await;
    assert_eq!(
        slow_jar, None,
        "the new id is not for the slow request to give out"
    );
    let session = site.open(&new_jar).await;
    assert_eq!(
        (get(&session, "user"), get(&session, "slow")),
        (Some(7), Some(true))
    );
    assert!(site.opens_nothing(&jar).await);

    // Nor is it when a later commit of the slow request would renew the cookie.
    site.clock.advance(11 * MINUTE);
    slow.set("slower", true);
    assert_eq!(site.commit(&slow).await, None);
    assert_eq!(get(&site.open(&new_jar).await, "slower"), Some(true));
}

pub async fn g1_a_slow_request_does_not_give_a_replaced_id_out_again<B: Backend + Clone>(
    backend: B,
) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    site.clock.advance(11 * MINUTE);
    // One that only writes its activity, and so would renew the cookie.
    let slow = site.open(&jar).await;
    let login = site.open(&jar).await;
    login.regenerate_id();
    let second_jar = site.commit(&login).await;
    assert_eq!(site.commit(&slow).await, None);

    // One that came with an old id in its grace, and so would answer with the new one.
    let keeping = site.open(&second_jar).await;
    keeping.regenerate_id_keeping_old(MINUTE);
    let third_jar = site.commit(&keeping).await;
    let slow = site.open(&second_jar).await;
    slow.set("slow", true);
    let login = site.open(&third_jar).await;
    login.regenerate_id();
    let fourth_jar = site.commit(&login).await;
    assert_eq!(site.commit(&slow).await, None);
    assert_eq!(get(&site.open(&fourth_jar).await, "slow"), Some(true));
}

pub async fn g4_requests_that_renew_the_id_together_end_up_with_one<B: Backend + Clone>(
    backend: B,
) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    let requests = [
        site.open(&jar).await,
        site.open(&jar).await,
        site.open(&jar).await,
    ];
    for (number, request) in requests.iter().enumerate() {
        request.set(&format!("key{number}"), number);
        request.regenerate_id_keeping_old(MINUTE);
    }
    let first = site.commit(&requests[0]).await;
    for request in &requests[1..] {
        let own = request.id();
        assert_eq!(
            site.commit(request).await,
            first,
            "the browser gets one id, whichever response is the last"
        );
        assert!(request.id() == requests[0].id() && request.id() != own);
    }
    for jar in [&jar, &first] {
        assert_eq!(
            site.open(jar).await.keys(),
            ["key0", "key1", "key2", "visitor"]
        );
    }
}

pub async fn g1_a_flash_value_set_meanwhile_is_not_consumed_unread<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    let session = site.open(&jar).await;
    session.flash("notice", "first");
    site.commit(&session).await;

    let reader = site.open(&jar).await;
    let writer = site.open(&jar).await;
    assert_eq!(get::<String>(&reader, "notice").as_deref(), Some("first"));
    writer.flash("notice", "second");
    site.commit(&writer).await;
    site.commit(&reader).await;
    assert_eq!(
        get::<String>(&site.open(&jar).await, "notice").as_deref(),
        Some("second")
    );
}

// G2: destroyed stays destroyed.

type Deed = fn(&Session);

/// What a request does to a session beside one that destroys it.
const DEEDS: [(&str, Deed); 6] = [
    ("set a key", |session| session.set("late", true)),
    ("read a flash", |session| {
        assert!(session.get::<bool>("news").expect("a bool").is_some());
    }),
    ("update a key", |session| {
        session.update("late", |late: &mut Option<bool>| *late = Some(true));
    }),
    ("regenerated the id", Session::regenerate_id),
    ("regenerated the id with a grace", |session| {
        session.regenerate_id_keeping_old(MINUTE);
    }),
    // The clock stands eleven minutes after the last activity: more than a tenth of the idle timeout.
    ("only touched", |_session| {}),
];

/// What `task` gives, or none if `point` is reached before.
async fn first<T: Future + Unpin>(
    task: &mut T,
    point: impl Future<Output = ()>,
) -> Option<T::Output> {
    let mut point = pin!(point);
    poll_fn(|context| match Pin::new(&mut *task).poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => point.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// Holds one request before each of its storage calls in turn, runs the other meanwhile, and lets it end.
async fn interleave<B: Backend + Clone>(backend: B, held_one_destroys: bool) {
    for (deed, act) in DEEDS {
        for point in 0.. {
            let site = Site::new(backend.clone());
            let jar = site.visitor().await;
            let session = site.open(&jar).await;
            session.flash("news", true);
            site.commit(&session).await;
            site.clock.advance(11 * MINUTE);

            let (storage, held_sessions) = site.held();
            let (held, free) = (open(&held_sessions, &jar).await, site.open(&jar).await);
            let (actor, destroyer) = if held_one_destroys {
                (&free, &held)
            } else {
                (&held, &free)
            };
            act(actor);
            destroyer.destroy();

            let gate = storage.hold_after(point);
            let mut ending = tokio::spawn(async move { commit(&held_sessions, &held).await });
            let ended = first(&mut ending, gate.reached()).await;
            let free_jar = site.commit(&free).await;
            gate.open();
            let was_held = ended.is_none();
            let held_jar = match ended {
                Some(ended) => ended.expect("a commit"),
                None => ending.await.expect("a commit"),
            };

            for jar in [&jar, &free_jar, &held_jar] {
                assert!(
                    site.opens_nothing(jar).await,
                    "a destroyed session came back: another request {deed}, held before call {point}"
                );
            }
            if !was_held {
                break;
            }
        }
    }
}

pub async fn g2_a_destroyed_session_is_not_brought_back_wherever_a_commit_was<
    B: Backend + Clone,
>(
    backend: B,
) {
    interleave(backend, false).await;
}

pub async fn g2_a_destruction_is_carried_out_wherever_a_commit_comes_between<B: Backend + Clone>(
    backend: B,
) {
    interleave(backend, true).await;
}

pub async fn g2_a_destruction_follows_a_rotated_session<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    let logout = site.open(&jar).await;
    logout.destroy();
    let mut newest = jar.clone();
    for _ in 0..3 {
        let session = site.open(&newest).await;
        session.regenerate_id();
        newest = site.commit(&session).await;
    }
    assert!(!site.opens_nothing(&newest).await);
    let removal = site.commit(&logout).await;
    assert_eq!(
        removal.as_deref(),
        Some("session="),
        "the cookie is removed"
    );
    assert!(site.opens_nothing(&newest).await);
}

pub async fn g2_a_destruction_that_was_cut_short_stands<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    let (storage, held_sessions) = site.held();
    let (logout, slow) = (open(&held_sessions, &jar).await, site.open(&jar).await);
    slow.set("late", true);
    logout.destroy();
    // The process ends after the mark is put down and before the record is deleted.
    let gate = storage.hold_after(1);
    let ending = tokio::spawn(async move { commit(&held_sessions, &logout).await });
    gate.reached().await;
    ending.abort();
    assert!(site.opens_nothing(&jar).await);
    assert_eq!(site.commit(&slow).await, None);
    assert!(site.opens_nothing(&jar).await);
}

// G3: only ids that we issued.

pub async fn g3_only_issued_ids_open_and_reading_creates_nothing<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let forged = |id: &str| Some(format!("session={id}.{}", "A".repeat(43)));
    let unknown = crate::id::SessionId::generate().expect("random bytes");
    let unknown = Some(format!("session={}", site.cookie.sign(&unknown)));
    for jar in [
        None,
        forged(&"A".repeat(43)),
        forged("../../etc/passwd"),
        forged("\0"),
        unknown,
    ] {
        let before = site.counts.take();
        let session = site.open(&jar).await;
        assert!(session.is_new() && session.is_empty(), "{before:?}");
        assert_eq!(site.commit(&session).await, None);
        let calls = site.counts.take();
        assert_eq!(
            calls,
            Calls {
                load: calls.load,
                ..Calls::default()
            }
        );
    }
}

// G4: fixation.

pub async fn g4_a_replaced_id_opens_nothing<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    let session = site.open(&jar).await;
    let old_id = session.id();
    session.regenerate_id();
    session.regenerate_id();
    session.set("user", 7);
    let new_jar = site.commit(&session).await;
    assert!(new_jar.is_some() && new_jar != jar);
    assert!(site.opens_nothing(&jar).await);
    let session = site.open(&new_jar).await;
    assert_eq!(
        (get(&session, "visitor"), get(&session, "user")),
        (Some(true), Some(7))
    );
    assert_ne!(session.id(), old_id);
}

pub async fn g4_of_two_rotations_at_once_one_id_survives<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    let (one, two) = (site.open(&jar).await, site.open(&jar).await);
    for (session, key) in [(&one, "one"), (&two, "two")] {
        session.regenerate_id();
        session.set(key, true);
    }
    let (one, two) = (site.commit(&one).await, site.commit(&two).await);
    // Whoever planted the old id may have made the first rotation: the second gets away from that one, too.
    assert!(site.opens_nothing(&jar).await && site.opens_nothing(&one).await);
    let session = site.open(&two).await;
    assert_eq!(
        (get(&session, "one"), get(&session, "two")),
        (Some(true), Some(true))
    );
}

pub async fn g4_an_old_id_opens_the_session_for_its_grace_and_no_longer<B: Backend + Clone>(
    backend: B,
) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    let session = site.open(&jar).await;
    session.regenerate_id_keeping_old(MINUTE);
    let new_jar = site.commit(&session).await;

    site.clock.advance(SECOND * 59);
    let late = site.open(&jar).await;
    assert_eq!(get(&late, "visitor"), Some(true));
    late.set("late", true);
    assert!(
        site.commit(&late).await.is_some(),
        "the old cookie is answered with the new id"
    );
    assert_eq!(get(&site.open(&new_jar).await, "late"), Some(true));

    site.clock.advance(SECOND);
    assert!(site.opens_nothing(&jar).await);
    assert!(!site.opens_nothing(&new_jar).await);
}

// G6: a storage that is down is not an empty session.

pub async fn g6_a_storage_that_fails_is_an_error_and_loses_nothing<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    site.storage.fail(Verb::Load);
    assert!(matches!(
        site.sessions.open(&jar).await,
        Err(Error::Storage(_))
    ));
    site.storage.heal();

    let session = site.open(&jar).await;
    session.set("kept", true);
    site.storage.fail(Verb::Update);
    assert!(matches!(
        site.sessions.commit(&session).await,
        Err(Error::Storage(_))
    ));
    site.storage.heal();
    assert_eq!(get::<bool>(&site.open(&jar).await, "kept"), None);
    site.commit(&session).await;
    assert_eq!(get(&site.open(&jar).await, "kept"), Some(true));

    let session = site.open(&jar).await;
    session.destroy();
    site.storage.fail(Verb::Update);
    assert!(matches!(
        site.sessions.commit(&session).await,
        Err(Error::Storage(_))
    ));
    assert!(!site.opens_nothing(&jar).await);
    site.storage.heal();
    assert!(site.commit(&session).await.is_some());
    assert!(site.opens_nothing(&jar).await);
}

pub async fn g6_a_call_whose_answer_is_lost_may_be_made_again<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let lossy = async |session: &Session, verb| {
        site.storage.lose_answers(verb);
        assert!(matches!(
            site.sessions.commit(session).await,
            Err(Error::Storage(_))
        ));
        site.storage.heal();
        site.commit(session).await
    };
    let session = site.open(&None).await;
    session.set("visitor", true);
    let jar = lossy(&session, Verb::Create).await;
    assert_eq!(get(&site.open(&jar).await, "visitor"), Some(true));

    let session = site.open(&jar).await;
    session.set("key", 1);
    lossy(&session, Verb::Update).await;
    assert_eq!(get(&site.open(&jar).await, "key"), Some(1));

    for verb in [Verb::Create, Verb::Update] {
        let jar = site.visitor().await;
        let session = site.open(&jar).await;
        session.set("user", 7);
        session.regenerate_id();
        let new_jar = lossy(&session, verb).await;
        assert!(site.opens_nothing(&jar).await);
        assert_eq!(get(&site.open(&new_jar).await, "user"), Some(7));
    }
    for verb in [Verb::Update, Verb::Delete] {
        let jar = site.visitor().await;
        let session = site.open(&jar).await;
        session.destroy();
        assert_eq!(lossy(&session, verb).await.as_deref(), Some("session="));
        assert!(site.opens_nothing(&jar).await);
    }
}

// G7: expiry is the server's.

// The deadline that a storage gives may be off by a second, where its server counts them from its own start. So limits are
// looked at three seconds before and after; whether a session is expired at its very limit is for the tests of the storage.

pub async fn g7_both_limits_are_checked_on_read<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    site.clock.advance(99 * MINUTE + 57 * SECOND);
    assert!(!site.opens_nothing(&jar).await);
    site.clock.advance(6 * SECOND);
    assert!(
        site.opens_nothing(&jar).await,
        "a session past its idle limit is expired"
    );

    let jar = site.visitor().await;
    for _ in 0..4 {
        site.clock.advance(60 * MINUTE);
        let session = site.open(&jar).await;
        assert!(!session.is_new());
        site.commit(&session).await;
    }
    site.clock.advance(9 * MINUTE + 57 * SECOND);
    assert!(!site.opens_nothing(&jar).await);
    site.clock.advance(6 * SECOND);
    assert!(
        site.opens_nothing(&jar).await,
        "a session past its absolute limit is expired"
    );
}

pub async fn g7_activity_is_written_once_per_tenth_of_the_idle_timeout<B: Backend + Clone>(
    backend: B,
) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    site.counts.take();
    let mut touched_at = Vec::new();
    for minute in 1..=54 {
        site.clock.advance(MINUTE);
        let session = site.open(&jar).await;
        let set_cookie = site.commit(&session).await;
        let calls = site.counts.take();
        // A touch is followed by a look at whether the id is still the browser's.
        assert_eq!(
            calls,
            Calls {
                load: 1 + calls.touch,
                touch: calls.touch,
                ..Calls::default()
            }
        );
        assert_eq!(
            set_cookie.is_some(),
            calls.touch == 1,
            "the cookie's age moves with the deadline"
        );
        if calls.touch > 0 {
            touched_at.push(minute);
        }
    }
    assert_eq!(touched_at.len(), 5);
    for pair in [&[0], &touched_at[..]].concat().windows(2) {
        // The deadline may be off by less than a minute.
        assert!((10..=11).contains(&(pair[1] - pair[0])), "{touched_at:?}");
    }
}

// G12: bounded.

pub async fn g12_a_record_over_its_limit_is_an_error_that_names_its_largest_keys<
    B: Backend + Clone,
>(
    backend: B,
) {
    let mut site = Site::new(backend);
    site.sessions = site.sessions.max_record_bytes(1000);
    let jar = site.visitor().await;
    let session = site.open(&jar).await;
    session.set("small", 1);
    session.set("huge", "x".repeat(900));
    session.set("big", "x".repeat(200));
    let Err(Error::TooLarge { largest, limit, .. }) = site.sessions.commit(&session).await else {
        panic!("1,100 bytes were taken where 1,000 are the limit");
    };
    assert_eq!(limit, 1000);
    assert_eq!(
        largest[..2],
        [("huge".to_owned(), 902), ("big".to_owned(), 202)]
    );
    assert_eq!(site.open(&jar).await.keys(), ["visitor"]);
}

// The session model.

pub async fn flash_values_are_read_once_or_live_for_one_request<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let jar = site.visitor().await;
    let session = site.open(&jar).await;
    session.flash("until_read", 1);
    session.flash_next("next", 2);
    site.commit(&session).await;

    let next = site.open(&jar).await;
    assert_eq!(
        (next.peek("next").ok(), next.has("until_read")),
        (Some(Some(2)), true)
    );
    site.commit(&next).await;

    let after = site.open(&jar).await;
    assert!(
        !after.has("next"),
        "gone after the next request, read or not"
    );
    assert_eq!(get(&after, "until_read"), Some(1));
    site.commit(&after).await;
    assert_eq!(site.open(&jar).await.keys(), ["visitor"]);
}

pub async fn a_session_without_content_is_not_stored<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let session = site.open(&None).await;
    session.set("key", 1);
    session.unset("key");
    session.regenerate_id();
    assert_eq!(site.commit(&session).await, None);
    session.destroy();
    assert_eq!(site.commit(&session).await, None);
    assert_eq!(site.counts.take(), Calls::default());
}

pub async fn calls_are_as_few_as_documented<B: Backend + Clone>(backend: B) {
    let site = Site::new(backend);
    let none = Calls::default();
    let jar = site.visitor().await;
    assert_eq!(site.counts.take(), Calls { create: 1, ..none }, "new: 1");

    let session = site.open(&jar).await;
    site.commit(&session).await;
    assert_eq!(site.counts.take(), Calls { load: 1, ..none }, "read: 1");

    let session = site.open(&jar).await;
    session.set("key", 1);
    site.commit(&session).await;
    assert_eq!(
        site.counts.take(),
        Calls {
            load: 1,
            update: 1,
            ..none
        },
        "write: 2"
    );

    let session = site.open(&jar).await;
    session.regenerate_id();
    let jar = site.commit(&session).await;
    assert_eq!(
        site.counts.take(),
        Calls {
            load: 1,
            create: 1,
            update: 1,
            ..none
        },
        "new id: 3"
    );

    let session = site.open(&jar).await;
    session.destroy();
    site.commit(&session).await;
    assert_eq!(
        site.counts.take(),
        Calls {
            load: 1,
            update: 1,
            delete: 1,
            ..none
        },
        "destroy: 3"
    );
}
