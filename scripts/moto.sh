#!/usr/bin/env bash
# A second opinion on DynamoDbStorage: its conformance suite against the server of moto, which pip installs into the target folder.
#
#   scripts/moto.sh
set -euo pipefail
cd "$(dirname "$0")/.."

version=5.2.5
tools=${CARGO_TARGET_DIR:-target}/moto-$version
patience=60

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

command -v python3 >/dev/null || fail "python3 is missing; as root: apt-get install python3-venv"
if [ ! -e "$tools/installed" ]; then
    begun=$SECONDS
    rm -rf "$tools"
    python3 -m venv "$tools" || fail "Python makes no virtual environment; as root: apt-get install python3-venv"
    "$tools/bin/pip" install --quiet --disable-pip-version-check "moto[server,dynamodb]==$version" ||
        fail "moto could not be installed by pip: see above"
    touch "$tools/installed"
    printf 'moto %s is installed: %d s\n' "$version" $((SECONDS - begun))
fi

# Before the server, so that it does not wait.
cargo nextest run --locked --package tests --test moto --no-run

folder=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$tools/bin/moto_server" --host 127.0.0.1 --port "$port" >"$folder/log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT
waiting=$SECONDS
until (: </dev/tcp/127.0.0.1/"$port") 2>/dev/null; do
    kill -0 "$server" 2>/dev/null || fail "moto does not start: $(cat "$folder/log")"
    [ $((SECONDS - waiting)) -lt $patience ] || fail "moto does not answer: $(cat "$folder/log")"
    sleep 0.1
done
MOTO=http://127.0.0.1:$port cargo nextest run --locked --package tests --test moto
