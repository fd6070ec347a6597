//! Time a request, in process, over the framework's own: all applications in turn, in every round.
//!
//! It is the thread's processor time: what else runs on the computer takes part of the clock, but not of that.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::app::App;
use crate::peers::{Framework, Peer, Storage};
use crate::stats::{Ratio, median};
use crate::work::{KEYS, SESSIONS};

/// Requests that are made ahead, while the clock stands.
const AHEAD: usize = 64;
/// Turns of an application in a round: the median of them stands for the round.
const TURNS: usize = 5;

/// One kind of request.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    path: &'static str,
    with_cookie: bool,
    storage: Storage<'static>,
    /// What our cost over the floor may be, in those of the fastest peer that it is compared with.
    pub(crate) aim: f64,
}

impl Case {
    const fn new(name: &'static str, path: &'static str, with_cookie: bool, aim: f64) -> Self {
        Self {
            name,
            path,
            with_cookie,
            storage: Storage::MEMORY,
            aim,
        }
    }

    const fn in_the_cookie(mut self) -> Self {
        self.storage = Storage::Cookie;
        self
    }
}

pub(crate) const CASES: [Case; 7] = [
    Case::new("no cookie, untouched", "/untouched", false, 0.6),
    Case::new("cookie, untouched", "/untouched", true, 0.6),
    Case::new("read one key", "/read", true, 0.45),
    Case::new("write one key", "/write", true, 0.5),
    Case::new("log in", "/login", false, 0.6),
    Case::new("cookie storage, read", "/read", true, 0.35).in_the_cookie(),
    Case::new("cookie storage, write", "/write", true, 0.35).in_the_cookie(),
];

/// An application and its sessions.
struct Lane {
    app: App,
    framework: Framework,
    cookies: Vec<String>,
    /// Nanoseconds a request, of each round.
    rounds: Vec<f64>,
    turns: Vec<f64>,
}

impl Lane {
    fn new(app: App, framework: Framework, cookies: Vec<String>) -> Self {
        Self {
            app,
            framework,
            cookies,
            rounds: Vec::new(),
            turns: Vec::new(),
        }
    }

    /// One request for each session.
    async fn turn(&mut self, path: &str, with_cookie: bool) {
        let mut took = Duration::ZERO;
        for cookies in self.cookies.chunks(AHEAD) {
            let request = |cookie| self.app.request(path, with_cookie.then_some(cookie));
            let requests: Vec<_> = cookies
                .iter()
                .map(|cookie| request(cookie.as_str()))
                .collect();
            let begun = processor_time();
            for request in requests {
                let response = self.app.call(request).await;
                assert_eq!(response.status(), 200);
                drop(response);
            }
            took += processor_time().saturating_sub(begun);
        }
        self.turns
            .push(nanoseconds(took) / self.cookies.len() as f64);
    }

    fn end_round(&mut self) {
        self.rounds.push(median(std::mem::take(&mut self.turns)));
    }
}

fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(now).expect("it is not negative")
}

fn nanoseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

/// What each library took over its floor, in each round; none where it has no such storage.
pub(crate) type OverFloor = Vec<Option<Vec<f64>>>;

/// What one case took.
pub(crate) struct Found {
    pub(crate) libraries: OverFloor,
    /// The same work without one.
    pub(crate) by_hand: Option<Vec<f64>>,
}

/// Measures one case.
pub(crate) async fn measure(
    case: &Case,
    peers: &[Box<dyn Peer>],
    by_hand: &dyn Peer,
    rounds: usize,
) -> Found {
    let all = peers.iter().map(Box::as_ref).chain([by_hand]);
    let kinds: Vec<_> = all.map(|peer| (peer, KEYS)).collect();
    let mut libraries = over_floor(case, &kinds, rounds).await;
    let by_hand = libraries.pop().flatten();
    Found { libraries, by_hand }
}

/// For each library: reading one key of a session of 100 keys, in times of one of 10.
pub(crate) async fn many_keys(peers: &[Box<dyn Peer>], rounds: usize) -> Vec<Ratio> {
    let case = Case::new("one key of many", "/read", true, 1.3);
    let kinds: Vec<_> = peers
        .iter()
        .flat_map(|peer| [(peer.as_ref(), 10 * KEYS), (peer.as_ref(), KEYS)])
        .collect();
    let over_floor: Vec<_> = over_floor(&case, &kinds, rounds)
        .await
        .into_iter()
        .flatten()
        .collect();
    over_floor
        .chunks(2)
        .map(|pair| Ratio::of(&pair[0], &pair[1]))
        .collect()
}

async fn over_floor(case: &Case, kinds: &[(&dyn Peer, usize)], rounds: usize) -> OverFloor {
    // A case without cookies fills the storages: each round begins with empty ones.
    let fresh = !case.with_cookie;
    let mut floors = Vec::new();
    for framework in Framework::ALL {
        let cookies = vec!["session=none".to_owned(); SESSIONS];
        let app = framework.floor().await;
        floors.push(Lane::new(app, framework, cookies));
    }
    let mut lanes = Vec::new();
    for &(peer, keys) in kinds {
        lanes.push(match peer.app(case.storage).await {
            Some(app) => {
                let cookies = sessions(&app, keys, SESSIONS).await;
                Some(Lane::new(app, peer.framework(), cookies))
            }
            None => None,
        });
    }
    for round in 0..=rounds {
        for (lane, &(peer, _)) in lanes.iter_mut().zip(kinds) {
            if let Some(lane) = lane.as_mut().filter(|_| fresh && round > 0) {
                lane.app = peer.app(case.storage).await.expect("as before");
            }
        }
        let mut all: Vec<&mut Lane> = floors
            .iter_mut()
            .chain(lanes.iter_mut().flatten())
            .collect();
        let first = round % all.len();
        all.rotate_left(first);
        for _ in 0..TURNS {
            for lane in &mut all {
                lane.turn(case.path, case.with_cookie).await;
            }
        }
        for lane in all {
            lane.end_round();
            if round == 0 {
                // To warm up.
                lane.rounds.clear();
            }
        }
    }
    let floor = |framework| {
        let mut floors = floors.iter();
        floors
            .find(|floor: &&Lane| floor.framework == framework)
            .expect("each has one")
    };
    let over = |lane: Lane| {
        let floor = &floor(lane.framework).rounds;
        lane.rounds
            .iter()
            .zip(floor)
            .map(|(took, floor)| took - floor)
            .collect()
    };
    lanes.into_iter().map(|lane| lane.map(over)).collect()
}

/// The cookies of so many new sessions.
pub(crate) async fn sessions(app: &App, keys: usize, count: usize) -> Vec<String> {
    let mut cookies = Vec::new();
    for _ in 0..count {
        cookies.push(app.new_session(keys).await);
    }
    cookies
}
