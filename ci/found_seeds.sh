#!/usr/bin/env bash
# ci/found_seeds.sh LOCKSTEP_SIM: simulates the seeds of tests/sim/seeds/found.txt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sim=$1 failed=0
while read -r seed _; do
  [[ $seed =~ ^[0-9]+$ ]] || continue
  "$sim" --short --seed "$seed" || failed=1
done <tests/sim/seeds/found.txt
exit $failed
