//! Sessions in Redis: commands a request, throughput and waits at 64 requests in flight.

use std::cell::RefCell;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use redis::Client;
use tempfile::TempDir;

use super::time::sessions;
use crate::app::App;
use crate::peers::{Peer, Storage};
use crate::work::{KEYS, SESSIONS};

const IN_FLIGHT: usize = 64;

/// One of the two kinds of request.
pub(crate) struct Found {
    pub(crate) name: &'static str,
    /// For each library: commands that came over the network, a request.
    pub(crate) commands: Vec<f64>,
    /// For each library and round: requests a second, and two quantiles of the wait, in seconds.
    pub(crate) throughput: Vec<Vec<f64>>,
    pub(crate) p50: Vec<Vec<f64>>,
    pub(crate) p99: Vec<Vec<f64>>,
}

/// Measures reads, then writes, of all libraries: all of them have a storage for Redis.
pub(crate) async fn measure(peers: &[Box<dyn Peer>], rounds: usize) -> Vec<Found> {
    let server = Server::start().await;
    let mut lanes = Vec::new();
    for peer in peers {
        let app = peer
            .app(Storage::Redis(&server.url))
            .await
            .expect("all have one for Redis");
        let cookies = sessions(&app, KEYS, SESSIONS).await;
        lanes.push((app, cookies));
    }
    let mut found = Vec::new();
    for (name, path) in [("Redis, read", "/read"), ("Redis, write", "/write")] {
        let mut commands = Vec::new();
        for (app, cookies) in &lanes {
            commands.push(server.commands(app, path, &cookies[0]).await);
        }
        let series = || vec![Vec::new(); lanes.len()];
        let (mut throughput, mut p50, mut p99) = (series(), series(), series());
        for round in 0..=rounds {
            for turn in 0..lanes.len() {
                let lane = (turn + round) % lanes.len();
                let (app, cookies) = &lanes[lane];
                let (rate, mut waits) = load(app, cookies, path).await;
                if round == 0 {
                    // To warm up.
                    continue;
                }
                waits.sort();
                throughput[lane].push(rate);
                p50[lane].push(waits[waits.len() / 2].as_secs_f64());
                p99[lane].push(waits[waits.len() * 99 / 100].as_secs_f64());
            }
        }
        found.push(Found {
            name,
            commands,
            throughput,
            p50,
            p99,
        });
    }
    found
}

/// Keeps 64 requests in flight, each in sessions of its own. Requests a second, and what each took.
async fn load(app: &App, cookies: &[String], path: &str) -> (f64, Vec<Duration>) {
    const TURNS: usize = 4;
    let waits = RefCell::new(Vec::with_capacity(TURNS * cookies.len()));
    let begun = Instant::now();
    let clients = cookies.chunks(cookies.len() / IN_FLIGHT).map(|own| {
        let waits = &waits;
        async move {
            for cookie in std::iter::repeat_n(own, TURNS).flatten() {
                let request = app.request(path, Some(cookie));
                let begun = Instant::now();
                let response = app.call(request).await;
                waits.borrow_mut().push(begun.elapsed());
                assert_eq!(response.status(), 200);
            }
        }
    });
    join_all(clients).await;
    let rate = (TURNS * cookies.len()) as f64 / begun.elapsed().as_secs_f64();
    (rate, waits.into_inner())
}

/// A server of our own, without persistence, on a free port. It ends with this.
struct Server {
    process: Child,
    url: String,
    client: Client,
    _folder: TempDir,
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("there is a free port").port();
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .arg("--dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let url = format!("redis://127.0.0.1:{port}");
        let client = Client::open(url.as_str()).expect("a URL of ours");
        let server = Self {
            process,
            url,
            client,
            _folder: folder,
        };
        for _ in 0..200 {
            if server
                .client
                .get_multiplexed_async_connection()
                .await
                .is_ok()
            {
                return server;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("redis-server does not answer");
    }

    /// Commands that a request sends, by what the server shows of its connections. What a script runs is not sent.
    async fn commands(&self, app: &App, path: &str, cookie: &str) -> f64 {
        const REQUESTS: u32 = 100;
        const END: &str = "the end of the requests";
        drop(app.get(path, Some(cookie)).await);
        let mut monitor = self
            .client
            .get_async_monitor()
            .await
            .expect("the server answers");
        for _ in 0..REQUESTS {
            drop(app.get(path, Some(cookie)).await);
        }
        let mut connection = self
            .client
            .get_multiplexed_async_connection()
            .await
            .expect("the server answers");
        let _: String = redis::cmd("ECHO")
            .arg(END)
            .query_async(&mut connection)
            .await
            .expect("the server answers");
        let mut commands = 0;
        let mut shown = monitor.on_message::<String>();
        while let Some(line) = shown.next().await {
            if line.contains(END) {
                break;
            }
            // What the connection for the end says of itself is not the library's.
            if !line.contains(" lua]") && !line.contains("\"CLIENT\" \"SETINFO\"") {
                commands += 1;
            }
        }
        f64::from(commands) / f64::from(REQUESTS)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
