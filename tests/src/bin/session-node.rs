//! Another process on a storage of sessions, for the tests: it does what each line of its standard input says, and
//! answers with a line. So what overlaps what is up to the test, and nothing has to wait for a time to pass.
//!
//! | line | what it does | answer |
//! |---|---|---|
//! | `open R COOKIE` | begins request R | `known` or `new` |
//! | `set R KEY NUMBER`, `get R KEY`, `regenerate R`, `destroy R` | what its handler does | `done`, of `get` the value |
//! | `commit R` | ends it | the new cookie, or `-` |
//! | `hold R N` | begins to end it, and waits before its storage call N + 1 | `held`; if there are fewer calls, as `commit` |
//! | `release` | goes on with it | as `commit` |
//! | `turn SECONDS` | turns this process's clock | `done` |
//! | `crowd PREFIX COUNT COOKIE` | as many requests at once, each with a key of its own and one update | `done` |
//! | `storm COOKIE...` | writes these sessions until it is killed | a line for each thing that is done |

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead as _, Write as _, stdin, stdout};
use std::sync::Arc;
use std::time::Duration;

use session::storage::BoxBackend;
use session::testing::{Faulty, Gate, TestClock};
use session::{KeyRing, Session, SessionCookie, Sessions};
use tokio::sync::Barrier;
use tokio::task::{JoinHandle, JoinSet};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const COOKIE_NAME: &str = "session";
/// Long, so that a write takes a while.
const PADDING_BYTES: usize = 32 * 1024;

#[tokio::main(worker_threads = 4)]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(secret)) = (arguments.next(), arguments.next()) else {
        return Err("usage: session-node URL SECRET".into());
    };
    let clock = TestClock::new();
    let storage = Faulty::new(tests::backend(&url).await?);
    let cookie = SessionCookie::new(COOKIE_NAME, KeyRing::new(secret)?);
    let sessions = Sessions::new(cookie, storage.clone()).clock(clock.clone());
    let mut node = Node {
        storage,
        sessions,
        clock,
        requests: HashMap::new(),
        held: None,
    };
    for line in stdin().lock().lines() {
        let answer = node.obey(&line?).await?;
        writeln!(stdout(), "{answer}")?;
    }
    Ok(())
}

struct Node {
    storage: Faulty<BoxBackend>,
    sessions: Sessions,
    clock: TestClock,
    requests: HashMap<String, Session>,
    held: Option<(Gate, Ending)>,
}

/// A request that is about to end; it gives what `commit` answers.
type Ending = JoinHandle<Outcome<String>>;

impl Node {
    async fn obey(&mut self, line: &str) -> Outcome<String> {
        let words: Vec<&str> = line.split(' ').collect();
        match *words.as_slice() {
            ["open", name, cookie] => {
                let session = open(&self.sessions, cookie).await?;
                let answer = if session.is_new() { "new" } else { "known" };
                self.requests.insert(name.to_owned(), session);
                return Ok(answer.to_owned());
            }
            ["set", name, key, number] => self.request(name)?.set(key, number.parse::<u64>()?),
            ["get", name, key] => {
                let value: Option<u64> = self.request(name)?.get(key)?;
                return Ok(value.map_or_else(|| "-".to_owned(), |value| value.to_string()));
            }
            ["regenerate", name] => self.request(name)?.regenerate_id(),
            ["destroy", name] => self.request(name)?.destroy(),
            ["commit", name] => return self.end(name)?.await?,
            ["hold", name, calls] => {
                let gate = self.storage.hold_after(calls.parse()?);
                let mut ending = self.end(name)?;
                tokio::select! {
                    biased;
                    () = gate.reached() => {}
                    answer = &mut ending => {
                        // It had fewer calls: the hold is not for the next request.
                        self.storage.hold_after(usize::MAX);
                        return answer?;
                    }
                }
                self.held = Some((gate, ending));
                return Ok("held".to_owned());
            }
            ["release"] => {
                let (gate, ending) = self.held.take().ok_or("nothing is held")?;
                gate.open();
                return ending.await?;
            }
            ["turn", seconds] => self.clock.advance(Duration::from_secs(seconds.parse()?)),
            ["crowd", prefix, count, cookie] => {
                crowd(&self.sessions, prefix, count.parse()?, cookie).await?;
            }
            ["storm", ref cookies @ ..] => storm(&self.sessions, cookies).await?,
            _ => return Err(format!("no such command: {line}").into()),
        }
        Ok("done".to_owned())
    }

