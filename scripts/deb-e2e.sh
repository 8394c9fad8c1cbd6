#!/usr/bin/env bash
# Tests the Debian packages. Two builds must be equal, and lintian must find no errors. The amd64
# packages are installed, upgraded, removed and purged under a real systemd (systemd-nspawn) in a
# minimal Debian; the seconds to the first stored sessions are printed. The arm64 packages are
# unpacked and run under qemu-user, which has no packet sockets: replay and keys, no live meter.
#   scripts/deb-e2e.sh [--built]      as root on Debian 12, with debootstrap, lintian, systemd-container, qemu-user-static,
#                                     g++-aarch64-linux-gnu, flex and bison; --built uses build/release/deb as it is
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")/.."
area=$(mktemp -d)
root=$area/root
trap 'umount -q "$area" || umount -l "$area"; rmdir "$area"' EXIT
# In memory, because a new Debian has thousands of small files, and dpkg syncs each of them.
mount -t tmpfs -o size=3g tmpfs "$area"
step() { echo "== $* ($SECONDS s)"; }
fail() { echo "deb-e2e: $*" >&2; exit 1; }
sums() { (cd build/release/deb && sha256sum ./*.deb ./*.tar.gz); }

if [ "${1:-}" != --built ]; then
  step 'four packages, twice'
  rm -rf build/release/{deb,addons}
  node --import tsx scripts/release/deb.ts >/dev/null
  sums >"$area/first"
  rm -rf build/release/addons
  node --import tsx scripts/release/deb.ts >/dev/null
  sums | diff "$area/first" - >&2 || fail 'two builds differ'
fi
ls build/release/deb/tunmeter-{meter,server}_*_{amd64,arm64}.deb >"$area/packages"
[ "$(wc -l <"$area/packages")" = 4 ] || fail 'there are not four packages in build/release/deb'

step 'lintian'
while read -r package; do
  lintian --allow-root --fail-on error "$package" >"$area/lintian" 2>&1 || { grep '^E:' "$area/lintian"; fail "lintian: $package"; }
done <"$area/packages"

step 'a minimal Debian'
debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,iproute2,curl,procps,debconf,libstdc++6 bookworm "$root" \
  >"$area/log" 2>&1 || { tail -20 "$area/log"; fail debootstrap; }

step 'install, upgrade, remove, purge'
# older PACKAGE NEW: a copy with an earlier version, to upgrade from.
older() {
  rm -rf "$area/unpacked"
  dpkg-deb -R "$1" "$area/unpacked"
  sed -i 's/^Version: .*/Version: 0.0.1/' "$area/unpacked/DEBIAN/control"
  dpkg-deb -Znone --build "$area/unpacked" "$2" >/dev/null
  rm -rf "$area/unpacked"
}
mkdir "$root/packages"
for kind in meter server; do
  cp build/release/deb/tunmeter-${kind}_*_amd64.deb "$root/packages/$kind.deb"
  cp build/release/deb/tunmeter-${kind}_*_amd64.tar.gz "$root/packages/$kind.tar.gz"
  older "$root/packages/$kind.deb" "$root/packages/$kind-older.deb"
done
cp fixtures/demo/*.pcap* "$root/packages/"
install -m 644 scripts/guest-checks.sh "$root/packages/guest-checks"
install -m 755 scripts/deb-e2e/guest.sh "$root/packages/guest"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
cat >"$root/etc/systemd/system/guest.service" <<'UNIT'
[Service]
Type=oneshot
ExecStart=/packages/guest
TimeoutStartSec=infinity
UNIT
ln -sf ../guest.service "$root/etc/systemd/system/multi-user.target.wants/guest.service"
timeout 1800 systemd-nspawn --quiet --register=no --keep-unit --private-network --directory "$root" --boot \
  </dev/null >"$area/console" 2>&1 || cat "$area/console"
cat "$root/packages/said"
grep -q '^[0-9]* passed, 0 failed' "$root/packages/said" || fail 'see above'

step 'arm64, under qemu-user'
# Without the session's id, which is random for each run.
sessions() { cut -d, -f1-11,13- "$1" | sort; }
capture=$(ls fixtures/demo/*.pcap* | head -1)
for kind in meter server; do
  rm -rf "$area/arm64"
  dpkg-deb -x build/release/deb/tunmeter-${kind}_*_arm64.deb "$area/arm64"
  home=$area/arm64/usr/lib/tunmeter
  qemu-aarch64-static -L /usr/aarch64-linux-gnu "$home/bin/node" "$home/dist/cli.js" replay --format csv "$capture" >"$area/arm64.csv"
  diff <(sessions "$area/arm64.csv") <(sessions "$root/packages/amd64.csv") >&2 || fail "$kind: arm64 counts differently from amd64"
done
# DuckDB is the server's only part with its own machine code.
qemu-aarch64-static -L /usr/aarch64-linux-gnu "$home/bin/node" "$home/dist/cli.js" keys create --data "$area/data" \
  --scope admin --org acme --create-org --retention-days 30 >"$area/key"
[ -s "$area/key" ] || fail 'the server for arm64 makes no key'
echo "deb-e2e: passed in $SECONDS s"
