//! Commits of one session whose storage calls interleave in every order that the random schedule finds.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use session::testing::TestClock;
use session::{Expiry, KeyRing, MemoryStorage, Session, SessionCookie, Sessions};

use super::cases;
use super::stepwise::{Call, Stepwise, finish};
use super::storages::{ABSOLUTE, IDLE};

pub(super) const RACERS: usize = 3;
/// Each racer has a key of its own.
const KEYS: [&str; RACERS] = ["first", "second", "third"];

/// What a racer does to the session that all have opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Set,
    Count,
    /// The first racer alone puts a flash value there, so that none replaces another's.
    Flash,
    TakeFlash,
    RegenerateId,
    Destroy,
}

#[derive(Debug, Clone)]
pub(super) struct Racer {
    /// Before its commit begins.
    pub(super) before: Vec<Deed>,
    /// While its commit is under way, or around it; a second commit follows.
    pub(super) meanwhile: Vec<Deed>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Turn {
    /// One storage call of a racer's commit.
    Call(usize),
    /// What a racer does meanwhile.
    Act(usize),
}

fn racers() -> impl Strategy<Value = [Racer; RACERS]> {
    let deed = prop_oneof![
        3 => Just(Deed::Set),
        3 => Just(Deed::Count),
        1 => Just(Deed::Flash),
        2 => Just(Deed::TakeFlash),
        2 => Just(Deed::RegenerateId),
        1 => Just(Deed::Destroy),
    ];
    let before = prop::collection::vec(deed.clone(), 0..4);
    let meanwhile = prop::collection::vec(deed, 0..3);
    let racer = (before, meanwhile).prop_map(|(before, meanwhile)| Racer { before, meanwhile });
    prop::array::uniform3(racer)
}

fn schedule() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        8 => (0..RACERS).prop_map(Turn::Call),
        1 => (0..RACERS).prop_map(Turn::Act),
    ];
    prop::collection::vec(turn, 0..40)
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn commits_that_interleave_lose_nothing_and_bring_nothing_back(
        racers in racers(),
        first in schedule(),
        second in schedule(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(race(&racers, &first, &second))?;
    }
}

/// What a request reads and writes under one key while its own commit of that key is under way, and another request's after it.
#[tokio::test]
async fn an_update_on_a_value_that_is_being_written_composes() {
    for begin in [
        (|session: &Session| session.set("count", 1)) as fn(&Session),
        |session| {
            session.clear();
            session.update("count", |count: &mut Option<u64>| *count = Some(1));
        },
    ] {
        let (sessions, _) = sessions();
        let cookie = {
            let session = open(&sessions, None).await;
            session.set("count", 100);
            commit(&sessions, &session).await.unwrap()
        };
        let slow = open(&sessions, Some(&cookie)).await;
        begin(&slow);
        let mut writing = [Call::new(write(slow.clone()))];
        writing[0].go_on().await;
        slow.update("count", |count: &mut Option<u64>| {
            *count = count.map(|count| count + 1);
        });
        finish(&mut writing).await;

        let other = open(&sessions, Some(&cookie)).await;
        other.update("count", |count: &mut Option<u64>| {
            *count = count.map(|count| count + 10);
        });
        commit(&sessions, &other).await;
        commit(&sessions, &slow).await;
        assert_eq!(
            open(&sessions, Some(&cookie)).await.get("count").unwrap(),
            Some(12)
        );
    }
}

#[tokio::test]
async fn a_flash_value_that_is_read_while_it_is_being_written_takes_no_other_one_with_it() {
    let (sessions, _) = sessions();
    let cookie = {
        let session = open(&sessions, None).await;
        session.set("user", 7);
        commit(&sessions, &session).await.unwrap()
    };
    let slow = open(&sessions, Some(&cookie)).await;
    slow.flash("notice", 1);
    let mut writing = [Call::new(write(slow.clone()))];
    writing[0].go_on().await;
    assert_eq!(slow.get("notice").unwrap(), Some(1));
    finish(&mut writing).await;

    let other = open(&sessions, Some(&cookie)).await;
    other.flash("notice", 2);
    commit(&sessions, &other).await;
    commit(&sessions, &slow).await;
    assert_eq!(
        open(&sessions, Some(&cookie)).await.get("notice").unwrap(),
        Some(2)
    );
}

fn sessions() -> (Sessions, TestClock) {
    let clock = TestClock::new();
    let keys = KeyRing::new("a secret of the tests, 32 bytes or more").unwrap();
    let storage = Stepwise(MemoryStorage::new().clock(clock.clone()));
    let expiry = Expiry {
        idle: Duration::from_secs(IDLE),
        absolute: Duration::from_secs(ABSOLUTE),
    };
    let sessions = Sessions::new(SessionCookie::new("session", keys), storage);
    (sessions.expiry(expiry).clock(clock.clone()), clock)
}

