#!/usr/bin/env bash
# ci/cluster.sh BUILD [--nodes N] [--data DIR] [--base-port P]: runs a cluster on loopback until
# Ctrl-C. `./dev up` calls it after building.
set -euo pipefail
BUILD=$1; shift
NODES=3 DATA=$PWD/data BASE=2379
die() { printf 'cluster: %s\n' "$*" >&2; exit 1; }
number() { [[ $2 =~ ^[0-9]+$ ]] || die "$1 needs a number, not '$2'"; }
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || die "$1 needs a value (or is unknown)"
  case $1 in
    --nodes) number "$1" "$2"; NODES=$2 ;;
    --data) DATA=$2 ;;
    --base-port) number "$1" "$2"; BASE=$2 ;;
    *) die "unknown option '$1'; known are --nodes, --data and --base-port" ;;
  esac
  shift 2
done
[ "$NODES" -ge 1 ] && [ "$NODES" -le 9 ] || die "--nodes must be 1 to 9"
[ "$BASE" -ge 1 ] && [ $((BASE + 10 * NODES)) -le 65535 ] || die "--base-port $BASE leaves no room for $NODES nodes"

client_port() { echo $((BASE + 10 * ($1 - 1))); }
peer_port() { echo $((BASE + 10 * ($1 - 1) + 1)); }
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

cluster="" endpoints=""
for i in $(seq "$NODES"); do
  for port in $(client_port "$i") $(peer_port "$i"); do
    ! taken "$port" || die "port $port is taken: stop what listens there, or choose --base-port"
  done
  cluster+="${cluster:+,}n$i=http://127.0.0.1:$(peer_port "$i")"
  endpoints+="${endpoints:+,}127.0.0.1:$(client_port "$i")"
done
mkdir -p "$DATA" || die "cannot create $DATA"

pids=()
stop() {
  trap - INT TERM EXIT
  printf '\ncluster: stopping\n' >&2
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  wait
  exit "${1:-0}"
}
trap 'stop 0' INT TERM
trap 'stop 1' EXIT

for i in $(seq "$NODES"); do
  client=http://127.0.0.1:$(client_port "$i")
  peer=http://127.0.0.1:$(peer_port "$i")
  # In a session of its own, so that Ctrl-C reaches this script only, which stops them in order.
  setsid "$BUILD/bin/lockstep" serve --name "n$i" --data-dir "$DATA/n$i" \
    --listen-client-urls "$client" --advertise-client-urls "$client" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" \
    --initial-cluster "$cluster" --initial-cluster-token "lockstep-dev" \
    >"$DATA/n$i.log" 2>&1 &
  pids+=($!)
done

failed() {
  for i in $(seq "$NODES"); do
    kill -0 "${pids[$((i - 1))]}" 2>/dev/null && continue
    printf 'cluster: node n%s stopped; the end of %s:\n' "$i" "$DATA/n$i.log" >&2
    tail -n 5 "$DATA/n$i.log" >&2
    return 0
  done
  return 1
}

for _ in $(seq 100); do
  if "$BUILD/bin/lockstep" status --endpoints "$endpoints" --quiet >/dev/null 2>&1; then break; fi
  if failed; then stop 1; fi
  sleep 0.1
done
"$BUILD/bin/lockstep" status --endpoints "$endpoints" || die "the cluster has no leader after 10 s; see $DATA/n*.log"

cat <<TEXT

Lockstep runs: $NODES node(s), data in $DATA, logs in $DATA/n*.log

  ETCDCTL_API=3 etcdctl --endpoints=127.0.0.1:$(client_port 1) put greeting hello
  $BUILD/bin/lockstep kv get greeting --endpoints 127.0.0.1:$(client_port 1)
  $BUILD/bin/lockstep status --endpoints $endpoints
  $BUILD/bin/lockstep sim --seeds 200 --short

Ctrl-C stops it.
TEXT
# If a node dies (killed by hand, say) the others go on; the cluster ends with the last one.
while :; do
  alive=0
  for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null && alive=$((alive + 1)); done
  [ "$alive" -gt 0 ] || { echo "cluster: every node has stopped; see $DATA/n*.log" >&2; stop 1; }
  sleep 1 & wait $! || true
done
