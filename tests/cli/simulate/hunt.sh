#!/usr/bin/env bash
# hunt.sh LOCKSTEP_SIM: a hunt keeps what it finds, goes on where it was, stops when told and adds up.
set -euo pipefail
sim=$(realpath "$1")
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
fail() { echo "FAILED: $1"; cat out; exit 1; }
expect() { grep -q -- "$1" out || fail "no '$1' in the output"; }
state() { python3 -c "import json,sys; print(json.load(open('$1/hunt.json'))['$2'])"; }

echo "== a clean hunt passes"
"$sim" hunt --short --store memory --for 2s --jobs 2 --corpus clean >out 2>&1 || fail "it failed"
expect "seeds failed in 0 ways"
[ "$(state clean doubles)" -gt 0 ] || [ "$(state clean seeds)" -lt 60 ] || fail "no seed was run twice"

echo "== what fails is kept once per kind, shrunk"
"$sim" hunt --short --mutant M16 --for 3s --jobs 2 --shrink-for 2 --corpus found >out 2>&1 && fail "it passed"
expect "shrunk  : M16-durability-ledger-"
kinds=$(python3 -c "import json; print(len(json.load(open('found/hunt.json'))['failures']))")
[ "$kinds" -lt "$(state found failed)" ] || fail "every failure is a kind of its own"
python3 -c "import xml.dom.minidom as x; x.parse('found/junit.xml')"
"$sim" --tape found/M16-durability-ledger-*.tape >out 2>&1 && fail "the kept tape passes"
expect "the same universe as when it was kept"

echo "== it goes on where it was"
before=$(state found seeds)
"$sim" hunt --short --mutant M16 --for 1s --jobs 1 --shrink-for 2 --corpus found >out 2>&1 && fail "it passed"
after=$(state found seeds)
[ "$after" -gt "$before" ] || fail "$after seeds after $before"
known=$(python3 -c "import json; s=json.load(open('found/hunt.json')); print(s['next']+len(s['ahead']))")
[ "$known" -eq "$after" ] || fail "$known seeds are known, $after are counted"

echo "== another hunt's corpus is refused"
set +e
"$sim" hunt --short --for 1s --corpus found >out 2>&1
[ $? -eq 2 ] || fail "it was taken"
expect "found is of another hunt"
"$sim" hunt --for soon --corpus x >out 2>&1
[ $? -eq 2 ] || fail "that is no time"
expect "expected a time such as"
"$sim" hunt --shard 3/2 --corpus x >out 2>&1
[ $? -eq 2 ] || fail "that is no shard"
echo '{"universe": 3}' >clean/hunt.json
"$sim" merge clean >out 2>&1
[ $? -eq 2 ] || fail "that is no hunt"
expect "clean/hunt.json: expected a text 'universe'"
set -e

echo "== Ctrl-C saves and says what was done"
"$sim" hunt --short --store memory --for 100s --jobs 2 --corpus stopped >out 2>&1 &
hunt=$!
for _ in $(seq 100); do [ -f stopped/hunt.json ] && break; sleep 0.2; done
kill -INT $hunt
wait $hunt || fail "it failed"
expect "interrupted; run it again to go on"
expect "seeds failed in 0 ways"

echo "== shards split the seeds, and add up"
for shard in 0 1; do
  "$sim" hunt --short --store memory --for 1s --jobs 1 --shard $shard/2 --corpus part-$shard >out 2>&1 || fail "it failed"
done
"$sim" merge part-0 part-1 --out sum >out 2>&1 || fail "it failed"
[ "$(state sum seeds)" -eq "$(($(state part-0 seeds) + $(state part-1 seeds)))" ] || fail "the seeds do not add up"
echo "all is well"
