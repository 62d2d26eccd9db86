#!/usr/bin/env bash
# ci/found_seeds.sh LOCKSTEP_SIM: simulates the seeds of tests/sim/seeds/found.txt, SEED or SEED:PROFILE each.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sim=$1 failed=0
while read -r seed _; do
  [[ $seed =~ ^([0-9]+)(:([a-z]+))?$ ]] || continue
  "$sim" --short --seed "${BASH_REMATCH[1]}" --profile "${BASH_REMATCH[3]:-default}" || failed=1
done <tests/sim/seeds/found.txt
exit $failed
