//! The tables, and the page that keeps them.

use std::fmt::{Display, Write as _};
use std::process::Command;

use crate::aim::Aim;
use crate::cases::memory::Memory;
use crate::cases::{allocations, redis, time};
use crate::peers::{Framework, Peer};
use crate::stats::Ratio;
use crate::work::AT_ONCE;

/// What a run found, for each library in the order of [`peers::all`](crate::peers::all).
pub(crate) struct Findings {
    pub(crate) times: Vec<time::Found>,
    pub(crate) many_keys: Vec<Ratio>,
    pub(crate) allocations: Vec<Vec<i64>>,
    pub(crate) kept: Vec<usize>,
    pub(crate) cores: Vec<Option<Ratio>>,
    pub(crate) redis: Vec<redis::Found>,
    pub(crate) memories: Vec<Memory>,
    pub(crate) sessions_in_memory: usize,
}

/// The findings, as ratios and texts.
pub(crate) struct Report {
    /// Of the libraries, ours first.
    pub(crate) names: Vec<&'static str>,
    pub(crate) rows: Vec<Row>,
    by_itself: Vec<ByItself>,
    /// Which of the peers stand on axum.
    on_axum: Vec<bool>,
    rounds: usize,
}

/// One line of the table of ratios: ours ÷ each peer's.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) ratios: Vec<Option<Ratio>>,
    /// By hand ÷ each peer's, where that was measured.
    by_hand: Vec<Option<Ratio>>,
    /// What is aimed at, against the best of the peers.
    aim: Option<Aim>,
    /// Whether that is the best of those on axum, where there are any.
    among_axum: bool,
}

/// One line of the table of what each library does by itself.
struct ByItself {
    name: String,
    cells: Vec<String>,
    /// What is aimed at, and our figure.
    aim: Option<(Aim, f64)>,
}

impl Report {
    pub(crate) fn new(peers: &[Box<dyn Peer>], rounds: usize, findings: &Findings) -> Self {
        Self {
            names: peers.iter().map(|peer| peer.name()).collect(),
            rows: rows(findings),
            by_itself: by_itself(peers, findings),
            on_axum: peers[1..]
                .iter()
                .map(|peer| peer.framework() == Framework::Axum)
                .collect(),
            rounds,
        }
    }

    /// Both tables, in Markdown.
    pub(crate) fn tables(&self) -> String {
        let mut text =
            String::from("Ours ÷ theirs, the median of the rounds (and its quartiles):\n\n");
        let names = self.names[1..].iter().map(|name| format!("÷ {name}"));
        line(
            &mut text,
            "",
            names.chain(["÷ the best", "by hand ÷ the best", "aim"].map(String::from)),
        );
        line(&mut text, "---", vec!["---"; self.names.len() + 2]);
        for row in &self.rows {
            let ratios = row.ratios.iter().map(|ratio| dash(ratio.as_ref()));
            let best = row.aim.and_then(|aim| self.best(row, aim));
            let judged = row.aim.zip(best).map(|(aim, (_, best))| aim.judge(best));
            let by_hand = best.and_then(|(peer, _)| Some(row.by_hand.get(peer)?.as_ref()?.median));
            let [best, by_hand] = [best.map(|(_, best)| best), by_hand]
                .map(|figure| dash(figure.map(|figure| format!("{figure:.2}")).as_ref()));
            line(
                &mut text,
                &row.name,
                ratios.chain([best, by_hand, dash(judged.as_ref())]),
            );
        }
        text.push_str("\nEach by itself:\n\n");
        line(&mut text, "", self.names.iter().chain([&"aim"]));
        line(&mut text, "---", vec!["---"; self.names.len() + 1]);
        for row in &self.by_itself {
            let judged = row.aim.map(|(aim, ours)| aim.judge(ours));
            line(
                &mut text,
                &row.name,
                row.cells.iter().chain([&dash(judged.as_ref())]),
            );
        }
        text
    }

    /// Which of the peers is the best, and our ratio to it.
    fn best(&self, row: &Row, aim: Aim) -> Option<(usize, f64)> {
        let of = |axum_alone: bool| {
            let ratios = row.ratios.iter().zip(&self.on_axum).enumerate();
            let ratios = ratios.filter(move |&(_, (_, &on_axum))| on_axum || !axum_alone);
            aim.hardest(
                ratios.filter_map(|(peer, (ratio, _))| Some((peer, ratio.as_ref()?.median))),
            )
        };
        row.among_axum
            .then(|| of(true))
            .flatten()
            .or_else(|| of(false))
    }

