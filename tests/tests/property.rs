//! Random requests that overlap, against a model that says in a few lines what the design promises.
//!
//! A failure shrinks to the shortest list of steps that shows it, which then becomes a test of its own in `found`.

mod after_response;
mod found;
mod model;
mod races;
mod step;
mod stepwise;
mod storages;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use proptest::test_runner::TestCaseResult;
use session::testing::TestClock;
use session::{
    Clock as _, CookieStorage, Expiry, FsStorage, KeyRing, MemoryStorage, Session, SessionCookie,
    SessionStorage, Sessions,
};

use self::model::{Key, Lifetime, Name, Request, Sent, Value, updated};
use self::step::{Action, KEYS, Pick, REQUESTS, Step, steps};
use self::storages::{ABSOLUTE, Cookie, IDLE, Sealed, Server, World};

/// A server's own time limit for a request, in seconds: shorter than the idle timeout, as the library asks for.
const PATIENCE: u64 = 900;
const COOKIE_NAME: &str = "session";

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn requests_that_overlap_in_memory_do_what_the_design_says(steps in steps()) {
        let clock = TestClock::new();
        let storage = MemoryStorage::new().clock(clock.clone());
        check::<Server>(storage, clock, &steps)?;
    }

    #[test]
    fn requests_that_overlap_on_cookies_do_what_the_design_says(steps in steps()) {
        check::<Sealed>(CookieStorage::new(), TestClock::new(), &steps)?;
    }
}

proptest! {
    // Each write waits for the disk.
    #![proptest_config(cases(32))]

    #[test]
    fn requests_that_overlap_on_files_do_what_the_design_says(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let clock = TestClock::new();
        let storage = FsStorage::new(folder.path()).unwrap().clock(clock.clone());
        check::<Server>(storage, clock, &steps)?;
    }
}

/// So many cases, the same in every run, so that a change is judged by what it changes. `PROPTEST_CASES` asks for more, and
/// `PROPTEST_RNG_SEED` for others: look for new ones by both.
fn cases(cases: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    let is_set = |variable| std::env::var_os(variable).is_some();
    ProptestConfig {
        cases: if is_set("PROPTEST_CASES") {
            config.cases
        } else {
            cases
        },
        rng_seed: if is_set("PROPTEST_RNG_SEED") {
            config.rng_seed
        } else {
            RngSeed::Fixed(2026)
        },
        // No files beside the sources: what fails is printed, and becomes a test with a name.
        failure_persistence: None,
        ..config
    }
}

fn check<W: World>(
    storage: impl SessionStorage,
    clock: TestClock,
    steps: &[Step],
) -> TestCaseResult {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut run = Run::<W>::new(storage, clock);
    runtime.block_on(async {
        for step in steps {
            run.step(step).await?;
        }
        for request in 0..REQUESTS {
            run.end(request).await?;
        }
        Ok(())
    })
}

/// The library and the model, side by side.
struct Run<W> {
    sessions: Sessions,
    clock: TestClock,
    start: SystemTime,
    model: W,
    requests: [Option<Pair>; REQUESTS],
    /// Every cookie that was ever sent, in this order, and what the model calls it.
    sent: Vec<(String, Name)>,
    /// What the browser has.
    jar: Option<usize>,
    /// The last value that was given out.
    value: Value,
}

/// One request, as the library sees it and as the model does.
struct Pair {
    session: Session,
    model: Request,
    opened: u64,
}

impl<W: World> Run<W> {
    fn new(storage: impl SessionStorage, clock: TestClock) -> Self {
        let keys = KeyRing::new("a secret of the tests, 32 bytes or more").unwrap();
        let expiry = Expiry {
            idle: Duration::from_secs(IDLE),
            absolute: Duration::from_secs(ABSOLUTE),
        };
        Self {
            sessions: Sessions::new(SessionCookie::new(COOKIE_NAME, keys), storage)
                .expiry(expiry)
                .clock(clock.clone()),
            start: clock.now(),
            clock,
            model: W::default(),
            requests: Default::default(),
            sent: Vec::new(),
            jar: None,
            value: 0,
        }
    }

