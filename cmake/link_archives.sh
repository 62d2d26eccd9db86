#!/usr/bin/env bash
# link_archives.sh LINKER ARGUMENTS...: links with the archive beside each shared library that has one,
# so that the executable needs nothing of them at run time (docs/decisions/0009). CMake's packages name
# shared libraries only.
set -euo pipefail
arguments=()
for argument in "$@"; do
  case $argument in
    /*/lib*.so | /*/lib*.so.*)
      # libkj-0.9.2.so stands beside libkj.a, libbson-1.0.so beside libbson-static-1.0.a.
      name=${argument%%.so*}
      for archive in "$name.a" "${name%-[0-9]*}.a" "${name%%-[0-9]*}.a" "${name%-*}-static-${name##*-}.a"; do
        if [ -f "$archive" ]; then argument=$archive; break; fi
      done
      [ "$(basename "$argument")" = librocksdb.a ] && rocksdb=yes
      ;;
  esac
  arguments+=("$argument")
done
# What RocksDB's archive needs, and its shared library brings along.
if [ "${rocksdb:-}" = yes ]; then
  arguments+=(-Wl,-Bstatic -lgflags -lsnappy -lz -lbz2 -llz4 -lzstd -Wl,-Bdynamic)
fi
exec "${arguments[@]}"
