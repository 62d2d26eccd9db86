#!/usr/bin/env bash
# ci/kept_tapes.sh LOCKSTEP_SIM: replays the tapes of tests/sim/tapes: shrunk failures whose cause is gone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sim=$1 failed=0
for tape in tests/sim/tapes/*.tape; do
  "$sim" --tape "$tape" || failed=1
done
exit $failed
