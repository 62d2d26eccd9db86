#!/usr/bin/env bash
# ci/fetch_etcd.sh BUILD: puts Debian's etcd into BUILD/etcd, without installing it, and prints the
# path of its executable. Exit status 77: it cannot be had (no network, no apt).
set -euo pipefail
BUILD=$1
binary=$BUILD/etcd/usr/bin/etcd
if [ -x "$binary" ]; then echo "$binary"; exit 0; fi
unavailable() { printf 'fetch_etcd: %s\n' "$*" >&2; exit 77; }
if found=$(command -v etcd); then echo "$found"; exit 0; fi
command -v apt-get >/dev/null || unavailable "no apt-get here"
mkdir -p "$BUILD/etcd"
scratch=$(mktemp -d "$BUILD/etcd/fetch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
(cd "$scratch" && apt-get -o APT::Sandbox::User=root download -q etcd-server >&2) || unavailable "apt-get download etcd-server failed"
dpkg -x "$scratch"/etcd-server_*.deb "$scratch/tree"
[ -x "$scratch/tree/usr/bin/etcd" ] || unavailable "the package has no /usr/bin/etcd"
cp -r "$scratch/tree/." "$BUILD/etcd/"
echo "$binary"
