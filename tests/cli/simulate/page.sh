#!/usr/bin/env bash
# page.sh LOCKSTEP_SIM: the page of a failure draws itself in Chromium. Skipped (77) where there is none.
set -euo pipefail
sim=$(realpath "$1")
browser=$(command -v chromium) || { echo "skipped: no chromium"; exit 77; }
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
"$sim" --mutant M10 --short --seed 1 --seeds 6 --jobs 1 --shrink-for 3 >out 2>&1 && { echo "it passed"; exit 1; }
page=$(ls failures/*.html | head -n 1)
[ "$(stat -c %s "$page")" -lt 300000 ] || { echo "the page is too large"; exit 1; }
timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
  --disable-background-networking --disable-component-update --disable-sync --user-data-dir="$directory/profile" \
  --virtual-time-budget=2000 --dump-dom "file://$PWD/$page" >dom 2>browser.log
for what in '<polyline' 'leader, term' 'class="bad"' '<tr><td><b>n1</b>' '<option>'; do
  grep -q -- "$what" dom || { echo "no '$what' in the drawn page"; tail -n 5 browser.log; exit 1; }
done
echo "drawn: $(grep -o 'data-tip' dom | wc -l) things to point at"
