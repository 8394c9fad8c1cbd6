#!/usr/bin/env bash
# Runs under systemd in the Debian of scripts/deb-e2e.sh: installs, meters, upgrades, removes,
# purges, powers off.
export HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive
cd /packages
exec >/packages/said 2>&1
trap 'systemctl --no-block poweroff' EXIT

. /packages/guest-checks
# All files except the operator's and logs of the installation.
files() {
  find / -xdev \( -path /packages -o -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /var/log -o -path /var/cache \
    -o -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /root \) -prune -o -print | sort
}
replayed() { tunmeter replay --format csv "$(ls /packages/*.pcap* | head -1)" >/packages/amd64.csv && [ "$(wc -l </packages/amd64.csv)" -gt 100 ]; }

# keys: the operator's commands after the installation of a server.
keys() {
  admin=$(tunmeter keys create --data /var/lib/tunmeter-server --scope admin --org acme --create-org --name me --retention-days 30)
  (umask 077 && tunmeter keys create --data /var/lib/tunmeter-server --scope ingest --org acme --site 1 >/etc/tunmeter/site.key)
  sed -i 's#^to: .*#to: http://127.0.0.1:8480#' /etc/tunmeter/meter.yaml
}

ip link set lo up
ip link add wg0 type veth peer name far
ip link set far up
ip address add 10.9.0.1/24 dev wg0
ip link set wg0 up
ip neighbour add 10.9.0.2 lladdr 02:00:00:00:00:01 dev wg0
files >/packages/before

echo '-- from nothing to the first stored session'
start=$(date +%s%N)
once 'the server package installs' dpkg -i server.deb
once 'the server starts' systemctl start tunmeter-server
check 'it listens' curl -sS --fail http://127.0.0.1:8480/healthz
keys
# A session that is open is reported soon.
echo 'active-timeout: 1s' >>/etc/tunmeter/meter.yaml
once 'the meter starts' systemctl start tunmeter-meter
talks() { echo hello >/dev/udp/10.9.0.2/4500; sleep 1; rows 1; }
check 'a session is in the log' talks
tenths=$((($(date +%s%N) - start) / 100000000))
echo "deb, amd64: $((tenths / 10)).$((tenths % 10)) s from nothing to the first stored session"
echo 'tunmeter-server tunmeter-server/purge-data boolean true' | debconf-set-selections
once 'it is purged with its data' dpkg -P tunmeter-server
once 'no data is left' not ls -d /var/lib/tunmeter /var/lib/tunmeter-server /var/lib/private/tunmeter-server /etc/tunmeter

echo '-- the same files without dpkg'
plain_files() { files | while read -r path; do [ -d "$path" ] || echo "$path"; done; }
plain_files >/packages/before-files
once 'they unpack' tar -xzf meter.tar.gz -C /
systemctl daemon-reload
once 'the user is made' systemd-sysusers tunmeter.conf
once 'it replays' replayed
once 'its unit is known' says '^loaded$' systemctl show -P LoadState tunmeter-meter
(cd / && tar -tzf /packages/meter.tar.gz | xargs -d '\n' rm)
find /usr/lib/tunmeter /usr/share/doc/tunmeter-meter -depth -type d -empty -delete
once 'removing them leaves no file' diff /packages/before-files <(plain_files)

echo '-- the meter'
once 'an older meter installs' dpkg -i meter-older.deb
once 'nothing is started or enabled' not systemctl is-enabled tunmeter-meter
once 'its user is there' id tunmeter
once 'it replays' replayed
once 'its manual is there' test -e /usr/share/man/man1/tunmeter-meter.1.gz
once 'without a key it does not start' not systemctl start tunmeter-meter
once 'and says so' says 'Assertion failed for tunmeter-meter' journalctl --no-pager -b
once 'and is not tried again and again' is tunmeter-meter NRestarts 0
echo '# of the operator' >>/etc/tunmeter/meter.yaml
once 'it is upgraded' dpkg -i --force-confold meter.deb
once 'the upgrade keeps the configuration' grep -q 'of the operator' /etc/tunmeter/meter.yaml

