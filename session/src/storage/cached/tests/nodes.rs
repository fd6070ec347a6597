//! Two nodes with memory of their own before one database, and the whole protocol above them.

use serde::de::DeserializeOwned;

use super::*;
use crate::cookie::SessionCookie;
use crate::expiry::Expiry;
use crate::keys::KeyRing;
use crate::manager::Sessions;
use crate::session::Session;
use crate::testing::Calls;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const NONE: Calls = Calls {
    load: 0,
    create: 0,
    update: 0,
    touch: 0,
    delete: 0,
};

/// A node that serves requests.
struct Site {
    node: Node,
    sessions: Sessions,
}

type Jar = Option<String>;

/// Two sites of one application.
fn two_sites(max_age: Duration) -> (Site, Site) {
    let keys = KeyRing::generate().unwrap();
    let [one, two] = sites(max_age, [&keys, &keys]);
    (one, two)
}

/// Sites of one application, each with keys of its own.
fn sites<const N: usize>(max_age: Duration, keys: [&KeyRing; N]) -> [Site; N] {
    let clock = TestClock::new();
    let stored = MemoryStorage::new().clock(clock.clone());
    keys.map(|keys| {
        let cookie = SessionCookie::new("session", keys.clone());
        let node = Node::of(stored.clone(), clock.clone(), max_age);
        let expiry = Expiry {
            idle: 100 * MINUTE,
            absolute: 250 * MINUTE,
        };
        let sessions = Sessions::new(cookie, node.cached.clone());
        let sessions = sessions.clock(clock.clone()).expiry(expiry);
        Site { node, sessions }
    })
}

impl Site {
    async fn open(&self, jar: &Jar) -> Session {
        self.sessions.open(jar).await.unwrap()
    }

    async fn commit(&self, session: &Session) -> Jar {
        commit(&self.sessions, session).await
    }

    /// A stored session with one key, and the cookie that opens it.
    async fn visitor(&self) -> Jar {
        let session = self.open(&None).await;
        session.set("visitor", true);
        self.commit(&session).await
    }

    async fn opens_nothing(&self, jar: &Jar) -> bool {
        let session = self.open(jar).await;
        session.is_new() && session.is_empty()
    }
}

async fn commit(sessions: &Sessions, session: &Session) -> Jar {
    let field = sessions.commit(session).await.unwrap()?;
    let pair = field.to_str().unwrap().split(';').next();
    pair.map(str::to_owned)
}