    /// The page for the repository.
    pub(crate) fn page(&self) -> String {
        let today = ::time::OffsetDateTime::now_utc().date();
        let rustc = Command::new("rustc").arg("--version").output();
        let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let cpus = std::thread::available_parallelism().map_or(0, usize::from);
        let mut page = String::from(PAGE);
        for (mark, text) in [
            ("{rounds}", self.rounds.to_string()),
            ("{date}", today.to_string()),
            ("{cpus}", cpus.to_string()),
            ("{rustc}", rustc.unwrap_or_default()),
            ("{versions}", versions()),
            ("{tables}", self.tables()),
            ("{builds}", builds()),
        ] {
            page = page.replace(mark, &text);
        }
        page
    }
}

const PAGE: &str = "# Results

<!-- Written by `cargo run --release -p benches`. -->

{date}, {cpus} processors, {rustc}; {versions}.

![What each library costs, in times of this one](results.svg)

{tables}{builds}
## How to read it

- A request's cost is what the library adds to the bare handler of its framework, in processor time of the one thread that
  answers: (ours − axum alone) ÷ (theirs − their framework alone). All take turns in each of {rounds} rounds, and a ratio is taken in
  each round. \"The best\" is the peer on axum that costs least in the first five lines, and any peer below.
- \"By hand\" is no library: the same guarantees on that path (signature or seal, hashed id, expiry, conditional write), written for
  these routes alone. It has no choice of storage, no capacity, no schema, no flash values, no merge of changes to one value, no
  renewal of ids and no commit from tasks. It is what of an aim the work itself takes: no library keeps to an aim that lies below.
- 1,024 sessions in rotation, ten keys and 489 bytes of JSON in each. Everyone has its defaults: ours signs cookies, hashes ids
  and checks expiry; actix-session encrypts its cookie; ruts, tower-sessions and axum_session neither sign nor encrypt theirs.
- Memory is what the process holds, and then what its heap still holds when all have expired, a fiftieth as many new ones have
  begun, and a sweeper has run where the library has one to call. axum_session's own sweep begins an hour after its start.
- ruts keeps memory in moka, without a bound here. actix-session has no memory storage: its figures are with a plain map behind a lock.
- Redis: 64 requests in flight from one thread. tower-sessions' newest store for Redis stands on its release before. axum_session
  is told to keep nothing in the process. ruts' store needs Redis 7.4; its write is run with `EXPIRE` for `HEXPIRE`. Commands are
  those that the server receives; what a script runs inside is none.
- Keys kept: 64 requests of one session at once, each of which reads, waits for 20 ms and adds a key.
- Two threads: how much more two do than one, in times of how much more they do of the bare handler.
";

fn rows(findings: &Findings) -> Vec<Row> {
    let mut rows = Vec::new();
    for (case, times) in time::CASES.iter().zip(&findings.times) {
        let (ours, theirs) = times.libraries.split_first().expect("ours comes first");
        let over = |took: &Option<Vec<f64>>| {
            let ratio =
                |theirs: &Option<Vec<f64>>| Some(Ratio::of(took.as_ref()?, theirs.as_ref()?));
            theirs.iter().map(ratio).collect()
        };
        rows.push(Row {
            name: case.name.to_owned(),
            ratios: over(ours),
            by_hand: over(&times.by_hand),
            aim: Some(Aim::AtMost(case.aim)),
            among_axum: true,
        });
    }
    let (ours, theirs) = findings.memories.split_first().expect("ours comes first");
    let ratio = |theirs: &Memory| Some(Ratio::over([ours.resident / theirs.resident]));
    rows.push(Row {
        name: "memory a session".to_owned(),
        ratios: theirs.iter().map(ratio).collect(),
        by_hand: Vec::new(),
        aim: Some(Aim::AtMost(0.35)),
        among_axum: false,
    });
    for (found, least) in findings.redis.iter().zip([1.3, 1.0]) {
        for (what, series, aim) in [
            ("throughput", &found.throughput, Some(Aim::AtLeast(least))),
            ("wait, p50", &found.p50, None),
            ("wait, p99", &found.p99, None),
        ] {
            let (ours, theirs) = series.split_first().expect("ours comes first");
            rows.push(Row {
                name: format!("{}: {what}", found.name),
                ratios: theirs
                    .iter()
                    .map(|theirs| Some(Ratio::of(ours, theirs)))
                    .collect(),
                by_hand: Vec::new(),
                aim,
                among_axum: false,
            });
        }
    }
    rows
}