echo '-- the server takes its place'
once 'an older server installs' dpkg -i --force-confold server-older.deb
once 'in place of the meter package' says ' config-files$' dpkg-query -W -f '${Status}\n' tunmeter-meter
once 'the configuration is still there' grep -q 'of the operator' /etc/tunmeter/meter.yaml
mkdir -p /var/lib/tunmeter/kept
echo 'tunmeter-meter tunmeter-meter/purge-data boolean true' | debconf-set-selections
once 'what is left of the meter package is purged' dpkg -P tunmeter-meter
once 'that takes neither configuration' grep -q 'of the operator' /etc/tunmeter/meter.yaml
once 'nor data, which are the server package’s now' test -d /var/lib/tunmeter/kept
once 'the server starts' systemctl enable --now tunmeter-server
check 'it listens' curl -sS --fail http://127.0.0.1:8480/healthz
keys
once 'the meter starts' systemctl enable --now tunmeter-meter
check 'it reads the interface' says '^tunmeter_interface_up{interface="wg0"} 1' curl -sS 127.0.0.1:9480/metrics
for port in 53 123 500; do echo "to $port" >"/dev/udp/10.9.0.2/$port"; done
systemctl reload tunmeter-meter
check 'sessions are counted' says '^tunmeter_sessions_opened_total{interface="wg0"} 3' curl -sS 127.0.0.1:9480/metrics

echo '-- upgrade while both run'
server=$(systemctl show -P MainPID tunmeter-server) meter=$(systemctl show -P MainPID tunmeter-meter)
once 'they are upgraded' dpkg -i --force-confold server.deb
once 'the server was restarted' not is tunmeter-server MainPID "$server"
once 'the meter was restarted' not is tunmeter-meter MainPID "$meter"
check 'the server is ready' curl -sS --fail http://127.0.0.1:8480/readyz
check 'the sessions of before are in the log' rows 3
check 'the meter reads on' says '^tunmeter_interface_up{interface="wg0"} 1' curl -sS 127.0.0.1:9480/metrics
echo again >/dev/udp/10.9.0.2/4500
check 'and counts' says '^tunmeter_sessions_opened_total{interface="wg0"} 1' curl -sS 127.0.0.1:9480/metrics

echo '-- downgrade, removal, purge'
once 'the older version can be put back' dpkg -i --force-confold server-older.deb
once 'it is removed' dpkg -r tunmeter-server
once 'nothing runs' not pgrep -f usr/lib/tunmeter
once 'the program is gone' not test -e /usr/lib/tunmeter
once 'the configuration stays' grep -q 'of the operator' /etc/tunmeter/meter.yaml
once 'the key stays' test -s /etc/tunmeter/site.key
once 'it is purged' dpkg -P tunmeter-server
once 'the configuration is gone' not test -e /etc/tunmeter/meter.yaml
once 'the spool stays' test -d /var/lib/tunmeter/spool
once 'the database stays' test -d /var/lib/private/tunmeter-server
files | comm -13 /packages/before - |
  grep -vE '^/var/lib/(private|(private/)?tunmeter(-server)?)(/|$)|^/etc/tunmeter(/site.key)?$|^/etc/(passwd|group|shadow|gshadow)-$' >/packages/left
once 'nothing but data and the key is left' diff /dev/null /packages/left
once 'it installs anew beside the data' dpkg -i server.deb
systemctl start tunmeter-server
check 'and has its log' rows 4
echo 'tunmeter-server tunmeter-server/purge-data boolean true' | debconf-set-selections
once 'it is purged with its data' dpkg -P tunmeter-server
once 'no data is left' not ls -d /var/lib/tunmeter /var/lib/tunmeter-server /var/lib/private/tunmeter-server /etc/tunmeter

summary
