# A Debian without compiler in which npm installs, for install-e2e.sh and arm64-e2e.sh. The caller sets `work`, a folder
# that exists, and `root`, the Debian's folder, and has a function `fail`.

# node_of ARCH MAJOR: the folder of npm's package of this Node.
node_of() {
  local folder="$work/node-$1-$2"
  mkdir -p "$folder"
  (cd "$folder" && npm pack --silent "node-linux-$1@$2" >/dev/null && tar -xzf ./*.tgz --strip-components=1)
  echo "$folder"
}

# put_npm PACKAGE...: npm, its settings, and what the tests need, among it these packages.
put_npm() {
  local tool file
  for tool in g++ cc make python3; do
    [ ! -e "$root/usr/bin/$tool" ] || fail "the root has $tool: it shows nothing"
  done
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  mkdir -p "$root/etc/ssl/certs" "$root/opt/packages" "$root/opt/npm"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  cp scripts/install-e2e/both.sh fixtures/demo/*.pcap* "$root/opt/"
  cp "$@" "$root/opt/packages/"
  cp -r "$(dirname "$(readlink -f "$(command -v npm)")")/.." "$root/opt/npm/"
  for file in ~/.npmrc "$(npm config get globalconfig)"; do
    [ -f "$file" ] && cat "$file" >>"$root/root/.npmrc"
  done
  mount -t proc none "$root/proc"
}

# put_node ARCH MAJOR: this Node in place of the one before, with npm's cache empty.
put_node() {
  rm -rf "$root/opt/node" "$root/root/.npm"
  cp -r "$(node_of "$1" "$2")" "$root/opt/node"
  printf '#!/bin/sh\nexec node /opt/npm/bin/npm-cli.js "$@"\n' >"$root/opt/node/bin/npm"
  chmod +x "$root/opt/node/bin/npm"
}

inside() {
  chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/opt/node/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
    ${NODE_EXTRA_CA_CERTS:+NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt} "$@"
}

# both [CAPTURE]: runs both.sh in the root and in a network of its own, so that it meters and listens on nothing else.
both() {
  unshare --net sh -c 'ip link set lo up && exec "$@"' sh chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 \
    PATH=/opt/node/bin:/usr/bin:/bin bash /opt/both.sh "$@" >"$work/both" 2>&1 || { cat "$work/both"; return 1; }
}

# clock: sets `began` and `cpu_began`; took: the seconds since then, and the CPU seconds of ended processes, because the
# machine may have other work.
cpu_ticks() { awk '{ print $14 + $15 + $16 + $17 }' "/proc/$$/stat"; }
clock() { began=$(date +%s%N) cpu_began=$(cpu_ticks); }
took() {
  awk -v ns=$(($(date +%s%N) - began)) -v ticks=$(($(cpu_ticks) - cpu_began)) -v hz="$(getconf CLK_TCK)" \
    'BEGIN { printf "%.1f s (%.1f s of CPU)", ns / 1e9, ticks / hz }'
}

# All files of the root except the caches of npm and Node.js.
files() {
  find "$root" -xdev \( -path "$root/proc" -o -path "$root/root/.npm" -o -path "$root/tmp/node-compile-cache" \) -prune -o \
    ! -type d -print | sort
}
