#!/usr/bin/env bash
# The arm64 part of scripts/install-e2e.sh: runs the packages of a release under qemu-user.
#   arm64.sh PACKAGES NODE WORK      PACKAGES: folder of the npm packages; NODE: folder of a Node.js for arm64;
#                                    WORK: an existing folder for files
# Needs qemu-user-static and the C++ library of g++-aarch64-linux-gnu.
set -euo pipefail
packages=$1 node=$2 work=$3 arm=$3/arm64
fail() { echo "arm64: $*" >&2; exit 1; }

mkdir -p "$arm"
# npm refuses to install a named package for another machine, so the addon is unpacked beside the others.
(cd "$arm" && npm install --silent --no-audit --no-fund --ignore-scripts --cpu=arm64 --os=linux --libc=glibc \
  "$packages"/tunmeter-[0-9]*.tgz)
mkdir -p "$arm/node_modules/@tunmeter/addon-linux-arm64"
tar -xzf "$packages"/tunmeter-addon-linux-arm64-*.tgz --strip-components=1 -C "$arm/node_modules/@tunmeter/addon-linux-arm64"
foreign() {
  qemu-aarch64-static -L /usr/aarch64-linux-gnu "$node/bin/node" "$arm/node_modules/tunmeter/dist/cli.js" "$@"
}

captures=(fixtures/demo/*.pcap*)
foreign replay --format csv "${captures[0]}" >"$work/arm64.csv"
node dist/cli.js replay --format csv "${captures[0]}" >"$work/x64.csv"
# Without the session's id, which is random for each run.
sessions() { cut -d, -f1-11,13- "$1" | sort; }
[ "$(wc -l <"$work/x64.csv")" -gt 100 ] || fail "${captures[0]} has few sessions"
diff <(sessions "$work/arm64.csv") <(sessions "$work/x64.csv") >&2 || fail 'it counts differently from amd64'
echo "arm64: replay counts like amd64"
