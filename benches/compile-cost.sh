#!/usr/bin/env bash
# What `#[derive(SessionSchema)]` costs to compile: `cargo check` of 100 structs of 10 fields with it, against the same structs
# with serde's `Serialize` and `Deserialize`, and against an empty crate. Dependencies are built before and not counted.
#
#   benches/compile-cost.sh [RUNS]     the best of so many runs each, by default 7
#
# Aim: at most 1.5 times serde's two derives.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
runs=${1:-7}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CARGO_TARGET_DIR=$folder/target CARGO_TERM_COLOR=never

crate() {
    mkdir -p "$folder/$1/src"
    cat >"$folder/$1/Cargo.toml" <<MANIFEST
[package]
name = "cost-$1"
version = "0.0.0"
edition = "2024"

[lib]
path = "src/lib.rs"

[dependencies]
serde = { version = "1", features = ["derive"] }
session = { path = "$repository/session", default-features = false, features = ["derive"] }
MANIFEST
}

# 100 structs of 10 fields; the arguments are what stands above each, above its list and above its message.
structs() {
    local number
    for number in $(seq 100); do
        cat <<STRUCT
#[derive($1)]
pub struct Schema$number {
    pub user_id: Option<u64>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub visits: Option<u32>,
    pub is_admin: Option<bool>,
    pub rate: Option<f64>,
    $2
    pub cart: Vec<String>,
    $2
    pub theme: String,
    pub tags: Option<Vec<u64>>,
    $3
    pub notice: Option<String>,
}
STRUCT
    done
}

cat >"$folder/Cargo.toml" <<'MANIFEST'
[workspace]
members = ["empty", "serde", "session"]
resolver = "3"
MANIFEST
cp "$repository/Cargo.lock" "$folder/"
for name in empty serde session; do
    crate "$name"
done
: >"$folder/empty/src/lib.rs"
structs "serde::Serialize, serde::Deserialize" "" "" >"$folder/serde/src/lib.rs"
structs "session::SessionSchema" "#[session(default)]" "#[session(flash)]" >"$folder/session/src/lib.rs"

cd "$folder"
CARGO_INCREMENTAL=0 cargo check --quiet --workspace

# Milliseconds of the fastest run.
best() {
    local best= run begun took
    for run in $(seq "$runs"); do
        touch "$1/src/lib.rs"
        begun=$(date +%s%N)
        CARGO_INCREMENTAL=0 cargo check --quiet --offline -p "cost-$1"
        took=$((($(date +%s%N) - begun) / 1000000))
        if [ -z "$best" ] || [ "$took" -lt "$best" ]; then best=$took; fi
    done
    echo "$best"
}

empty=$(best empty)
serde=$(best serde)
session=$(best session)
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
printf 'cargo check, the best of %s runs:\n' "$runs"
printf '  an empty crate                        %5d ms\n' "$empty"
printf '  100 structs, serde'"'"'s two derives       %5d ms\n' "$serde"
printf '  100 structs, the derive SessionSchema %5d ms\n' "$session"
printf 'ratio of the whole checks:              %s\n' "$(ratio "$session" "$serde")"
printf 'ratio of what is over the empty crate:  %s\n' "$(ratio $((session - empty)) $((serde - empty)))"
