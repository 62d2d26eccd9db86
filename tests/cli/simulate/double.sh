#!/usr/bin/env bash
# double.sh LOCKSTEP_SIM: two processes agree on every universe, and a universe that depends on addresses is found.
set -euo pipefail
sim=$(realpath "$1")
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
fail() { echo "FAILED: $1"; cat out; exit 1; }
expect() { grep -q -- "$1" out || fail "no '$1' in the output"; }

echo "== twenty universes, twice"
"$sim" --short --seed 1 --seeds 20 --double 100 --jobs 2 >out 2>&1 || fail "it failed"
expect " 20 run twice"

echo "== planted nondeterminism"
"$sim" --short --seed 3 --double 100 --plant-nondeterminism --jobs 1 >out 2>&1 && fail "it passed"
expect "^FAIL determinism"
expect "checkpoints agree up to event 0 "
expect "^  both  event "
# The first divergent event, as each side has it, and they are not the same.
expect "^  usual event .*  by fiber "
[ "$(sed -n 's/^  usual //p' out)" != "$(sed -n 's/^  odd   //p' out)" ] || fail "both sides are the same"
echo "all is well"
