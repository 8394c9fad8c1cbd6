#!/usr/bin/env bash
# Runs in the container of scripts/units-e2e.sh: installs by docs/operations.md, meters, checks,
# powers off.
export HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec >/root/units.txt 2>&1
trap 'systemctl --no-block poweroff' EXIT

passed=0
failed=0
# check NAME COMMAND...: the command must succeed within 60 s.
check() {
  local name=$1 i
  shift
  for ((i = 0; i < 600; i++)); do
    if "$@" >/tmp/said 2>&1; then
      echo "ok      $name"
      passed=$((passed + 1))
      return
    fi
    sleep 0.1
  done
  echo "FAILED  $name"
  sed 's/^/        /' /tmp/said
  journalctl --no-pager -n 15 -u tunmeter-meter -u tunmeter-server | sed 's/^/        /'
  failed=$((failed + 1))
}
is() { [[ $(systemctl show -P "$2" "$1") == "$3" ]]; }
metric() { [[ $(curl -sS 127.0.0.1:9480/metrics | awk -v name="$1" '$1 == name { print $2 }') == "$2" ]]; }
log() { curl -sS --fail-with-body -H "authorization: Bearer $admin" "http://127.0.0.1:8480/api/v1/org/acme/$1"; }
rows() { [[ $(log logs/connection | node -p 'JSON.parse(require("fs").readFileSync(0)).data.pagination.total') == "$1" ]]; }
# CapEff is a mask in hexadecimal: bit 12 is CAP_NET_ADMIN, bit 13 CAP_NET_RAW.
capabilities() { [[ $(awk '$1 == "CapEff:" { print $2 }' "/proc/$(systemctl show -P MainPID "$1")/status") == "$2" ]]; }
user() { [[ $(ps -o user:20= -p "$(systemctl show -P MainPID "$1")") == "$2"* ]]; }

ip link set lo up
check 'the server starts' systemctl start tunmeter-server
check 'the server listens' curl -sS --fail http://127.0.0.1:8480/healthz
check 'the server is a user of its own' user tunmeter-server tunmeter-server
check 'the server has no capability' capabilities tunmeter-server 0000000000000000
admin=$(tunmeter keys create --data /var/lib/tunmeter-server --scope admin --org acme --create-org --name me --retention-days 30)
(umask 077 && tunmeter keys create --data /var/lib/tunmeter-server --scope ingest --org acme --site 1 >/etc/tunmeter/site.key)
sed -i 's#^to: .*#to: http://127.0.0.1:8480#' /etc/tunmeter/meter.yaml

check 'the meter starts before its interface is there' systemctl start tunmeter-meter
check 'the meter is its user' user tunmeter-meter tunmeter
check 'the meter has CAP_NET_RAW and CAP_NET_ADMIN and no other' capabilities tunmeter-meter 0000000000003000
ip link add wg0 type veth peer name far
ip link set far up
ip address add 10.9.0.1/24 dev wg0
ip link set wg0 up
ip neighbour add 10.9.0.2 lladdr 02:00:00:00:00:01 dev wg0
check 'the meter reads the interface that came' metric 'tunmeter_interface_up{interface="wg0"}' 1
for port in 53 123 500; do echo "to $port" >"/dev/udp/10.9.0.2/$port"; done
check 'sessions arrive' rows 3
check 'it reloads' systemctl reload tunmeter-meter
pid=$(systemctl show -P MainPID tunmeter-meter)
sleep 35
check 'the watchdog (30 s) is fed' is tunmeter-meter MainPID "$pid"
kill -STOP "$pid"
check 'a meter that hangs is started again' is tunmeter-meter NRestarts 1
check 'and meters' metric 'tunmeter_interface_up{interface="wg0"}' 1
echo again >/dev/udp/10.9.0.2/4500
check 'what comes then arrives' rows 4
systemctl stop tunmeter-meter tunmeter-server
check 'the meter ends in order' is tunmeter-meter Result success
check 'the server ends in order' is tunmeter-server Result success
rm /etc/tunmeter/meter.yaml
check 'a meter without its file fails' bash -c '! systemctl start tunmeter-meter'
check 'and is not tried again and again' is tunmeter-meter ActiveState failed

echo "$passed passed, $failed failed"
