#!/usr/bin/env bash
# Tests with the kernel's WireGuard, end to end, on machines whose kernel has none. Runs Debian's
# kernel in qemu, emulated (a nested KVM refuses features of a full CPU model), with this machine's
# root read-only over 9p and Node.js in it. Needs: qemu-system-x86 busybox-static cpio kmod, a built
# tunmeter, root (only for apt-get download). Takes two minutes on a quiet machine.
#   scripts/kernel-e2e.sh [DIRECTORY]      DIRECTORY (default /var/cache/tunmeter-kernel) keeps downloads and builds,
#                                          the output and the recorded netlink messages
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
cache=${1:-/var/cache/tunmeter-kernel}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

if ! ls "$cache"/kernel/boot/vmlinuz-* >/dev/null 2>&1; then
  package=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/ { print $2; exit }')
  (cd "$cache" && apt-get -qq download "$package" && dpkg -x "$package"_*.deb kernel && rm "$package"_*.deb)
fi
vmlinuz=$(ls "$cache"/kernel/boot/vmlinuz-* | tail -n 1)
version=${vmlinuz##*/vmlinuz-}
depmod -b "$cache/kernel" "$version"

# The initramfs: busybox and the modules, in the order in which they must be loaded.
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{bin,modules,proc,sys,dev,host}
cp "$(command -v busybox)" "$tree/bin/busybox"
for module in virtio_pci 9pnet_virtio 9p overlay wireguard veth af_packet ip_gre ipip; do
  modprobe -d "$cache/kernel" -S "$version" --show-depends "$module" 2>/dev/null | awk '$1 == "insmod" { print $2 }'
done | awk '!seen[$0]++' >"$tree/modules/paths"
while read -r path; do
  cp "$path" "$tree/modules/"
  echo "${path##*/}" >>"$tree/modules/order"
done <"$tree/modules/paths"
cat >"$tree/init" <<INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
while read -r m; do insmod /modules/\$m || echo "no \$m"; done </modules/order
mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=262144,cache=loose root /host || echo "no 9p"
mount -t proc proc /host/proc; mount -t sysfs sys /host/sys; mount -t devtmpfs dev /host/dev
mount -t tmpfs tmpfs /host/run
cd /host
chroot /host /usr/bin/env HOME=/run PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  $(command -v node) $root/scripts/kernel-e2e/guest.mjs $root
echo o >/proc/sysrq-trigger
sleep 5
INIT
chmod +x "$tree/init"
(cd "$tree" && find . | cpio --quiet -o -H newc | gzip -1) >"$cache/initramfs.gz"

timeout --foreground 1200 qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -nographic -no-reboot \
  -kernel "$vmlinuz" -initrd "$cache/initramfs.gz" -append 'console=ttyS0 quiet panic=-1' \
  -virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap -nic none </dev/null |
  tee "$cache/output.txt"
# To renew test/meter/wireguard/recorded, copy these files there.
node scripts/kernel-e2e/save-record.mjs "$cache/output.txt" "$cache"
grep -q '^[0-9]* passed, 0 failed' <(tr -d '\r' <"$cache/output.txt")
