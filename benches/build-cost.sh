#!/usr/bin/env bash
# What a session library costs to build: `cargo build --release` of a minimal application from nothing, with this library's default
# features, with each peer on axum, and with axum alone; and how many crates it is made of.
#
#   benches/build-cost.sh [ROUNDS]     in turns, so many rounds, by default 3: a few minutes each
#
# Prints, and writes into benches/build-cost.md, ratios of what each adds to axum alone, by the clock and in processor time: the
# median of the rounds. Aim: fewer crates and less time than tower-sessions.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
rounds=${1:-3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CARGO_TARGET_DIR=$folder/target CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0

names=(axum session ruts tower-sessions axum_session)

# A crate by that name: further dependencies, what it uses, the handler's arguments and body, and the layers.
application() {
    mkdir -p "$folder/$1/src"
    cat >"$folder/$1/Cargo.toml" <<MANIFEST
[package]
name = "cost-$1"
version = "0.0.0"
edition = "2024"

[dependencies]
axum = "0.8"
tokio = { version = "1", features = ["macros", "net", "rt-multi-thread"] }
$2
MANIFEST
    cat >"$folder/$1/src/main.rs" <<PROGRAM
use axum::{Router, routing::get};
$3

async fn visits($4) -> String {
    $5
}

#[tokio::main]
async fn main() {
    let app = Router::new().route("/", get(visits))$6;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
PROGRAM
}

application axum "" "" "" '"0".to_owned()' ""
application session \
    "session = { path = \"$repository/session\" }" \
    'use session::{KeyRing, MemoryStorage, Session, SessionCookie, SessionLayer, SessionSchema};
#[derive(SessionSchema)]
struct Visitor {
    #[session(default)]
    visits: u32,
}' \
    'session: Session<Visitor>' \
    'session.update_visits(|visits| *visits += 1); session.visits().to_string()' \
    '.layer(SessionLayer::new(SessionCookie::new("__Host-session", KeyRing::generate().unwrap()), MemoryStorage::new()))'
application ruts \
    'ruts = { version = "0.13", features = ["moka-store"] }
tower-cookies = "0.11"' \
    'use ruts::{CookieOptions, Session, SessionLayer, store::{Ttl, moka::MokaStore}};' \
    'session: Session<MokaStore>' \
    'let visits = session.get::<u32>("visits").await.unwrap().unwrap_or(0) + 1;
    session.set("visits", &visits, Ttl::new(3600).unwrap(), None).await.unwrap();
    visits.to_string()' \
    '.layer(SessionLayer::new(std::sync::Arc::new(MokaStore::builder().build())).with_cookie_options(CookieOptions::build()))
        .layer(tower_cookies::CookieManagerLayer::new())'
application tower-sessions \
    'tower-sessions = "0.15"' \
    'use tower_sessions::{MemoryStore, Session, SessionManagerLayer};' \
    'session: Session' \
    'let visits = session.get::<u32>("visits").await.unwrap().unwrap_or(0) + 1;
    session.insert("visits", visits).await.unwrap();
    visits.to_string()' \
    '.layer(SessionManagerLayer::new(MemoryStore::default()))'
application axum_session \
    'axum_session = "0.22"' \
    'use axum_session::{SessionConfig, SessionLayer, SessionNullPool, SessionNullSession, SessionStore};' \
    'session: SessionNullSession' \
    'let visits = session.get::<u32>("visits").unwrap_or(0) + 1;
    session.set("visits", visits);
    visits.to_string()' \
    '.layer(SessionLayer::new(SessionStore::<SessionNullPool>::new(None, SessionConfig::default()).await.unwrap()))'

members=$(printf '"%s", ' "${names[@]}")
printf '[workspace]\nmembers = [%s]\nresolver = "3"\n' "${members%, }" >"$folder/Cargo.toml"
# The versions that the benchmarks compare.
cp "$repository/Cargo.lock" "$folder/"
cd "$folder"
cargo fetch --quiet

# Milliseconds by the clock and of the processors, into a file a crate.
TIMEFORMAT='%R %U %S'
for _ in $(seq "$rounds"); do
    for name in "${names[@]}"; do
        rm -rf target
        failed=
        { time cargo build --release --quiet --offline -p "cost-$name" 2>build.log || failed=1; } 2>"$name.time"
        if [ -n "$failed" ]; then
            cat build.log >&2
            exit 1
        fi
        awk '{ print $1 * 1000, ($2 + $3) * 1000 }' "$name.time" >>"$name.took"
    done
done

crates() {
    cargo tree --quiet --offline -p "cost-$1" -e normal,build --prefix none --no-dedupe -f '{p}' |
        sed 's/ (\*)$//' | sort -u | grep -vc "^cost-"
}

# The median over the rounds of (a - axum) ÷ (b - axum), of that column.
ratio() {
    paste -d ' ' "$2.took" "$3.took" axum.took |
        awk -v c="$1" '{ printf "%.4f\n", ($c - $(c + 4)) / ($(c + 2) - $(c + 4)) }' | sort -n |
        awk '{ all[NR] = $1 } END { printf "%.2f", all[int((NR + 1) / 2)] }'
}

# How many times the build of axum alone.
whole() {
    paste -d ' ' "$2.took" axum.took | awk -v c="$1" '{ printf "%.4f\n", $c / $(c + 2) }' | sort -n |
        awk '{ all[NR] = $1 } END { printf "%.2f", all[int((NR + 1) / 2)] }'
}

# The benchmarks' page takes it in when it is next written.
{
    printf 'Rounds: %s.\n\n' "$rounds"
    printf '| | crates | time, in builds of axum alone | what ours adds ÷ what it adds, by the clock | in processor time |\n'
    printf '| --- | --- | --- | --- | --- |\n'
    for name in "${names[@]}"; do
        if [ "$name" = axum ] || [ "$name" = session ]; then
            printf '| %s | %s | %s | – | – |\n' "$name" "$(crates "$name")" "$(whole 1 "$name")"
        else
            printf '| %s | %s | %s | %s | %s |\n' \
                "$name" "$(crates "$name")" "$(whole 1 "$name")" "$(ratio 1 session "$name")" "$(ratio 2 session "$name")"
        fi
    done
} | tee "$repository/benches/build-cost.md"
