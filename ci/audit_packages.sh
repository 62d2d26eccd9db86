#!/usr/bin/env bash
# ci/audit_packages.sh BUILD: does a bare Debian 12 with the packages of ci/packages.txt have everything that building,
# running and testing use? Maps every header that was compiled, every CMake file that was read, every library that is
# linked and every tool that is called to its package, and looks for that in what ci/packages.txt installs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$1
command -v dpkg-query >/dev/null && command -v apt-cache >/dev/null || { echo "skipped: no dpkg here"; exit 77; }
tools=(g++ cc cmake ctest ninja ccache mold clang-format python3 git capnp capnpc-c++ protoc etcdctl nm ldd setarch
  bash sed awk find diff cmp od)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

{
  ninja -C "$build" -t deps | sed -n 's/^    \(\/usr\/.*\)/\1/p'
  ninja -C "$build" -t query build.ninja | grep -o '/usr/[^ ]*'
  find "$build" -maxdepth 2 -path "*/[bt]*/*" -type f -executable -exec ldd {} + 2>/dev/null | grep -o "/[^ ]*\.so[^ ]*" || true
  for tool in "${tools[@]}"; do PATH=/usr/bin:/bin command -v "$tool" || echo "/missing/$tool"; done
} | sort -u >"$work/seen"
if grep '^/missing/' "$work/seen"; then echo "tools that are not there at all"; exit 1; fi
# As it is named, and as dpkg may know it: links resolved, with and without the /usr that /lib was merged into.
while read -r path; do
  [ -e "$path" ] || continue
  real=$(realpath "$path")
  echo "$real"
  echo "${real#/usr}"
done <"$work/seen" | sort -u >"$work/files"
xargs -a "$work/files" dpkg-query -S 2>/dev/null | sed 's/^diversion by.*//; /^$/d' >"$work/owners" || true
sed 's/: .*//; s/:[a-z0-9]*//g' "$work/owners" | tr -d ' ' | tr ',' '\n' | sort -u >"$work/used"

grep -v '^#' ci/packages.txt >"$work/listed"
{
  dpkg-query -W -f='${Package} ${Essential} ${Priority}\n' | awk '$2 == "yes" || $3 == "required" { print $1 }'
  apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances $(cat "$work/listed") $(dpkg-query -W -f='${Package} ${Essential}\n' | awk '$2 == "yes" { print $1 }') |
    sed -n 's/^\([a-z0-9][^ :]*\).*/\1/p'
} | sort -u >"$work/closure"

unowned=$(comm -23 <(while read -r path; do realpath "$path"; done <"$work/seen" 2>/dev/null | sed 's/^\/usr//' | sort -u) \
  <(sed 's/^[^/]*: //; s/^\/usr//' "$work/owners" | sort -u) || true)
[ -z "$unowned" ] || { echo "of no package:"; echo "$unowned" | head -n 20; }
not_listed=$(comm -23 "$work/used" "$work/closure")
echo "$(wc -l <"$work/seen") files of $(wc -l <"$work/used") packages; $(wc -l <"$work/listed") packages are listed, $(wc -l <"$work/closure") come with them"
[ -z "$not_listed" ] || { echo "used but not installed by ci/packages.txt:"; echo "$not_listed"; }
[ -z "$unowned$not_listed" ]
