#!/usr/bin/env bash
# shrink_and_replay.sh LOCKSTEP_SIM: a failing seed is shrunk, and its tape is the same universe in another process.
set -euo pipefail
sim=$(realpath "$1")
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../..")
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
fail() { echo "FAILED: $1"; cat out; exit 1; }
expect() { grep -q -- "$1" out || fail "no '$1' in the output"; }

echo "== a planted bug's failure is shrunk"
"$sim" --mutant M16 --short --seed 1 --jobs 1 --shrink-for 20 >out 2>&1 && fail "it passed"
expect "^FAIL durability ledger"
expect "^shrunk: lockstep sim --tape failures/"
entries=$(sed -n 's/^shrunk: .*(\([0-9]*\) of \([0-9]*\) entries.*/\1 \2/p' out)
read -r left first <<<"$entries"
[ "$((left * 20))" -le "$first" ] || fail "$left of $first entries are left"
tape=$(echo failures/*.tape)

echo "== its tape is the same universe in other processes"
for padding in x "$(head -c 40000 /dev/zero | tr '\0' x)"; do
  PADDING=$padding "$sim" --tape "$tape" >out 2>&1 && fail "it passed"
  expect "the same universe as when it was kept"
  expect "^FAIL durability ledger"
done

echo "== without the bug it passes"
sed '/^with mutant/d' "$tape" >fixed.tape
"$sim" --tape fixed.tape >out 2>&1 || fail "it failed"
expect "the code has changed since"
expect "^passed"

echo "== a disaster of a tape is restated as following an event of its node"
sed 's/^with length short/&\nwith mutant M02/' "$root/tests/sim/tapes/read_before_own_term_commit.tape" >clock.tape
"$sim" --tape clock.tape --shrink-for 20 --jobs 1 --failures events >out 2>&1 && fail "it passed"
grep -q "^nemesis.trigger " events/M02-*.tape || fail "no trigger on the tape"
! grep -q "^nemesis.kill " events/M02-*.tape || fail "the kill still strikes at an instant"
"$sim" --tape events/M02-*.tape >out 2>&1 && fail "it passed"
expect "the same universe as when it was kept"

echo "== a crash is shrunk, too"
"$sim" --mutant M17 --short --seed 1 --seeds 10 --jobs 1 --shrink-for 20 >out 2>&1 && fail "it passed"
expect "^shrunk: "

echo "== malformed tapes are refused, with file, line and what was expected"
refused() { "$sim" --tape "$1" >out 2>&1 && fail "$1 was taken"; expect "$2"; }
refused none.tape "none.tape: No such file"
sed 's/^seed .*/seed q/' "$tape" >bad.tape
refused bad.tape "bad.tape:[0-9]*: expected 'seed S', S in hex, found 'seed q'"
(cat "$tape"; echo "net.delay 12") >bad.tape
refused bad.tape "bad.tape:[0-9]*: expected 'STREAM KEY ORDINAL VALUE'"
sed 's/^with mutant .*/with mutant M99/' "$tape" >bad.tape
refused bad.tape "bad.tape: expected 'with mutant BUG', a planted bug, found 'M99'"

echo "== a tape of another version says so and runs"
sed 's/^tape 2/tape 9/' "$tape" >later.tape
"$sim" --tape later.tape >out 2>&1 && fail "it passed"
expect "is of version 9, this is version 2: trying anyway"
echo "all is well"