    async fn step(&mut self, step: &Step) -> TestCaseResult {
        match step {
            Step::Open(request, pick) => self.open(*request, pick).await,
            Step::Act(request, action) => {
                self.ensure_open(*request).await?;
                self.act(*request, action)
            }
            Step::Commit(request) => {
                self.ensure_open(*request).await?;
                self.commit(*request).await
            }
            Step::End(request) => self.end(*request).await,
            Step::Drop(request) => {
                self.requests[*request] = None;
                self.check_cookies().await
            }
            Step::Wait(seconds) => {
                self.clock.advance(Duration::from_secs(*seconds));
                let now = self.now();
                for request in &mut self.requests {
                    request.take_if(|pair| now - pair.opened >= PATIENCE);
                }
                self.check_cookies().await
            }
        }
    }

    async fn ensure_open(&mut self, request: usize) -> TestCaseResult {
        match self.requests[request] {
            Some(_) => Ok(()),
            None => self.open(request, &Pick::Latest).await,
        }
    }

    async fn open(&mut self, request: usize, pick: &Pick) -> TestCaseResult {
        let named = |index: usize| {
            (
                Some(self.sent[index].0.clone()),
                Cookie::Named(self.sent[index].1),
            )
        };
        let (value, cookie) = match pick {
            Pick::Latest => self.jar.map_or((None, Cookie::None), named),
            Pick::Known(_) | Pick::Forged if self.sent.is_empty() => (None, Cookie::None),
            Pick::Known(index) => named(index % self.sent.len()),
            Pick::None => (None, Cookie::None),
            Pick::Forged => {
                // The last character of a text in base64url may hold bits that nobody reads; the first one has none.
                let mut value = self.sent[0].0.clone();
                let other = if value.starts_with('A') { "B" } else { "A" };
                value.replace_range(..1, other);
                (Some(value), Cookie::Worthless)
            }
        };
        let now = self.now();
        let pair = Pair {
            session: self.read(value.as_deref()).await,
            model: self.model.open(cookie, now),
            opened: now,
        };
        pair.check("open")?;
        self.requests[request] = Some(pair);
        Ok(())
    }

    fn act(&mut self, request: usize, action: &Action) -> TestCaseResult {
        let now = self.now();
        self.value += 1;
        let value = self.value;
        let Some(Pair { session, model, .. }) = &mut self.requests[request] else {
            return Ok(());
        };
        if model.is_orphaned && !matches!(action, Action::Destroy) {
            // What a handler sees of a session that ended under it is nobody's promise; what it writes is lost.
            session.set("lost", value);
            return Ok(());
        }
        match *action {
            Action::Get(key) => prop_assert_eq!(session.get(key).unwrap(), model.get(key)),
            Action::Peek(key) => prop_assert_eq!(session.peek(key).unwrap(), model.view.get(key)),
            Action::Has(key) => prop_assert_eq!(session.has(key), model.view.get(key).is_some()),
            Action::Set(key) => {
                session.set(key, value);
                model.set(key, value);
            }
            Action::Unset(key) => {
                session.unset(key);
                model.unset(key);
            }
            Action::Update(key) => {
                session.update(key, move |there: &mut Option<Value>| {
                    *there = Some(updated(*there, value));
                });
                model.update(key, value);
            }
            Action::Flash(key) => {
                session.flash(key, value);
                model.flash(key, value, Lifetime::UntilRead);
            }
            Action::FlashNext(key) => {
                session.flash_next(key, value);
                model.flash(key, value, Lifetime::NextRequest);
            }
            Action::Keep(key) => {
                session.keep(key);
                model.keep(key);
            }
            Action::Clear => {
                session.clear();
                model.clear();
            }
            Action::Destroy => {
                session.destroy();
                model.destroy(now);
            }
            Action::RegenerateId => {
                session.regenerate_id();
                model.regenerate(0);
            }
            Action::RegenerateIdKeepingOld(grace) => {
                session.regenerate_id_keeping_old(Duration::from_secs(grace));
                model.regenerate(grace);
            }
        }
        self.requests[request]
            .as_ref()
            .map_or(Ok(()), |pair| pair.check("act"))
    }

