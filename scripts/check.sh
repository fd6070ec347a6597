#!/usr/bin/env bash
# Everything that CI runs, in one command: formatting, lints, tests, documentation, dependencies.
#
#   scripts/check.sh             all stages
#   scripts/check.sh test docs   those alone; the stages are: format lint test moto doctest docs features worker instructions deny
#   scripts/check.sh benches     the benchmarks' program, linted: not one of all, since it builds the libraries that it compares
#
# What it misses it installs: Debian's packages where it may (as root), the cargo tools from their sources. Where it may
# not, it says what to install and stops. One stage may be skipped, which is said at the end: `worker`, where no compiler for
# WebAssembly is to be had.
set -euo pipefail
cd "$(dirname "$0")/.."

all_stages=(format lint test moto doctest docs features worker instructions deny)
other_stages=(benches)
stages=("${@:-${all_stages[@]}}")
[ $# -gt 0 ] || stages=("${all_stages[@]}")
output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT
started=$SECONDS
counts=()
skipped=()

fail() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

wants() {
    local stage
    for stage in "${stages[@]}"; do
        [ "$stage" != "$1" ] || return 0
    done
    return 1
}

# Runs a stage, shows its output, and then the time it took. What ends with 77 was skipped, and has said why.
stage() {
    local name=$1 begun=$SECONDS status=0
    shift
    wants "$name" || return 0
    printf '\n== %s: %s\n' "$name" "$*"
    "$@" 2>&1 | tee -a "$output/$name" || status=$?
    case $status in
        0) ;;
        77)
            grep -q '^!! SKIPPED: ' "$output/$name" || fail "$name ended with 77 and did not say what it skipped: $*"
            skipped+=("$name: $(sed -n 's/^!! SKIPPED: //p' "$output/$name")")
            ;;
        *) fail "$name failed: $*" ;;
    esac
    printf '== %s: %d s\n' "$name" $((SECONDS - begun))
}

for name in "${stages[@]}"; do
    case " ${all_stages[*]} ${other_stages[*]} " in
        *" $name "*) ;;
        *) fail "there is no stage '$name'; the stages are: ${all_stages[*]} ${other_stages[*]}" ;;
    esac
done

# Tools. The file name of each program, and the package that has it.
is_there() {
    # Debian keeps daemons where an ordinary user's PATH does not look, and PostgreSQL in a folder for each version.
    command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null
}

install_packages() {
    local missing=() program
    while [ $# -gt 0 ]; do
        program=$1 package=$2
        shift 2
        is_there "$program" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        printf '== installing Debian packages: %s\n' "${missing[*]}"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    else
        fail "these are missing; as root: apt-get install ${missing[*]}"
    fi
}

install_cargo_tool() {
    command -v "$1" >/dev/null && return 0
    printf '== installing %s\n' "$1"
    (cd / && cargo install --locked --quiet "$1") || fail "$1 could not be installed; try: cargo install --locked $1"
}

command -v cargo >/dev/null || fail "Rust is missing; install it by rustup: https://rustup.rs"
if wants test; then
    # The servers are started by the tests themselves, on free ports.
    install_packages cc gcc chromium chromium chromedriver chromium-driver \
        redis-server redis-server redis-cli redis-tools memcached memcached \
        postgres postgresql psql postgresql-client mariadbd mariadb-server mariadb mariadb-client
    install_cargo_tool cargo-nextest
fi
if wants moto; then
    install_packages python3 python3-venv
    install_cargo_tool cargo-nextest
fi
! wants features || install_cargo_tool cargo-hack
! wants instructions || install_packages valgrind valgrind
! wants deny || install_cargo_tool cargo-deny
printf '== %s, %s\n' "$(rustc --version)" "$(cargo --version)"

export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
# What names no package is of the workspace's default members: see its manifest.
stage format cargo fmt --all --check
stage format cargo fmt --all --check --manifest-path examples/worker/Cargo.toml
stage lint cargo clippy --all-targets --all-features --locked -- -D warnings
stage lint cargo clippy -p bookshop-frameworks --all-targets --locked -- -D warnings
stage lint cargo clippy -p allocations --all-targets --locked -- -D warnings
stage lint cargo clippy -p tests --test moto --locked -- -D warnings
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/worker \
    stage lint cargo clippy --manifest-path examples/worker/Cargo.toml --workspace --all-targets --locked -- -D warnings
stage test cargo nextest run --all-features --locked
stage test cargo nextest run -p allocations --locked
# The storage for DynamoDB on a second server, which pip installs.
stage moto scripts/moto.sh
stage doctest cargo test --all-features --locked --doc
RUSTDOCFLAGS='-D warnings' stage docs cargo doc --no-deps --all-features --locked
# Each feature alone: what builds only beside another feature fails here.
RUSTFLAGS='-D warnings' CARGO_TARGET_DIR=target/features \
    stage features cargo hack check --package session --each-feature
# The storage for Workers KV, in Cloudflare's own runtime.
stage worker scripts/check-worker.sh
# Fails when a request takes more instructions than are recorded.
stage instructions scripts/instructions.sh
stage benches cargo clippy -p benches --all-targets --locked -- -D warnings
stage deny cargo deny --all-features check bans licenses sources

for name in test moto doctest worker; do
    [ -f "$output/$name" ] || continue
    count=$(grep -E '^ *Summary|^test result:|^== (sessions add|the Worker passed)' "$output/$name" || true)
    [ -z "$count" ] || counts+=("$count")
done
printf '\n== all stages%s passed in %d s\n' "${skipped:+ that were not skipped}" $((SECONDS - started))
[ ${#counts[@]} -eq 0 ] || printf '%s\n' "${counts[@]}"
[ ${#skipped[@]} -eq 0 ] || printf '!! skipped: %s\n' "${skipped[@]}"
