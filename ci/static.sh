#!/usr/bin/env bash
# ci/static.sh: what can be checked without building. Every check runs; fails if one does.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=0
for check in ci/check_format.sh ci/check_rules.py ci/check_rules_test.py ci/check_index.py; do
  echo "== $check"
  "$check" || failed=1
done
exit $failed
