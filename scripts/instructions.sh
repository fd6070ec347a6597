#!/usr/bin/env bash
# Counts the instructions that a request takes beyond what axum takes without sessions, by callgrind: the same on a busy computer.
#
#   scripts/instructions.sh             fails when a case takes over 3 % more than is recorded, and shows all of them
#   scripts/instructions.sh --record    writes what it finds into benches/instructions/recorded.tsv
#
# SHA-256 is left out: valgrind has no instructions for it, so a program under it computes in software what processors do by
# themselves, and that would hide all else. Another compiler or C library counts a little differently: record anew with those.
set -euo pipefail
cd "$(dirname "$0")/.."

recorded=benches/instructions/recorded.tsv
cases=(memory-stranger memory-untouched memory-read memory-write memory-login cookie-read cookie-write)
most_percent=3
# A request's share is the difference between so many of them and so many: what the program does once falls out.
few=200
many=1200

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

case ${1-} in
    '' | --record) ;;
    *) fail "usage: scripts/instructions.sh [--record]" ;;
esac
command -v valgrind >/dev/null || fail "valgrind is missing; as root: apt-get install valgrind"
cargo build --release --locked --quiet --package instructions
program=${CARGO_TARGET_DIR:-target}/release/instructions
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The instructions of a run of the case, without SHA-256's.
instructions() {
    local file=$folder/$1.$2
    valgrind --tool=callgrind --callgrind-out-file="$file" "$program" "$1" "$2" >"$file.log" 2>&1 ||
        fail "$(cat "$file.log")"
    callgrind_annotate --threshold=100 --auto=no "$file" | awk '
        { gsub(",", "", $1) }
        /PROGRAM TOTALS/ { total = $1 }
        /sha2::/ { total -= $1 }
        END { print total }'
}

a_request() {
    local less more
    less=$(instructions "$1" $few)
    more=$(instructions "$1" $many)
    echo $(((more - less) / (many - few)))
}

floor=$(a_request bare-read)
for name in "${cases[@]}"; do
    printf '%s\t%d\n' "$name" $(($(a_request "$name") - floor))
done >"$folder/found.tsv"

if [ "${1-}" = --record ]; then
    cp "$folder/found.tsv" $recorded
    cat $recorded
    exit
fi
awk -F '\t' -v most=$most_percent '
    NR == FNR { recorded[$1] = $2; next }
    {
        if (!($1 in recorded)) { printf "%-18s %7d instructions, none recorded\n", $1, $2; failed = 1; next }
        percent = 100 * ($2 / recorded[$1] - 1)
        is_over = percent > most
        failed += is_over
        printf "%-18s %7d instructions, %+5.1f %% of the recorded %d%s\n", $1, $2, percent, recorded[$1], is_over ? ": over " most " %" : ""
    }
    END { exit failed > 0 }' $recorded "$folder/found.tsv" ||
    fail "a request takes more instructions than are recorded; if that is meant: scripts/instructions.sh --record"
