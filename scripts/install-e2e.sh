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
#          arm64-e2e.sh installs them.
#
# --short: amd64 with Node 24 only. Otherwise Node 24, 22 and 20, and arm64.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")/.."
here=$PWD work=$(mktemp -d)
root=$work/root
trap 'umount -q "$work/root/proc" 2>/dev/null || true; umount -q "$work" || umount -l "$work"; rmdir "$work"' EXIT
# In memory, because a new Debian has thousands of small files, and dpkg syncs each of them.
mount -t tmpfs -o size=3g tmpfs "$work"
step() { echo "== $* ($SECONDS s)"; }
fail() { echo "install-e2e: $*" >&2; exit 1; }
. scripts/install-e2e/root.sh

case ${1:-} in
  '') majors=(24 22 20) cpus=(x64 arm64) ;;
  --short) majors=(24) cpus=(x64) ;;
  *) fail "unknown argument $1; known: --short" ;;
esac

step 'packages of the release'
node --import tsx scripts/release/pack.ts "${cpus[@]}" >/dev/null
packages=$here/build/release/packages

step 'a minimal root'
debootstrap --variant=minbase bookworm "$root" >"$work/log" 2>&1 ||
  { tail -20 "$work/log"; fail debootstrap; }
put_npm "$packages"/tunmeter-{meter-,}[0-9]*.tgz "$packages"/tunmeter-addon-linux-x64-*.tgz

everything() {
  local major=$1
  put_node x64 "$major"
  files >"$work/before"
  step "amd64, $(inside node --version): install"
  clock
  inside sh -c 'npm install -g --no-audit --no-fund /opt/packages/tunmeter-[0-9]*.tgz /opt/packages/*addon*.tgz' >"$work/log" 2>&1 ||
    { tail -30 "$work/log"; fail "npm install -g with Node $major"; }
  ! grep -E 'EBADENGINE|gyp (info|ERR)' "$work/log" || fail "npm install -g with Node $major: see above"
  step "amd64, Node $major: server and meter"
  both || fail "server and meter with Node $major"
  echo "npm, Node $major: $(took) from nothing to the first stored session"
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