    fn end(&mut self, name: &str) -> Outcome<Ending> {
        let session = self.requests.remove(name).ok_or("no such request")?;
        let sessions = self.sessions.clone();
        Ok(tokio::spawn(async move {
            let cookie = commit(&sessions, &session).await?;
            Ok(cookie.unwrap_or_else(|| "-".to_owned()))
        }))
    }

    fn request(&self, name: &str) -> Outcome<&Session> {
        Ok(self.requests.get(name).ok_or("no such request")?)
    }
}

async fn open(sessions: &Sessions, cookie: &str) -> Outcome<Session> {
    Ok(sessions.open([format!("{COOKIE_NAME}={cookie}")]).await?)
}

/// Ends a request; the value of the cookie that it sends, if any.
async fn commit(sessions: &Sessions, session: &Session) -> Outcome<Option<String>> {
    let Some(field) = sessions.commit(session).await? else {
        return Ok(None);
    };
    let pair = field.to_str()?.split(';').next();
    let value = pair.and_then(|pair| pair.split_once('='));
    Ok(value.map(|(_, value)| value.to_owned()))
}

/// All have opened the session before the first one commits.
async fn crowd(sessions: &Sessions, prefix: &str, count: usize, cookie: &str) -> Outcome<()> {
    let barrier = Arc::new(Barrier::new(count));
    let mut requests = JoinSet::new();
    for number in 0..count {
        let (sessions, barrier, cookie) =
            (sessions.clone(), Arc::clone(&barrier), cookie.to_owned());
        let key = format!("{prefix}{number}");
        requests.spawn(async move {
            let session = open(&sessions, &cookie).await?;
            barrier.wait().await;
            session.set(&key, number);
            session.update("count", |count: &mut Option<u64>| {
                *count.get_or_insert(0) += 1;
            });
            commit(&sessions, &session).await.map(drop)
        });
    }
    for outcome in requests.join_all().await {
        outcome?;
    }
    Ok(())
}

/// Writes until the process is killed. A line is said once what it says is stored.
async fn storm(sessions: &Sessions, cookies: &[&str]) -> Outcome<()> {
    let mut writers = JoinSet::new();
    for (index, cookie) in cookies.iter().enumerate() {
        writers.spawn(write_on(sessions.clone(), index, (*cookie).to_owned()));
    }
    writers.spawn(come_and_go(sessions.clone()));
    while let Some(outcome) = writers.join_next().await {
        outcome??;
    }
    Ok(())
}

/// Two values that always change together; every few rounds the id changes, too.
async fn write_on(sessions: Sessions, index: usize, mut cookie: String) -> Outcome<()> {
    for round in 1_u64.. {
        let session = open(&sessions, &cookie).await?;
        write_pair(&session, round);
        if round % 4 == 0 {
            session.regenerate_id_keeping_old(Duration::from_secs(60));
        }
        if let Some(new) = commit(&sessions, &session).await? {
            cookie = new;
        }
        writeln!(stdout(), "wrote {index} {round} {cookie}")?;
    }
    Ok(())
}

/// Sessions that begin and end.
async fn come_and_go(sessions: Sessions) -> Outcome<()> {
    for round in 1_u64.. {
        let session = open(&sessions, "").await?;
        write_pair(&session, round);
        let cookie = commit(&sessions, &session)
            .await?
            .ok_or("a new session has a cookie")?;
        writeln!(stdout(), "began {round} {cookie}")?;
        let session = open(&sessions, &cookie).await?;
        session.destroy();
        commit(&sessions, &session).await?;
        writeln!(stdout(), "ended {round} {cookie}")?;
    }
    Ok(())
}

fn write_pair(session: &Session, round: u64) {
    session.set("first", round);
    session.set("padding", "x".repeat(PADDING_BYTES));
    session.set("second", round);
}
