#!/usr/bin/env bash
# Filters and updates against npm's mingo: mingo_test.sh CORPUS_PROGRAM CACHE_DIRECTORY
# Exit status 77 (skipped) without node, or if mingo cannot be had.
set -euo pipefail
corpus=$1 cache=$2 version=7.2.6
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command -v node >/dev/null || { echo "skipped: there is no node"; exit 77; }
if [ ! -d "$cache/node_modules/mingo" ]; then
  command -v npm >/dev/null || { echo "skipped: there is no npm"; exit 77; }
  mkdir -p "$cache"
  npm install --prefix "$cache" --no-audit --no-fund --ignore-scripts --fetch-retries=0 --fetch-timeout=30000 "mingo@$version" >"$cache/npm.log" 2>&1 ||
    { echo "skipped: npm has no mingo@$version here"; exit 77; }
fi
for seed in 1 2 3; do
  "$corpus" "$seed" 4000 | node "$here/compare_mingo.mjs" "$cache"
done
