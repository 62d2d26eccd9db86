#!/bin/sh
# Fails if a file of ours is not as clang-format (with the repository's .clang-format) would have it.
set -eu
cd "$(dirname "$0")/.."
git ls-files -co --exclude-standard -- '*.h' '*.cc' | xargs -r clang-format --dry-run --Werror