fn get<T: DeserializeOwned>(session: &Session, key: &str) -> Option<T> {
    session.get(key).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_requests_to_two_nodes_lose_no_change() {
    let (one, two) = two_sites(MAX_AGE);
    let jar = one.visitor().await;
    assert!(!two.opens_nothing(&jar).await);
    let mut commits = Vec::new();
    for number in 0..64 {
        let site = if number % 2 == 0 { &one } else { &two };
        let (sessions, jar) = (site.sessions.clone(), jar.clone());
        commits.push(tokio::spawn(async move {
            let session = sessions.open(&jar).await.unwrap();
            session.set(&format!("key{number}"), number);
            session.update("count", |count: &mut Option<u32>| {
                *count.get_or_insert(0) += 1;
            });
            commit(&sessions, &session).await
        }));
    }
    for commit in commits {
        commit.await.unwrap();
    }
    one.node.clock.advance(MAX_AGE);
    for site in [&one, &two] {
        let session = site.open(&jar).await;
        for number in 0..64 {
            assert_eq!(get(&session, &format!("key{number}")), Some(number));
        }
        assert_eq!(get(&session, "count"), Some(64));
    }
}

#[tokio::test]
async fn a_commit_that_read_something_old_loads_once_from_the_database() {
    let (one, two) = two_sites(MAX_AGE);
    let jar = one.visitor().await;
    two.open(&jar).await;
    let session = one.open(&jar).await;
    session.set("one", true);
    one.commit(&session).await;

    two.node.counts.take();
    let session = two.open(&jar).await;
    assert_eq!(get::<bool>(&session, "one"), None);
    session.set("two", true);
    two.commit(&session).await;
    let calls = Calls {
        update: 2,
        load: 1,
        ..NONE
    };
    assert_eq!(two.node.counts.take(), calls);
    assert_eq!(two.open(&jar).await.keys(), ["one", "two", "visitor"]);
}

#[tokio::test]
async fn a_touch_looks_at_the_database() {
    let (one, two) = two_sites(HOUR);
    let jar = one.visitor().await;
    assert!(!two.opens_nothing(&jar).await);
    one.node.clock.advance(11 * MINUTE);
    two.node.counts.take();
    let session = two.open(&jar).await;
    assert!(two.commit(&session).await.is_some());
    let calls = Calls {
        touch: 1,
        load: 1,
        ..NONE
    };
    assert_eq!(two.node.counts.take(), calls);

    // What it finds may be that the other node has replaced the id: then the old one is not given out again.
    one.node.clock.advance(11 * MINUTE);
    let login = one.open(&jar).await;
    login.regenerate_id();
    assert!(one.commit(&login).await.is_some());
    let session = two.open(&jar).await;
    assert!(!session.is_new());
    assert_eq!(two.commit(&session).await, None);
}

#[tokio::test]
async fn what_this_node_ends_is_not_read_here_again() {
    for destroys in [true, false] {
        let (site, _) = two_sites(MAX_AGE);
        let jar = site.visitor().await;
        site.node.clock.advance(MAX_AGE);
        let ending = site.open(&jar).await;
        site.node.clock.advance(MAX_AGE);

        // A request whose load is answered after the session has ended.
        let answer = site.node.answers.hold_after(0);
        let (sessions, old_jar) = (site.sessions.clone(), jar.clone());
        let opening = tokio::spawn(async move { sessions.open(&old_jar).await.unwrap() });
        answer.reached().await;
        if destroys {
            ending.destroy();
        } else {
            ending.regenerate_id();
        }
        let new_jar = site.commit(&ending).await;
        answer.open();
        assert!(!opening.await.unwrap().is_new());

        assert!(site.opens_nothing(&jar).await);
        assert_eq!(site.opens_nothing(&new_jar).await, destroys);
    }
}

#[tokio::test]
async fn a_log_out_shows_on_another_node_at_the_largest_age_at_the_latest() {
    let (one, two) = two_sites(MAX_AGE);
    let jar = one.visitor().await;
    assert!(!two.opens_nothing(&jar).await);
    let logout = one.open(&jar).await;
    logout.destroy();
    one.commit(&logout).await;
    assert!(one.opens_nothing(&jar).await);

    two.node.clock.advance(4 * SECOND);
    assert_eq!(get(&two.open(&jar).await, "visitor"), Some(true));
    two.node.clock.advance(SECOND);
    assert!(two.opens_nothing(&jar).await);
}

/// What a request does to a session that another node ends.
const DEEDS: [fn(&Session); 4] = [
    |session| session.set("late", true),
    Session::regenerate_id,
    |session| session.regenerate_id_keeping_old(MINUTE),
    // The clock stands eleven minutes after the last activity: more than a tenth of the idle timeout.
    |_touched| {},
];

/// Two sites that remember a session, and its cookie, when it is time for a touch.
async fn two_sites_that_remember() -> (Site, Site, Jar) {
    let (one, two) = two_sites(HOUR);
    let jar = one.visitor().await;
    assert!(!two.opens_nothing(&jar).await);
    one.node.clock.advance(11 * MINUTE);
    (one, two, jar)
}

#[tokio::test]
async fn a_log_out_on_another_node_is_not_undone_by_what_is_remembered() {
    for deed in DEEDS {
        let (one, two, jar) = two_sites_that_remember().await;
        let logout = one.open(&jar).await;
        logout.destroy();
        one.commit(&logout).await;

        let late = two.open(&jar).await;
        assert_eq!(get(&late, "visitor"), Some(true));
        deed(&late);
        assert_eq!(two.commit(&late).await, None);
        assert!(one.opens_nothing(&jar).await);
        assert!(two.opens_nothing(&jar).await, "its write has told it");
    }
}

#[tokio::test]
async fn a_log_out_holds_wherever_a_commit_of_another_node_was() {
    for (number, deed) in DEEDS.into_iter().enumerate() {
        for held_one_destroys in [true, false] {
            for point in 0.. {
                let (one, two, jar) = two_sites_that_remember().await;
                let (free, held) = (one.open(&jar).await, two.open(&jar).await);
                let (actor, destroyer) = if held_one_destroys {
                    (&free, &held)
                } else {
                    (&held, &free)
                };
                deed(actor);
                destroyer.destroy();

                let gate = two.node.calls.hold_after(point);
                let sessions = two.sessions.clone();
                let ending = tokio::spawn(async move { commit(&sessions, &held).await });
                let reached = tokio::spawn({
                    let gate = gate.clone();
                    async move { gate.reached().await }
                });
                // Either the commit has ended, or it is held.
                while !ending.is_finished() && !reached.is_finished() {
                    tokio::task::yield_now().await;
                }
                let was_held = !ending.is_finished();
                reached.abort();
                let free_jar = one.commit(&free).await;
                gate.open();
                let held_jar = ending.await.unwrap();

                one.node.clock.advance(HOUR);
                for site in [&one, &two] {
                    for jar in [&jar, &free_jar, &held_jar] {
                        assert!(
                            site.opens_nothing(jar).await,
                            "deed {number}, held before call {point}: it came back"
                        );
                    }
                }
                if !was_held {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_destruction_finds_a_session_that_another_node_has_moved() {
    let (one, two) = two_sites(MAX_AGE);
    let first_jar = one.visitor().await;
    assert!(!two.opens_nothing(&first_jar).await);
    let mut jar = first_jar.clone();
    for _ in 0..3 {
        let session = one.open(&jar).await;
        session.regenerate_id();
        jar = one.commit(&session).await;
        assert!(!two.opens_nothing(&jar).await);
    }
    let logout = two.open(&first_jar).await;
    assert_eq!(get(&logout, "visitor"), Some(true));
    logout.destroy();
    two.commit(&logout).await;
    assert!(two.opens_nothing(&jar).await && two.opens_nothing(&first_jar).await);
    one.node.clock.advance(MAX_AGE);
    assert!(one.opens_nothing(&jar).await);
}

#[tokio::test]
async fn a_replaced_id_shows_another_node_what_was_there_before() {
    let (one, two) = two_sites(MAX_AGE);
    let jar = one.visitor().await;
    assert!(!two.opens_nothing(&jar).await);
    let login = one.open(&jar).await;
    login.set("user", 7);
    login.regenerate_id();
    let new_jar = one.commit(&login).await;
    assert!(one.opens_nothing(&jar).await);

    let late = two.open(&jar).await;
    assert_eq!(late.keys(), ["visitor"]);
    two.node.clock.advance(MAX_AGE);
    assert!(two.opens_nothing(&jar).await);

    // What is written that way joins the session, as the write of a slow request does.
    late.set("late", true);
    assert_eq!(two.commit(&late).await, None);
    let session = two.open(&new_jar).await;
    assert_eq!(session.keys(), ["late", "user", "visitor"]);
}

#[tokio::test]
async fn an_id_that_is_renewed_from_an_old_reading_takes_the_session_along() {
    let (one, two) = two_sites(MAX_AGE);
    let jar = one.visitor().await;
    assert!(!two.opens_nothing(&jar).await);
    let login = one.open(&jar).await;
    login.set("user", 7);
    login.regenerate_id();
    let new_jar = one.commit(&login).await;

    let late = two.open(&jar).await;
    late.regenerate_id();
    let last_jar = two.commit(&late).await;
    one.node.clock.advance(MAX_AGE);
    for site in [&one, &two] {
        assert_eq!(get(&site.open(&last_jar).await, "user"), Some(7));
        assert!(site.opens_nothing(&new_jar).await);
    }
}

#[tokio::test]
async fn a_cookie_that_is_only_renewed_does_not_give_a_replaced_id_out_again() {
    let older = KeyRing::new([7; 32]).unwrap();
    let keys = KeyRing::new([8; 32]).unwrap().accept([7; 32]).unwrap();
    let [before, one, two] = sites(MAX_AGE, [&older, &keys, &keys]);
    let jar = before.visitor().await;
    assert!(!two.opens_nothing(&jar).await);
    let login = one.open(&jar).await;
    login.regenerate_id();
    assert!(one.commit(&login).await.is_some());

    let renewed = two.open(&jar).await;
    assert!(!renewed.is_new());
    assert_eq!(two.commit(&renewed).await, None);
}
