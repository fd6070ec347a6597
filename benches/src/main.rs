//! This library and its peers on the same work, in one run, as ratios: `cargo run --release -p benches`.
//!
//! It takes some minutes and wants the computer for itself. `--quick` has fewer rounds and sessions, and writes nothing.

mod aim;
mod allocator;
mod app;
mod cases;
mod chart;
mod peers;
mod report;
mod stats;
mod work;

use std::path::Path;

use crate::cases::{allocations, at_once, cores, memory, redis, time};
use crate::report::{Findings, Report};

/// How much is measured.
struct Extent {
    rounds: usize,
    sessions_at_once: usize,
    sessions_in_memory: usize,
}

const FULL: Extent = Extent {
    rounds: 31,
    sessions_at_once: 8,
    sessions_in_memory: 1_000_000,
};
const QUICK: Extent = Extent {
    rounds: 5,
    sessions_at_once: 2,
    sessions_in_memory: 20_000,
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => {
            let report = run(&FULL).await;
            print!("{}", report.tables());
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
            let written = std::fs::write(folder.join("RESULTS.md"), report.page());
            written.expect("the folder of the benchmarks can be written to");
            let written = std::fs::write(folder.join("results.svg"), chart::draw(&report));
            written.expect("as the page");
        }
        ["--quick"] => print!("{}", run(&QUICK).await.tables()),
        // How this program starts itself: see `cases::memory`.
        ["--memory", name, sessions] => {
            let sessions = sessions.parse().expect("a number of sessions");
            memory::child(name, sessions).await;
        }
        _ => {
            eprintln!("usage: benches [--quick]");
            std::process::exit(2);
        }
    }
}

async fn run(extent: &Extent) -> Report {
    let peers = peers::all();
    let by_hand = peers::by_hand();
    let step = |what: &str| eprintln!("measuring: {what}");
    let mut times = Vec::new();
    for case in &time::CASES {
        step(case.name);
        times.push(time::measure(case, &peers, by_hand.as_ref(), extent.rounds).await);
    }
    step("one key of many");
    let many_keys = time::many_keys(&peers, extent.rounds).await;
    step("allocations");
    let allocations = allocations::measure(&peers).await;
    step("requests of one session at once");
    let kept = at_once::measure(&peers, extent.sessions_at_once).await;
    step("two threads");
    let cores = cores::measure(&peers, extent.rounds).await;
    step("Redis");
    let redis = redis::measure(&peers, extent.rounds).await;
    let mut memories = Vec::new();
    for peer in &peers {
        step(&format!("memory, {}", peer.name()));
        memories.push(memory::measure(peer.name(), extent.sessions_in_memory));
    }
    Report::new(
        &peers,
        extent.rounds,
        &Findings {
            times,
            many_keys,
            allocations,
            kept,
            cores,
            redis,
            memories,
            sessions_in_memory: extent.sessions_in_memory,
        },
    )
}
