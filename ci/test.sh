#!/usr/bin/env bash
# ci/test.sh BUILD [CTEST OPTIONS]: every test, after everything is built. Ends with ctest's own
# closing lines; the exit status is ctest's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$1
shift
# With a selection of tests, the sanitizers' trees are built by their tests if those are chosen;
# otherwise here, where one sees it progress.
if [ $# -eq 0 ]; then ci/sanitize.sh "$build" --build-only; fi
# Said here too, because ctest shows what a test printed only if it failed.
LOCKSTEP_FIRST_SEED=${LOCKSTEP_FIRST_SEED:-$(($(od -An -N4 -tu4 /dev/urandom) * 1000))}
export LOCKSTEP_FIRST_SEED
echo "fresh seeds from $LOCKSTEP_FIRST_SEED; to repeat them: LOCKSTEP_FIRST_SEED=$LOCKSTEP_FIRST_SEED ./dev test"
exec ctest --test-dir "$build" -j "${LOCKSTEP_JOBS:-$(nproc)}" --output-on-failure --no-tests=error "$@"
