#!/usr/bin/env bash
# ci/check_no_interposition.sh LOCKSTEP LOCKSTEP_SIM: the simulator's stand-ins for the real world's functions are
# in the simulator only. Their names come from its own object, so that none is forgotten.
set -euo pipefail
lockstep=$1 sim=$2
object=$(find "$(dirname "$lockstep")/../sim" -name 'interpose.cc.o' | head -n 1)
[ -n "$object" ] || { echo "no interpose.cc.o beside $lockstep"; exit 1; }

defined() { nm "$1" | awk '$2 ~ /^[TWtwDBV]$/ { print $3 }' | sort -u; }
# Strong symbols that only the C library or RocksDB would define otherwise. (Weak ones are instantiations of templates.)
names=$(nm --defined-only --extern-only "$object" | awk '$2 == "T" { print $3 }' | grep -v '_ZN.*8lockstep' | sort -u)
[ "$(wc -l <<<"$names")" -ge 10 ] || { echo "only these are interposed, which cannot be: $names"; exit 1; }

in_sim=$(comm -12 <(echo "$names") <(defined "$sim") | wc -l)
[ "$in_sim" -ge 10 ] || { echo "$sim interposes $in_sim functions only"; exit 1; }
in_lockstep=$(comm -12 <(echo "$names") <(defined "$lockstep"))
[ -z "$in_lockstep" ] || { echo "$lockstep defines what only the simulator may:" $in_lockstep; exit 1; }
echo "$in_sim functions are interposed in lockstep-sim, none in lockstep"