fn by_itself(peers: &[Box<dyn Peer>], findings: &Findings) -> Vec<ByItself> {
    let mut lines = Vec::new();
    let mut add = |name: String, cells: Vec<String>, aim| lines.push(ByItself { name, cells, aim });
    for ((name, .., most), counts) in allocations::PATHS.iter().zip(&findings.allocations) {
        let aim = Aim::AtMost(*most);
        let name = format!("allocations over an empty layer: {name}");
        add(name, texts(counts), Some((aim, counts[0] as f64)));
    }
    let memories = &findings.memories;
    let name = format!(
        "bytes a session, of {} (resident)",
        findings.sessions_in_memory
    );
    add(
        name,
        texts(memories.iter().map(|memory| memory.resident.round())),
        None,
    );
    let name = "bytes a session, asked of the allocator".to_owned();
    add(
        name,
        texts(memories.iter().map(|memory| memory.heap.round())),
        None,
    );
    let left = peers.iter().zip(memories).map(|(peer, memory)| {
        let left = format!("{:.0} %", memory.left * 100.0);
        if peer.has_memory() {
            left
        } else {
            dash(None::<&String>)
        }
    });
    let left = left.collect();
    add("of these left after expiry".to_owned(), left, None);
    let name = format!("keys kept of {AT_ONCE} at once");
    let all = Aim::AtLeast(AT_ONCE as f64);
    add(
        name,
        texts(&findings.kept),
        Some((all, findings.kept[0] as f64)),
    );
    let aim = (Aim::AtMost(1.3), findings.many_keys[0].median);
    add(
        "one key of 100 ÷ one of 10".to_owned(),
        texts(&findings.many_keys),
        Some(aim),
    );
    let cores = &findings.cores;
    let aim = cores[0].map(|ratio| (Aim::AtLeast(0.95), ratio.median));
    let cores = cores.iter().map(|ratio| dash(ratio.as_ref()));
    add(
        "two threads ÷ one, ÷ the bare handler's".to_owned(),
        cores.collect(),
        aim,
    );
    for (found, most) in findings.redis.iter().zip([1.0, 2.0]) {
        let name = format!("{}: commands a request", found.name);
        add(
            name,
            texts(&found.commands),
            Some((Aim::AtMost(most), found.commands[0])),
        );
    }
    lines
}

fn line(text: &mut String, first: &str, cells: impl IntoIterator<Item: Display>) {
    let _ = write!(text, "| {first} |");
    for cell in cells {
        let _ = write!(text, " {cell} |");
    }
    text.push('\n');
}

fn texts(values: impl IntoIterator<Item: Display>) -> Vec<String> {
    values.into_iter().map(|value| value.to_string()).collect()
}

fn dash(value: Option<&impl Display>) -> String {
    value.map_or_else(|| "–".to_owned(), ToString::to_string)
}

/// What `build-cost.sh` found when it last ran: it takes minutes by itself, so it is not part of this run.
fn builds() -> String {
    let found = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/build-cost.md"));
    let heading =
        "\nA clean release build of a minimal application, by `benches/build-cost.sh`:\n\n";
    found.map_or_else(|_| String::new(), |found| format!("{heading}{found}"))
}

/// The versions that this program was built with.
fn versions() -> String {
    let lock = include_str!("../../Cargo.lock");
    let version = |name: &str| {
        let entry = format!("\nname = \"{name}\"\nversion = \"");
        let found = lock
            .split(&entry)
            .skip(1)
            .filter_map(|rest| rest.split('"').next());
        format!("{name} {}", found.collect::<Vec<_>>().join(" and "))
    };
    let names = [
        "axum",
        "actix-web",
        "ruts",
        "tower-sessions",
        "axum_session",
        "actix-session",
    ];
    names.map(version).join(", ")
}
