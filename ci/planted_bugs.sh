#!/usr/bin/env bash
# ci/planted_bugs.sh LOCKSTEP_SIM [BUG...]: bugs that the simulator must find soon, or its oracles sleep.
# `lockstep sim --mutants` is the whole table.
set -euo pipefail
sim=$1
shift
[ $# -gt 0 ] || set -- M16 M71 M75
missed=0
for bug in "$@"; do
  "$sim" --mutants --mutant "$bug" --short --seed 1 --seeds 60 --repeats 1 --shrink-for 0 --state "" || missed=$((missed + 1))
done
echo "$missed of $# planted bugs were missed"
[ "$missed" -eq 0 ]
