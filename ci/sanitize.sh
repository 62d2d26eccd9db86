#!/usr/bin/env bash
# ci/sanitize.sh BUILD [address|thread] [--build-only]: tests under sanitizers, in BUILD-asan (addresses and undefined
# behaviour: unit tests, ten short seeds) and BUILD-tsan (threads: those of the folders that have any).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$1 kinds=(address thread) build_only=
for word in "${@:2}"; do
  case $word in
    address|thread) kinds=("$word") ;;
    --build-only) build_only=yes ;;
    *) echo "sanitize: unknown '$word'; known are address, thread and --build-only" >&2; exit 2 ;;
  esac
done
jobs=${LOCKSTEP_JOBS:-$(nproc)}
# Fibers swap stacks, so that the use of one after its return cannot be told from a switch.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=0:strict_string_checks=1}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1}

# The names of the unit tests' executables that match, as ctest knows them in the normal build.
tests_matching() {
  ctest --test-dir "$build" -N -R "$1" | sed -n 's/^ *Test *#[0-9]*: \([a-z0-9_]*_test\)$/\1/p' | grep -Ev '^check_'
}

make_tree() {
  local tree=$1 sanitizers=$2; shift 2
  export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
  [ -f "$tree/build.ninja" ] ||
    cmake -S . -B "$tree" -G Ninja -DLOCKSTEP_SANITIZE="$sanitizers" -DLOCKSTEP_OPTIMIZE=-O1 >/dev/null
  ninja -C "$tree" -j "$jobs" "$@"
}

for kind in "${kinds[@]}"; do
  if [ "$kind" = address ]; then
    tree=$build-asan
    # What is built twice must be worth it: the folders whose code runs in nodes, and the oracles.
    mapfile -t tests < <(tests_matching '^(fiber|raft|wire|replica|replica_log|store|edge|net|disk|checkers|cluster|kv|docs_bson|docs_query|docs_store)_test$')
    make_tree "$tree" address,undefined "${tests[@]}" lockstep-sim
  else
    tree=$build-tsan
    mapfile -t tests < <(tests_matching '^(net|disk|fiber)_.*test$|^(net|disk|fiber)_test$')
    make_tree "$tree" thread "${tests[@]}"
  fi
  [ -z "$build_only" ] || continue
  [ ${#tests[@]} -gt 0 ] || { echo "sanitize: no tests to run" >&2; exit 1; }
  ctest --test-dir "$tree" -j "$jobs" --output-on-failure --no-tests=error -R "^($(IFS='|'; echo "${tests[*]}"))\$"
  if [ "$kind" = address ]; then
    "$tree/bin/lockstep-sim" --short --seed 1 --seeds 10
  fi
done
