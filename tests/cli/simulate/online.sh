#!/usr/bin/env bash
# online.sh LOCKSTEP_SIM: a history that is wrong ends its universe at once, and says so as at the end.
set -euo pipefail
sim=$(realpath "$1")
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
for bug in M75; do
  "$sim" --mutant "$bug" --short --seed 1 --seeds 3 --jobs 1 --shrink-for 0 >out 2>&1 && { echo "$bug passed"; exit 1; }
  grep -q "^FAIL revision certificate" out || { echo "FAILED: $bug is called otherwise"; cat out; exit 1; }
  # The end of a run is at 12.5 simulated seconds or later.
  seconds=$(sed -n 's/^FAIL revision certificate .*vtime=\([0-9]*\)\..*/\1/p' out | sort -n | head -1)
  [ "$seconds" -lt 10 ] || { echo "FAILED: $bug was noticed after $seconds s"; cat out; exit 1; }
done
echo "all is well"
