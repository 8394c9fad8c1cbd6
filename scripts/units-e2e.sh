#!/usr/bin/env bash
# Tests the units of packaging/systemd under a real systemd: a container (systemd-nspawn) with this
# machine's files, its writes on a tmpfs, and a network of its own. Needs root, systemd-container,
# wireguard-go, wireguard-tools and a built tunmeter. Takes about a minute.
#   scripts/units-e2e.sh
set -euo pipefail
cd "$(dirname "$0")/.."
area=$(mktemp -d)
machine=$area/root
trap 'umount "$machine" 2>/dev/null || true; umount "$area"; rmdir "$area"' EXIT
mount -t tmpfs tmpfs "$area"
mkdir "$area/written" "$area/work" "$machine"
mount -t overlay overlay -o "lowerdir=/,upperdir=$area/written,workdir=$area/work" "$machine"

# What a meter or server of this machine left must not be seen there.
rm -rf "$machine"/var/lib/tunmeter "$machine"/var/lib/{,private/}tunmeter-server "$machine"/etc/tunmeter{,-server}

# Installs the package, then follows docs/operations.md.
package=$machine/usr/lib/node_modules/tunmeter
mkdir -p "$package/build"
cp -r dist package.json "$package/"
cp -r build/Release "$package/build/"
cp -rL node_modules "$package/node_modules"
chmod +x "$package/dist/cli.js"
ln -sf ../lib/node_modules/tunmeter/dist/cli.js "$machine/usr/bin/tunmeter"
install -D -m 644 packaging/systemd/tunmeter.sysusers "$machine/usr/lib/sysusers.d/tunmeter.conf"
install -m 644 packaging/systemd/*.service "$machine/etc/systemd/system/"
install -D -m 644 packaging/systemd/server.yaml "$machine/etc/tunmeter-server/server.yaml"
install -D -m 644 packaging/systemd/meter.yaml "$machine/etc/tunmeter/meter.yaml"

install -m 644 packaging/systemd/userspace.conf "$machine/root/userspace.conf"
install -m 644 scripts/guest-checks.sh "$machine/usr/bin/guest-checks"
install -m 755 scripts/units-e2e/guest.sh "$machine/usr/bin/units-guest"
cat >"$machine/etc/systemd/system/units-guest.service" <<'UNIT'
[Service]
Type=oneshot
ExecStart=/usr/bin/units-guest
TimeoutStartSec=infinity
UNIT
wants=$machine/etc/systemd/system/multi-user.target.wants
mkdir -p "$wants"
ln -sf ../units-guest.service "$wants/units-guest.service"

timeout 1800 systemd-nspawn --quiet --register=no --keep-unit --private-network --directory "$machine" --boot \
  </dev/null >"$area/console" 2>&1 || cat "$area/console"
cat "$machine/root/units.txt"
grep -q '^[0-9]* passed, 0 failed' "$machine/root/units.txt"
