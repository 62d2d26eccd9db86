#!/usr/bin/env bash
# ci/same_hash.sh LOCKSTEP_SIM: the same seeds in processes that differ in what must not matter
# (where the loader puts things, how large the environment is, how many workers share the seeds)
# must give the same universes, event by event.
set -euo pipefail
sim=$1
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

# One line per seed with its hash, event count and faults, in the order of seeds.
# Seed 99 has TLS between its nodes.
universes() {
  { "$@" --json --short --seed 1 --seeds 4; "$@" --json --short --seed 99; } | sort >"$directory/now" || true
}

universes "$sim" --jobs 2
mv "$directory/now" "$directory/first"
[ "$(wc -l <"$directory/first")" -eq 5 ] || { echo "5 seeds gave $(wc -l <"$directory/first") results"; exit 1; }

compare() {
  cmp -s "$directory/first" "$directory/now" && { echo "same: $1"; return; }
  echo "not the same universes: $1"
  diff <(cut -c1-160 "$directory/first") <(cut -c1-160 "$directory/now") | head -n 8
  exit 1
}

universes "$sim" --jobs 2
compare "a second process"
universes env PADDING="$(head -c 40000 /dev/zero | tr '\0' x)" "$sim" --jobs 1
compare "a larger environment, one worker"
if setarch "$(uname -m)" -R true 2>/dev/null; then
  universes setarch "$(uname -m)" -R "$sim" --jobs 2
  compare "without address space randomization"
else
  echo "skipped: setarch -R is not permitted here"
fi
