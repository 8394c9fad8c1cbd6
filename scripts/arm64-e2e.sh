#!/usr/bin/env bash
# Installs the arm64 packages of a release in a minimal Debian for arm64 under qemu-user: first the npm packages with
# Node.js 24, then the Debian package. Each time: two keys, a server, a capture that is replayed to it, sessions in the
# log, removal, and a check for files left behind. Prints the seconds of the installation, and from its start to the first
# stored session. qemu-user has no packet sockets, so no interface is metered.
#   scripts/arm64-e2e.sh      as root on Debian 12 with debootstrap, iproute2 and qemu-user-static, after
#                             npm run release:pack and npm run release:deb -- arm64 server
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")/.."
work=$(mktemp -d) root= isRegistered=
handler=/proc/sys/fs/binfmt_misc/qemu-aarch64
tidy() {
  umount -q "$work/root/proc" 2>/dev/null || true
  [ -z "$isRegistered" ] || echo -1 >"$handler"
  umount -q "$work" || umount -l "$work"
  rmdir "$work"
}
trap tidy EXIT
# In memory, because a new Debian has thousands of small files, and dpkg syncs each of them.
mount -t tmpfs -o size=3g tmpfs "$work"
root=$work/root
step() { echo "== $* ($SECONDS s)"; }
fail() { echo "arm64-e2e: $*" >&2; exit 1; }
. scripts/install-e2e/root.sh
packages=build/release/packages deb=$(ls build/release/deb/tunmeter-server_*_arm64.deb) || fail 'build the packages first'
capture=/opt/site.pcap

# From now on the kernel starts arm64 programs by qemu, in the root, too.
[ -e "$handler" ] || { cat /usr/lib/binfmt.d/qemu-aarch64.conf >/proc/sys/fs/binfmt_misc/register; isRegistered=yes; }

step 'a minimal Debian for arm64'
{
  debootstrap --arch=arm64 --foreign --variant=minbase --include=systemd-standalone-sysusers,libstdc++6 bookworm "$root" &&
    chroot "$root" /debootstrap/debootstrap --second-stage
} >"$work/log" 2>&1 || { tail -20 "$work/log"; fail debootstrap; }
put_npm "$packages"/tunmeter-[0-9]*.tgz "$packages"/tunmeter-addon-linux-arm64-*.tgz
cp "$deb" "$root/opt/packages/server.deb"
put_node arm64 24
[ "$(inside uname -m)" = aarch64 ] || fail 'the root is not arm64'

step 'npm packages'
files >"$work/before"
clock
inside sh -c 'npm install -g --no-audit --no-fund /opt/packages/tunmeter-[0-9]*.tgz /opt/packages/*addon*.tgz' >"$work/log" 2>&1 ||
  { tail -30 "$work/log"; fail 'npm install -g'; }
echo "npm install -g: $(took)"
both $capture || fail 'server and replay'
echo "npm, arm64 under qemu-user: $(took) from nothing to the first stored session"
inside npm uninstall -g tunmeter @tunmeter/addon-linux-arm64 >/dev/null 2>&1
files | diff "$work/before" - || fail 'npm uninstall -g leaves files behind'

step 'the Debian package'
rm -rf "$root/opt/node"
files >"$work/before"
clock
inside dpkg -i /opt/packages/server.deb >"$work/log" 2>&1 || { tail -30 "$work/log"; fail 'dpkg -i'; }
echo "dpkg -i: $(took)"
both $capture || fail 'server and replay'
echo "deb, arm64 under qemu-user: $(took) from nothing to the first stored session"
inside dpkg -P tunmeter-server >"$work/log" 2>&1 || { tail -30 "$work/log"; fail 'dpkg -P'; }
# dpkg's own files and backups of the users' lists may differ.
others() { grep -vE '/var/(lib/dpkg|cache|log)/|/etc/(passwd|group|shadow|gshadow)-$'; }
files | others | diff <(others <"$work/before") - || fail 'dpkg -P leaves files behind'
echo "arm64-e2e: passed in $SECONDS s"
