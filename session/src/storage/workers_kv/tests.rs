//! The storage over a map with KV's verbs: as KV is at one place, where a write is usually read at once.

use std::collections::BTreeMap;
use std::mem::take;
use std::sync::Mutex;

use http::HeaderValue;

use super::failure::Failure;
use super::*;
use crate::expiry::Expiry;
use crate::keys::KeyRing;
use crate::manager::Sessions;
use crate::testing::TestClock;
use crate::{SessionCookie, SessionId};

mod faults;
mod requests;

/// A namespace that never ends an entry by itself, so that it is seen who does.
#[derive(Default)]
struct Map(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    entries: BTreeMap<String, Entry>,
    /// The calls, as in `get session:`, without the storage key.
    calls: Vec<String>,
    /// What is wrong with a verb, if anything.
    faults: BTreeMap<&'static str, Fault>,
    /// What comes while a write waits for its second.
    meanwhile: Option<Entry>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    value: String,
    seconds: u64,
}

#[derive(Clone, Copy)]
enum Fault {
    Down,
    /// So many calls come within a second of another write.
    TooSoon(u32),
}

impl Map {
    fn entries(&self) -> BTreeMap<String, Entry> {
        self.0.lock().unwrap().entries.clone()
    }

    fn only_entry(&self) -> Entry {
        let entries = self.entries();
        assert_eq!(entries.len(), 1);
        entries.into_values().next().unwrap()
    }

    fn put_value(&self, value: &str) {
        let mut kept = self.0.lock().unwrap();
        for entry in kept.entries.values_mut() {
            value.clone_into(&mut entry.value);
        }
    }

    fn calls(&self) -> Vec<String> {
        take(&mut self.0.lock().unwrap().calls)
    }

    fn set(&self, verb: &'static str, fault: Fault) {
        self.0.lock().unwrap().faults.insert(verb, fault);
    }

    fn heal(&self) {
        self.0.lock().unwrap().faults.clear();
    }

    /// Notes a call, and fails it if something is wrong.
    fn call(&self, verb: &'static str, name: &str) -> Result<(), Failure> {
        let mut kept = self.0.lock().unwrap();
        let prefix = &name[..name.len() - 64];
        kept.calls.push(format!("{verb} {prefix}"));
        let status = match kept.faults.get_mut(verb) {
            None | Some(Fault::TooSoon(0)) => return Ok(()),
            Some(Fault::Down) => None,
            Some(Fault::TooSoon(left)) => {
                *left -= 1;
                Some(429)
            }
        };
        Err(Failure::Refused { verb, status })
    }
}

impl Namespace for Map {
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        self.call("get", name)?;
        let kept = self.0.lock().unwrap();
        let value = |entry: &Entry| entry.value.clone().into_bytes();
        Ok(kept.entries.get(name).map(value))
    }

    async fn put(&self, name: &str, value: &str, seconds: u64) -> Result<(), Failure> {
        self.call("put", name)?;
        let value = value.to_owned();
        let entry = Entry { value, seconds };
        self.0.lock().unwrap().entries.insert(name.into(), entry);
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), Failure> {
        self.call("delete", name)?;
        self.0.lock().unwrap().entries.remove(name);
        Ok(())
    }

    async fn wait(&self, duration: Duration) {
        let mut kept = self.0.lock().unwrap();
        kept.calls.push(format!("wait {duration:?}"));
        if let Some(entry) = kept.meanwhile.take() {
            *kept.entries.values_mut().next().unwrap() = entry;
        }
    }
}

/// Sessions of ten minutes over a map.
struct Stage {
    map: Arc<Map>,
    sessions: Sessions,
    clock: TestClock,
}

impl Stage {
    fn new() -> Self {
        let map = Arc::new(Map::default());
        let storage = Store {
            namespace: Arc::clone(&map),
            prefix: Arc::from("shop:"),
            refuses_privileged: false,
        };
        let cookie = SessionCookie::new("session", KeyRing::generate().unwrap());
        let clock = TestClock::new();
        let sessions = Sessions::new(cookie, storage).clock(clock.clone());
        Self {
            map,
            sessions: sessions.expiry(idle(600)),
            clock,
        }
    }

    fn idle(self, seconds: u64) -> Self {
        let sessions = self.sessions.clone().expiry(idle(seconds));
        Self { sessions, ..self }
    }

    /// A session with the theme `dark`, and its cookie.
    async fn stored(&self) -> String {
        let session = self.sessions.open([""; 0]).await.unwrap();
        session.set("theme", "dark");
        let cookie = self.commit(&session).await.expect("it is new");
        self.map.calls();
        cookie
    }

    fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    async fn open(&self, cookie: &str) -> Session {
        self.sessions.open([cookie]).await.unwrap()
    }

    /// What the browser is told, if anything, as it will send it.
    async fn commit(&self, session: &Session) -> Option<String> {
        let set_cookie = self.sessions.commit(session).await.unwrap();
        set_cookie.map(|field| pair(&field))
    }

    async fn theme(&self, cookie: &str) -> Option<String> {
        self.open(cookie).await.get("theme").unwrap()
    }
}

fn idle(seconds: u64) -> Expiry {
    Expiry {
        idle: Duration::from_secs(seconds),
        ..Expiry::default()
    }
}

fn pair(set_cookie: &HeaderValue) -> String {
    let field = set_cookie.to_str().unwrap();
    field.split(';').next().unwrap().to_owned()
}
