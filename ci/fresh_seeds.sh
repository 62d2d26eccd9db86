#!/usr/bin/env bash
# ci/fresh_seeds.sh LOCKSTEP_SIM COUNT: short seeds that no run has seen before; says where it starts,
# so that a failure can be repeated whole. LOCKSTEP_FIRST_SEED repeats one.
set -euo pipefail
sim=$1 count=$2
first=${LOCKSTEP_FIRST_SEED:-$(($(od -An -N4 -tu4 /dev/urandom) * 1000))}
echo "fresh seeds from $first; again: $sim --short --seed $first --seeds $count"
exec "$sim" --short --seed "$first" --seeds "$count"
