#!/usr/bin/env bash
# Tests the packages of a release on machines that have only Node.
#   scripts/install-e2e.sh [--short]      as root on Debian 12 with g++, flex, bison, iproute2 and debootstrap; without
#                                         --short also with g++-aarch64-linux-gnu and qemu-user-static
#
#   amd64: a minimal Debian root without compiler, make, python and headers, with Node of npm's packages:
#          npm install -g, a server and a meter of loopback with a session in the log, the demo (server, replay,
#          delivery, queries), npm uninstall -g, and a check for files left behind. Prints the seconds from the start
#          of npm to the first stored session, with npm's cache empty.
#          Then the meter alone, the same way: below 25 MB, it replays, and it names the commands that it lacks.
#   arm64: the arm64 packages with Node for arm64 under qemu-user; the sessions of a capture must equal those of amd64.
#
# --short: amd64 with Node 24 only. Otherwise Node 24, 22 and 20, and arm64.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")/.."
here=$PWD work=$(mktemp -d)
trap 'umount -q "$work/root/proc" 2>/dev/null || true; umount -q "$work" || umount -l "$work"; rmdir "$work"' EXIT
# In memory, because a new Debian has thousands of small files, and dpkg syncs each of them.
mount -t tmpfs -o size=3g tmpfs "$work"
step() { echo "== $* ($SECONDS s)"; }
fail() { echo "install-e2e: $*" >&2; exit 1; }

case ${1:-} in
  '') majors=(24 22 20) cpus=(x64 arm64) ;;
  --short) majors=(24) cpus=(x64) ;;
  *) fail "unknown argument $1; known: --short" ;;
esac

# node_of ARCH MAJOR: the folder of npm's package of this Node.
node_of() {
  local folder="$work/node-$1-$2"
  mkdir -p "$folder"
  (cd "$folder" && npm pack --silent "node-linux-$1@$2" >/dev/null && tar -xzf ./*.tgz --strip-components=1)
  echo "$folder"
}

step 'packages of the release'
node --import tsx scripts/release/pack.ts "${cpus[@]}" >/dev/null
packages=$here/build/release/packages

step 'a minimal root'
debootstrap --variant=minbase bookworm "$work/root" >"$work/log" 2>&1 ||
  { tail -20 "$work/log"; fail debootstrap; }
root=$work/root
for tool in g++ cc make python3; do
  [ ! -e "$root/usr/bin/$tool" ] || fail "the root has $tool: it shows nothing"
done
cp /etc/resolv.conf "$root/etc/resolv.conf"
mkdir -p "$root/etc/ssl/certs"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
mkdir -p "$root/opt/packages" "$root/opt/npm"
cp scripts/install-e2e/both.sh fixtures/demo/*.pcap* "$root/opt/"
cp "$packages"/tunmeter-{meter-,}[0-9]*.tgz "$packages"/tunmeter-addon-linux-x64-*.tgz "$root/opt/packages/"
cp -r "$(dirname "$(readlink -f "$(command -v npm)")")/.." "$root/opt/npm/"
for file in ~/.npmrc "$(npm config get globalconfig)"; do
  [ -f "$file" ] && cat "$file" >>"$root/root/.npmrc"
done
mount -t proc none "$root/proc"
inside() {
  chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/opt/node/bin:/usr/bin:/bin \
    ${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt} "$@"
}

# All files of the root except the caches of npm and Node.js.
files() {
  find "$root" -xdev \( -path "$root/proc" -o -path "$root/root/.npm" -o -path "$root/tmp/node-compile-cache" \) -prune -o \
    ! -type d -print | sort
}

put_node() {
  rm -rf "$root/opt/node" "$root/root/.npm"
  cp -r "$(node_of x64 "$1")" "$root/opt/node"
  printf '#!/bin/sh\nexec node /opt/npm/bin/npm-cli.js "$@"\n' >"$root/opt/node/bin/npm"
  chmod +x "$root/opt/node/bin/npm"
}

everything() {
  local major=$1 start
  put_node "$major"
  files >"$work/before"
  step "amd64, $(inside node --version): install"
  start=$(date +%s%N)
  inside sh -c 'npm install -g --no-audit --no-fund /opt/packages/tunmeter-[0-9]*.tgz /opt/packages/*addon*.tgz' >"$work/log" 2>&1 ||
    { tail -30 "$work/log"; fail "npm install -g with Node $major"; }
  ! grep -E 'EBADENGINE|gyp (info|ERR)' "$work/log" || fail "npm install -g with Node $major: see above"
  step "amd64, Node $major: server and meter"
  # In a network of its own, so that it meters and listens on nothing else.
  unshare --net sh -c 'ip link set lo up && exec "$@"' sh chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 \
    PATH=/opt/node/bin:/usr/bin:/bin bash /opt/both.sh >"$work/both" 2>&1 ||
    { cat "$work/both"; fail "server and meter with Node $major"; }
  echo "npm, Node $major: $((($(date +%s%N) - start) / 100000000))" | sed -E 's/(.)$/.\1 s from nothing to the first stored session/'
  step "amd64, Node $major: demo"
  inside tunmeter demo --once >"$work/demo" 2>&1 || { cat "$work/demo"; fail "demo with Node $major"; }
  grep -q '192 sessions' "$work/demo" || { cat "$work/demo"; fail "the demo has no 192 sessions"; }
  inside npm uninstall -g tunmeter @tunmeter/addon-linux-x64 >/dev/null 2>&1
  files | diff "$work/before" - || fail 'npm uninstall -g leaves files behind'
}

meter_alone() {
  local bytes
  step 'the meter alone'
  inside sh -c 'npm install -g --no-audit --no-fund /opt/packages/tunmeter-meter-*.tgz /opt/packages/*addon*.tgz' \
    >"$work/log" 2>&1 || { tail -30 "$work/log"; fail 'npm install -g of the meter'; }
  bytes=$(find "$root/opt/node/lib/node_modules" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')
  [ "$bytes" -le 25000000 ] || fail "the meter takes $bytes bytes"
  inside sh -c 'tunmeter replay --format csv /opt/*.pcap*' >"$work/meter.csv"
  [ "$(wc -l <"$work/meter.csv")" -gt 100 ] || fail 'the meter alone has few sessions'
  ! inside tunmeter serve >"$work/log" 2>&1 || fail 'the meter alone serves'
  grep -q 'needs the server' "$work/log" || { cat "$work/log"; fail 'the meter alone does not say what it cannot do'; }
  inside npm uninstall -g @tunmeter/meter @tunmeter/addon-linux-x64 >/dev/null 2>&1
  files | diff "$work/before" - || fail 'npm uninstall -g of the meter leaves files behind'
}

for major in "${majors[@]}"; do
  everything "$major"
done
meter_alone
if [[ " ${cpus[*]} " == *' arm64 '* ]]; then
  step 'arm64, under qemu-user'
  bash scripts/install-e2e/arm64.sh "$packages" "$(node_of arm64 24)" "$work" || fail 'arm64: see above'
fi
echo "install-e2e: passed in $SECONDS s"
