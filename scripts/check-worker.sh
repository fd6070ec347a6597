#!/usr/bin/env bash
# The bookshop as a Cloudflare Worker: builds it, and tests it in Cloudflare's own runtime on this computer, with a KV namespace.
#
#   scripts/check-worker.sh            tests it, and compares its size with that of the same Worker without sessions
#   scripts/check-worker.sh --serve    serves it to a browser until Ctrl-C, on the port PORT (8787), with SESSION_STORAGE=kv or cookie
#
# What it misses it installs: the compiler's target by rustup, Debian's packages where it may (as root), miniflare by npm. All that
# is built is in the target folder. It ends with 77 where no compiler for WebAssembly is to be had: then nothing was tested.
set -euo pipefail
cd "$(dirname "$0")/.."

example=examples/worker
mkdir -p "${CARGO_TARGET_DIR:-target}/worker"
folder=$(cd "${CARGO_TARGET_DIR:-target}/worker" && pwd)
built=$folder/built
wasm_target=wasm32-unknown-unknown
# What sessions may add to the Worker, in bytes of gzip: so it is sent, and so Cloudflare's tools state it beside the raw size.
most_bytes=150000

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

case ${1-} in
    '' | --serve) ;;
    *) fail "usage: scripts/check-worker.sh [--serve]" ;;
esac

may_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

install_packages() {
    may_install || return 1
    printf '== installing Debian packages: %s\n' "$*"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# The compiler that rustup or the system has, if it has the target's standard library.
has_target() {
    ! command -v rustup >/dev/null || rustup target add $wasm_target || true
    command -v rustc >/dev/null && [ -d "$(rustc --print target-libdir --target $wasm_target)" ]
}

# Debian has a recent compiler for its browsers, and the standard library's sources: that is built, too.
has_debians_compiler() {
    [ -x /usr/bin/wasm-ld-19 ] && dpkg -s rustc-web rust-web-src cargo-web >/dev/null 2>&1 ||
        install_packages rustc-web rust-web-src cargo-web lld-19 || return 1
    local minor
    minor=$(/usr/bin/rustc --version | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p')
    # What the crate `worker` needs.
    [ "${minor:-0}" -ge 91 ]
}

if has_target; then
    compile=(cargo build)
elif has_debians_compiler; then
    # The sources of a standard library are for its own compiler, which has to be told that it may use what is not stable.
    compile=(env -u RUSTUP_TOOLCHAIN RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=wasm-ld-19 /usr/bin/cargo build -Z build-std=std,panic_abort)
else
    printf '\n!! SKIPPED: no compiler for %s\n!! %s\n' $wasm_target \
        'by rustup: rustup target add wasm32-unknown-unknown; on Debian, as root: apt-get install rustc-web rust-web-src cargo-web lld-19' >&2
    exit 77
fi

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    install_packages nodejs npm || fail "Node and npm are missing; as root: apt-get install nodejs npm"
fi
[ "$(node -p 'parseInt(process.versions.node)')" -ge 20 ] || fail "Node $(node --version) is too old: miniflare takes 20 or newer"

begun=$SECONDS
# Beside the Worker the same one without sessions. Each alone: what one needs of a shared crate is not the other's.
for package in bookshop-worker without-sessions; do
    CARGO_TARGET_DIR=$folder "${compile[@]}" --manifest-path $example/Cargo.toml --locked --release \
        --target $wasm_target --package $package
done
bindgen() {
    CARGO_TARGET_DIR=$folder cargo run --manifest-path $example/Cargo.toml --locked --quiet --package bindgen -- \
        "$folder/$wasm_target/release/$1.wasm" "$2"
}
rm -rf "$built" "$folder/without-sessions"
bindgen bookshop_worker "$built"
bindgen without_sessions "$folder/without-sessions"
cp $example/test/shim.js "$built"
printf '== built: %d s\n' $((SECONDS - begun))

export MINIFLARE=$folder/miniflare
if ! cmp -s $example/package-lock.json "$MINIFLARE/installed"; then
    mkdir -p "$MINIFLARE"
    cp $example/package.json $example/package-lock.json $example/.npmrc "$MINIFLARE"
    npm ci --prefix "$MINIFLARE" || fail "miniflare could not be installed by npm: see above"
    cp $example/package-lock.json "$MINIFLARE/installed"
fi

export BUILT_WORKER=$built
[ "${1-}" != --serve ] || exec node $example/test/serve.js

node --test --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$folder/tests.tap" $example/test/*.test.js
# A test that was skipped has not passed.
count() {
    sed -n "s/^# $1 //p" "$folder/tests.tap"
}
[ "$(count pass)" -gt 0 ] && [ "$(count pass)" = "$(count tests)" ] || fail "only $(count pass) of $(count tests) tests passed"

size() {
    stat -c %s "$1/index_bg.wasm"
}
zipped() {
    gzip -9 -c "$1/index_bg.wasm" | wc -c
}
added=$(($(size "$built") - $(size "$folder/without-sessions")))
added_zipped=$(($(zipped "$built") - $(zipped "$folder/without-sessions")))
printf '== %-22s %9s %9s\n' 'wasm module, in bytes' raw gzip \
    'the Worker' "$(size "$built")" "$(zipped "$built")" \
    'without sessions' "$(size "$folder/without-sessions")" "$(zipped "$folder/without-sessions")" \
    'sessions add' $added $added_zipped
[ $added_zipped -lt $most_bytes ] || fail "sessions add more than $most_bytes bytes of gzip"
printf '== the Worker passed: %d tests, 0 skipped\n' "$(count pass)"
