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
# A simulator whose nemesis never strikes finds nothing, and has to be found out by the counts.
if counts=$("$sim" --mutant M68 --short --seed 1 --seeds 20 --require-faults); then
  echo "M68, an idle nemesis, was not noticed"
  missed=$((missed + 1))
elif ! grep -Eq '^ +net.clog .*NEVER' <<<"$counts"; then
  printf 'M68: the run failed for another reason:\n%s\n' "$counts"
  missed=$((missed + 1))
fi
echo "$missed of $(($# + 1)) planted bugs were missed"
[ "$missed" -eq 0 ]
