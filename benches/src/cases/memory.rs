//! Memory a session with a million of them, and what is left when they have expired. A process a library.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::allocator;
use crate::peers::{self, Storage};
use crate::work::KEYS;

/// What one process found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Bytes of resident memory a session.
    pub(crate) resident: f64,
    /// Bytes a session that the program asked its allocator for.
    pub(crate) heap: f64,
    /// The part of the heap that is still held after all have expired, some traffic, and a sweep where there is one.
    pub(crate) left: f64,
}

/// Has a process of its own measure that library.
pub(crate) fn measure(name: &str, sessions: usize) -> Memory {
    let program = std::env::current_exe().expect("this program is a file");
    let output = Command::new(program)
        .args(["--memory", name, &sessions.to_string()])
        .output();
    let output = output.expect("this program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let [resident, heap, left] = numbers[..] else {
        panic!(
            "the memory of {name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    Memory {
        resident,
        heap,
        left,
    }
}

/// In that process: fills the library's memory, and prints.
pub(crate) async fn child(name: &str, sessions: usize) {
    let peers = peers::all();
    let peer = peers
        .iter()
        .find(|peer| peer.name() == name)
        .expect("a library by that name");
    // How long the filling takes, to choose a lifetime that outlasts it.
    let trial = peer
        .app(Storage::MEMORY)
        .await
        .expect("all have memory here");
    let begun = Instant::now();
    let few = (sessions / 50).max(1);
    for _ in 0..few {
        trial.new_session(KEYS).await;
    }
    drop(trial);
    let life = Duration::from_secs((begun.elapsed() * 150).as_secs() + 5);

    allocator::count_from_now_on();
    let app = peer
        .app(Storage::Memory { life: Some(life) })
        .await
        .expect("as before");
    let (resident, heap) = (resident(), allocator::live_bytes());
    let begun = Instant::now();
    for _ in 0..sessions {
        drop(app.get(&format!("/seed/{KEYS}"), None).await);
    }
    assert!(
        begun.elapsed() < life,
        "the first expired before the last was there"
    );
    let each = |bytes: i64| bytes as f64 / sessions as f64;
    let full = allocator::live_bytes() - heap;
    println!("{} {}", each(self::resident() - resident), each(full));

    tokio::time::sleep(life + Duration::from_secs(2)).await;
    // Traffic of a fiftieth, of which each request begins a session; then the sweeper, where there is one.
    for _ in 0..few {
        drop(app.get("/login", None).await);
    }
    peer.sweep().await;
    let left = allocator::live_bytes() - heap;
    println!("{}", left as f64 / full as f64);
}

/// Bytes of memory that this process holds.
fn resident() -> i64 {
    let pages =
        std::fs::read_to_string("/proc/self/statm").expect("Linux says how much memory there is");
    let pages = pages
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<i64>().ok());
    let page = i64::try_from(rustix::param::page_size()).expect("pages are small");
    pages.expect("the second number is the resident pages") * page
}
