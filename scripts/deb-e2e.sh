#!/usr/bin/env bash
# The Debian packages: built twice and equal, lintian without errors, installed, upgraded, removed and purged in a copy
# of this machine's files (overlay on a tmpfs), and the arm64 package's program under qemu-user.
#   scripts/deb-e2e.sh      as root on Debian 12, with lintian, qemu-user-static and what scripts/install-e2e.sh needs
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
cd "$(dirname "$0")/.."
area=$(mktemp -d)
root=$area/root
trap 'umount -qR "$root" 2>/dev/null || true; umount "$area"; rmdir "$area"' EXIT
mount -t tmpfs tmpfs "$area"
mkdir "$area/written" "$area/work" "$root"
step() { echo "== $* ($SECONDS s)"; }
fail() { echo "deb-e2e: $*" >&2; exit 1; }
check() { lintian --allow-root --fail-on error "$1" >"$area/lintian" || { grep '^E:' "$area/lintian"; fail 'lintian has errors'; }; }
deb() { node --import tsx scripts/release/deb.ts "$@" | tail -1; }

step 'tunmeter-meter for amd64, twice'
meter=$(deb amd64 meter)
first=$(sha256sum <"$meter")
meter=$(deb amd64 meter)
[ "$(sha256sum <"$meter")" = "$first" ] || fail 'two builds differ'
check "$meter"

step 'install'
mount -t overlay overlay -o "lowerdir=/,upperdir=$area/written,workdir=$area/work" "$root"
mount -t proc none "$root/proc"
mount -t sysfs none "$root/sys"
mount --rbind /dev "$root/dev" && mount --make-rslave "$root/dev"
inside() { chroot "$root" env -i DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
cp "$meter" "$root/tmp/meter.deb"
cp fixtures/demo/*.pcap* "$root/tmp/"
inside dpkg -i /tmp/meter.deb >/dev/null
inside tunmeter --version
inside sh -c 'tunmeter replay --format csv /tmp/*.pcap*' >"$area/amd64.csv"
[ "$(wc -l <"$area/amd64.csv")" -gt 100 ] || fail 'the installed meter has few sessions'
inside id tunmeter >/dev/null || fail 'there is no user tunmeter'
! inside tunmeter meter --config /etc/tunmeter/meter.yaml >"$area/meter" 2>&1 || fail 'a meter without a key runs'
grep -q 'site.key' "$area/meter" ||
  fail 'the configuration file does not lead to the key'

step 'upgrade, removal, purge'
echo '# of the operator' >>"$root/etc/tunmeter/meter.yaml"
mkdir -p "$root/var/lib/tunmeter" && echo batch >"$root/var/lib/tunmeter/kept"
inside dpkg -i --force-confold /tmp/meter.deb >/dev/null
grep -q 'of the operator' "$root/etc/tunmeter/meter.yaml" || fail 'an upgrade overwrote the configuration'
inside dpkg -r tunmeter-meter >/dev/null
[ ! -e "$root/usr/lib/tunmeter" ] || fail 'a removal leaves the program'
grep -q 'of the operator' "$root/etc/tunmeter/meter.yaml" || fail 'a removal took the configuration'
inside dpkg -P tunmeter-meter >/dev/null
[ ! -e "$root/etc/tunmeter/meter.yaml" ] || fail 'a purge leaves the configuration'
[ -e "$root/var/lib/tunmeter/kept" ] || fail 'a purge took data without asking'
inside dpkg -i /tmp/meter.deb >/dev/null
echo 'tunmeter-meter tunmeter-meter/purge-data boolean true' | inside debconf-set-selections
inside dpkg -P tunmeter-meter >/dev/null
[ ! -e "$root/var/lib/tunmeter" ] || fail 'a purge with yes left data'

step 'tunmeter-server for amd64'
server=$(deb amd64 server)
check "$server"
cp "$server" "$root/tmp/server.deb"
inside dpkg -i /tmp/server.deb >/dev/null
inside tunmeter demo --once >"$area/demo" 2>&1 || { cat "$area/demo"; fail 'the demo of the package'; }
grep -q '192 sessions' "$area/demo" || { cat "$area/demo"; fail 'the demo has no 192 sessions'; }

step 'tunmeter-meter for arm64, under qemu-user'
dpkg-deb -x "$(deb arm64 meter)" "$area/arm64"
home=$area/arm64/usr/lib/tunmeter
qemu-aarch64-static -L /usr/aarch64-linux-gnu "$home/bin/node" "$home/dist/cli.js" replay --format csv \
  fixtures/demo/*.pcap* >"$area/arm64.csv"
# The session's id is random for each run.
sessions() { cut -d, -f1-11,13- "$1" | sort; }
diff <(sessions "$area/arm64.csv") <(sessions "$area/amd64.csv") >&2 || fail 'arm64 counts otherwise than amd64'
echo "deb-e2e: passed in $SECONDS s"
