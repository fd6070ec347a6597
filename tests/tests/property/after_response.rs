//! A session that outlives its response, beside other requests of the same browser: a commit stores what the browser's
//! cookie still opens, or nothing.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use session::{
    CookieStorage, Error, KeyRing, MemoryStorage, Session, SessionCookie, SessionStorage, Sessions,
};

use super::model::{Value, updated};
use super::step::{Action, action};
use super::{COOKIE_NAME, cases, data};

#[derive(Debug, Clone)]
enum Step {
    /// The stream does something with the session that it has kept.
    Act(Action),
    Commit,
    /// A request comes, does that, and goes.
    Request(Action),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => action().prop_map(Step::Act),
        3 => Just(Step::Commit),
        2 => action().prop_map(Step::Request),
    ];
    prop::collection::vec(step, 1..30)
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn after_the_response_all_of_a_commit_is_stored_or_nothing(begins in any::<bool>(), steps in steps()) {
        run(MemoryStorage::new(), true, begins, &steps)?;
    }

    #[test]
    fn after_the_response_nothing_is_stored_in_the_cookie(begins in any::<bool>(), steps in steps()) {
        run(CookieStorage::new(), false, begins, &steps)?;
    }
}

struct Browser {
    sessions: Sessions,
    cookie: Option<String>,
    value: Value,
}

impl Browser {
    async fn open(&self) -> Session {
        self.sessions.open(self.cookie.as_deref()).await.unwrap()
    }

    /// Ends a request.
    async fn commit(&mut self, session: &Session) {
        if let Some(field) = self.sessions.commit(session).await.unwrap() {
            let field = field.to_str().unwrap();
            let (pair, _) = field.split_once(';').unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
    }

    fn act(&mut self, session: &Session, action: &Action) {
        self.value += 1;
        let value = self.value;
        match *action {
            Action::Get(key) => drop(session.get::<Value>(key).unwrap()),
            Action::Peek(key) => drop(session.peek::<Value>(key).unwrap()),
            Action::Has(key) => _ = session.has(key),
            Action::Set(key) => session.set(key, value),
            Action::Unset(key) => session.unset(key),
            Action::Update(key) => session.update(key, move |there: &mut Option<Value>| {
                *there = Some(updated(*there, value));
            }),
            Action::Flash(key) => session.flash(key, value),
            Action::FlashNext(key) => session.flash_next(key, value),
            Action::Keep(key) => session.keep(key),
            Action::Clear => session.clear(),
            Action::Destroy => session.destroy(),
            Action::RegenerateId => session.regenerate_id(),
            Action::RegenerateIdKeepingOld(grace) => {
                session.regenerate_id_keeping_old(Duration::from_secs(grace));
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(
    storage: impl SessionStorage,
    keeps_records: bool,
    begins: bool,
    steps: &[Step],
) -> TestCaseResult {
    let keys = KeyRing::new("a secret of the tests, 32 bytes or more").unwrap();
    let cookie = SessionCookie::new(COOKIE_NAME, keys);
    let mut browser = Browser {
        sessions: Sessions::new(cookie, storage),
        cookie: None,
        value: 0,
    };
    let kept = browser.open().await;
    if begins {
        kept.set("a", 0);
    }
    browser.commit(&kept).await;
    browser.sessions.headers_sent(&kept);

    // Whether what the browser has is the session that was kept, and whether that one is to end.
    let mut is_same = begins;
    let mut is_doomed = false;
    for step in steps {
        match step {
            Step::Act(action) => {
                is_doomed |= matches!(action, Action::Destroy) && !kept.is_new();
                browser.act(&kept, action);
            }
            Step::Request(action) => {
                let session = browser.open().await;
                is_same &= !session.is_new() && !matches!(action, Action::Destroy);
                browser.act(&session, action);
                browser.commit(&session).await;
            }
            Step::Commit => {
                let before = data(&browser.open().await);
                let (is_dirty, was_new) = (kept.is_dirty(), kept.is_new());
                let committed = kept.commit().await;
                let after = data(&browser.open().await);
                let is_stored = match committed {
                    Ok(()) => is_dirty && !kept.is_new(),
                    Err(Error::HeadersSent) => false,
                    Err(error) => return Err(TestCaseError::fail(error.to_string())),
                };
                prop_assert!(kept.is_new() || !was_new, "no session begins");
                if keeps_records && is_same && is_doomed {
                    prop_assert!(after.is_empty(), "a log-out is carried out");
                    is_same = false;
                } else if keeps_records && is_same && is_stored {
                    prop_assert_eq!(after, data(&kept));
                } else {
                    prop_assert_eq!(after, before);
                }
            }
        }
    }
    Ok(())
}