    async fn commit(&mut self, request: usize) -> TestCaseResult {
        let now = self.now();
        let Some(pair) = &mut self.requests[request] else {
            return Ok(());
        };
        pair.session.commit().await.unwrap();
        self.model.commit(&mut pair.model, now);
        pair.check("commit")?;
        self.check_cookies().await
    }

    async fn end(&mut self, request: usize) -> TestCaseResult {
        let Some(mut pair) = self.requests[request].take() else {
            return Ok(());
        };
        let set_cookie = self.sessions.commit(&pair.session).await.unwrap();
        let set_cookie = set_cookie.map(|field| field.to_str().unwrap().to_owned());
        self.model.commit(&mut pair.model, self.now());
        pair.check("end")?;
        self.receive(set_cookie.as_deref(), pair.model.take_sent())?;
        self.check_cookies().await
    }

    /// Hands the response to the browser.
    fn receive(&mut self, set_cookie: Option<&str>, sent: Sent) -> TestCaseResult {
        let (value, name) = match (set_cookie, sent) {
            (None, Sent::Nothing | Sent::Perhaps(_)) => return Ok(()),
            (Some(field), Sent::Removal) => {
                prop_assert!(field.contains("Max-Age=0"), "the cookie is not removed");
                self.jar = None;
                return Ok(());
            }
            (Some(field), Sent::Cookie(name) | Sent::Perhaps(name)) => {
                prop_assert!(!field.contains("Max-Age=0"), "the cookie is removed");
                let pair = field.split(';').next().unwrap_or_default();
                (
                    pair.strip_prefix("session=").unwrap_or_default().to_owned(),
                    name,
                )
            }
            (set_cookie, sent) => {
                let is_there = set_cookie.is_some();
                return Err(TestCaseError::fail(format!(
                    "Set-Cookie: {is_there}, expected: {sent:?}"
                )));
            }
        };
        let by_value = self.sent.iter().position(|(known, _)| *known == value);
        let by_name = self.sent.iter().position(|&(_, known)| known == name);
        prop_assert_eq!(by_value, by_name, "the cookie of another session was sent");
        self.jar = by_value.or_else(|| {
            self.sent.push((value, name));
            Some(self.sent.len() - 1)
        });
        Ok(())
    }

    /// Asks what every cookie that was ever sent opens now.
    async fn check_cookies(&self) -> TestCaseResult {
        let now = self.now();
        for (index, (value, name)) in self.sent.iter().enumerate() {
            let session = self.read(Some(value)).await;
            let expected = self.model.read(*name, now);
            let expires = expected.as_ref().map(|(_, expires)| *expires);
            let shown = expected.map_or_else(BTreeMap::new, |(request, _)| request.view.shown());
            prop_assert_eq!(data(&session), shown, "cookie {}", index);
            prop_assert_eq!(session.is_new(), expires.is_none(), "cookie {}", index);
            if expires.is_some() {
                let left = session.expires_at().duration_since(self.start).unwrap();
                prop_assert_eq!(Some(left.as_secs()), expires, "cookie {}", index);
            }
        }
        Ok(())
    }

    async fn read(&self, value: Option<&str>) -> Session {
        let field = value.map(|value| format!("{COOKIE_NAME}={value}"));
        self.sessions.open(field).await.unwrap()
    }

    /// Seconds since the start.
    fn now(&self) -> u64 {
        self.clock
            .now()
            .duration_since(self.start)
            .unwrap()
            .as_secs()
    }
}

impl Pair {
    fn check(&self, after: &str) -> TestCaseResult {
        if self.model.is_orphaned {
            return Ok(());
        }
        prop_assert_eq!(
            data(&self.session),
            self.model.view.shown(),
            "after {}",
            after
        );
        prop_assert_eq!(
            self.session.is_new(),
            self.model.is_new(),
            "after {}",
            after
        );
        Ok(())
    }
}

fn data(session: &Session) -> BTreeMap<&'static str, Value> {
    let data = session.data();
    let get = |key: Key| {
        data.get(key)
            .and_then(serde_json::Value::as_u64)
            .map(|value| (key, value))
    };
    let known: BTreeMap<_, _> = KEYS.into_iter().filter_map(get).collect();
    assert_eq!(
        data.as_object().unwrap().len(),
        known.len(),
        "only what was set is there"
    );
    known
}