pub(super) async fn race(
    racers: &[Racer; RACERS],
    first: &[Turn],
    second: &[Turn],
) -> TestCaseResult {
    let (sessions, clock) = sessions();
    let session = open(&sessions, None).await;
    session.set("user", 7);
    session.flash("notice", 0);
    let cookie = commit(&sessions, &session).await.unwrap();
    // From here on a touch is worth writing.
    clock.advance(Duration::from_secs(IDLE / 10));

    let mut all = Vec::new();
    for (racer, key) in racers.iter().zip(KEYS) {
        let mut one = Running {
            session: open(&sessions, Some(&cookie)).await,
            key,
            done: Vec::new(),
            read: Vec::new(),
        };
        one.act(&racer.before);
        all.push(one);
    }
    let mut commits: Vec<_> = all
        .iter()
        .map(|one| Call::new(write(one.session.clone())))
        .collect();
    let mut waiting: Vec<_> = racers.iter().map(|racer| Some(&racer.meanwhile)).collect();
    for turn in first {
        match *turn {
            Turn::Call(racer) => commits[racer].go_on().await,
            Turn::Act(racer) => {
                if let Some(deeds) = waiting[racer].take() {
                    all[racer].act(deeds);
                }
            }
        }
    }
    finish(&mut commits).await;
    for (one, deeds) in all.iter_mut().zip(waiting) {
        one.act(deeds.map_or(&[], Vec::as_slice));
    }

    let ends = all.iter().map(|one| {
        let (sessions, session) = (sessions.clone(), one.session.clone());
        Call::new(async move { commit(&sessions, &session).await })
    });
    let mut ends: Vec<_> = ends.collect();
    for turn in second {
        if let Turn::Call(racer) = *turn {
            ends[racer].go_on().await;
        }
    }
    finish(&mut ends).await;
    let sent: BTreeSet<String> = ends
        .into_iter()
        .filter_map(|end| end.outcome?)
        .chain([cookie])
        .collect();
    check(&sessions, &all, &sent).await
}

/// What every order of the commits has in common.
async fn check(sessions: &Sessions, all: &[Running], sent: &BTreeSet<String>) -> TestCaseResult {
    let mut shared = Vec::new();
    let mut begun_anew = Vec::new();
    for cookie in sent {
        let session = open(sessions, Some(cookie)).await;
        if session.has("user") {
            shared.push(session);
        } else if !session.is_new() {
            begun_anew.push(session);
        }
    }
    for one in all {
        let Some([sets, counts]) = one.begun_anew() else {
            continue;
        };
        let number = |session: &Session, key| session.get::<usize>(key).unwrap().unwrap_or(0);
        let is_it = |session: &Session| {
            number(session, one.key) == sets && number(session, "count") == counts
        };
        prop_assert!(
            begun_anew.iter().any(is_it),
            "{} began a session anew, and it is not there",
            one.key
        );
    }
    if all.iter().any(|one| one.done.contains(&Deed::Destroy)) {
        prop_assert_eq!(shared.len(), 0, "a destroyed session is back");
        return Ok(());
    }
    prop_assert_eq!(shared.len(), 1, "one cookie opens the session");
    let session = &shared[0];
    let count = all
        .iter()
        .flat_map(|one| &one.done)
        .filter(|&&deed| deed == Deed::Count)
        .count();
    prop_assert_eq!(
        session.get::<usize>("count").unwrap().unwrap_or(0),
        count,
        "an update is lost"
    );
    let notice = all[0].flashes();
    let is_read = all.iter().any(|one| one.read.contains(&notice));
    let left = session.get::<usize>("notice").unwrap();
    prop_assert_eq!(
        left,
        (!is_read).then_some(notice),
        "a flash value is there until it is read"
    );
    for one in all {
        let times = one.done.iter().filter(|&&deed| deed == Deed::Set).count();
        prop_assert_eq!(
            session.get::<usize>(one.key).unwrap().unwrap_or(0),
            times,
            "a key is lost"
        );
    }
    Ok(())
}

/// A racer's request.
struct Running {
    session: Session,
    key: &'static str,
    done: Vec<Deed>,
    /// The flash values that it has read.
    read: Vec<usize>,
}

impl Running {
    fn act(&mut self, deeds: &[Deed]) {
        for deed in deeds {
            self.done.push(*deed);
            match deed {
                Deed::Set => self.session.set(self.key, self.sets()),
                Deed::Count => self.session.update("count", |count: &mut Option<usize>| {
                    *count.get_or_insert(0) += 1;
                }),
                Deed::Flash if self.key == KEYS[0] => self.session.flash("notice", self.flashes()),
                Deed::Flash => {}
                Deed::TakeFlash => self
                    .read
                    .extend(self.session.get::<usize>("notice").unwrap()),
                Deed::RegenerateId => self.session.regenerate_id(),
                Deed::Destroy => self.session.destroy(),
            }
        }
    }

    fn since_destroyed(&self) -> &[Deed] {
        let start = self
            .done
            .iter()
            .rposition(|&deed| deed == Deed::Destroy)
            .map_or(0, |last| last + 1);
        &self.done[start..]
    }

    fn sets(&self) -> usize {
        self.since_destroyed()
            .iter()
            .filter(|&&deed| deed == Deed::Set)
            .count()
    }

    fn flashes(&self) -> usize {
        self.done
            .iter()
            .filter(|&&deed| deed == Deed::Flash)
            .count()
    }

    /// How often it has set its key and counted after it had destroyed the session, which began another one.
    fn begun_anew(&self) -> Option<[usize; 2]> {
        let counts = self
            .since_destroyed()
            .iter()
            .filter(|&&deed| deed == Deed::Count)
            .count();
        let numbers = [self.sets(), counts];
        (self.done.contains(&Deed::Destroy) && numbers != [0, 0]).then_some(numbers)
    }
}

async fn write(session: Session) {
    session.commit().await.unwrap();
}

async fn open(sessions: &Sessions, cookie: Option<&str>) -> Session {
    let field = cookie.map(|cookie| format!("session={cookie}"));
    sessions.open(field).await.unwrap()
}

async fn commit(sessions: &Sessions, session: &Session) -> Option<String> {
    let field = sessions.commit(session).await.unwrap()?;
    let pair = field.to_str().unwrap().split(';').next()?;
    pair.strip_prefix("session=").map(str::to_owned)
}
