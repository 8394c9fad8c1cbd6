#!/usr/bin/env bash
# Runs in the container of scripts/units-e2e.sh: installs by docs/operations.md, meters, checks,
# powers off.
export HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec >/root/units.txt 2>&1
trap 'systemctl --no-block poweroff' EXIT

. /usr/bin/guest-checks
metric() { [[ $(curl -sS 127.0.0.1:9480/metrics | awk -v name="$1" '$1 == name { print $2 }') == "$2" ]]; }
# CapEff is a mask in hexadecimal: bit 12 is CAP_NET_ADMIN, bit 13 CAP_NET_RAW.
capabilities() { [[ $(awk '$1 == "CapEff:" { print $2 }' "/proc/$(systemctl show -P MainPID "$1")/status") == "$2" ]]; }
user() { [[ $(ps -o user:20= -p "$(systemctl show -P MainPID "$1")") == "$2"* ]]; }

owner() { [[ $(stat -c %U /var/lib/tunmeter/spool/* | sort -u) == "$1" ]]; }

ip link set lo up
check 'the server starts' systemctl start tunmeter-server
once 'it listens then' curl -sS --fail http://127.0.0.1:8480/healthz
once 'and says where' says 'listening on http://127.0.0.1:8480' systemctl show -P StatusText tunmeter-server
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
check 'the meter reloads' systemctl reload tunmeter-meter
check 'the server reloads' systemctl reload tunmeter-server
once 'both are active then' systemctl is-active tunmeter-meter tunmeter-server
pid=$(systemctl show -P MainPID tunmeter-meter)
sleep 35
check 'the watchdog (30 s) is fed' is tunmeter-meter MainPID "$pid"
kill -STOP "$pid"
check 'a meter that hangs is started again' is tunmeter-meter NRestarts 1
check 'and meters' metric 'tunmeter_interface_up{interface="wg0"}' 1
echo again >/dev/udp/10.9.0.2/4500
check 'what comes then arrives' rows 4

echo '-- a userspace WireGuard, whose socket is for root'
check 'wireguard-go starts' wireguard-go wgu0
(umask 077 && wg genkey >/root/private)
wg genkey | wg pubkey >/root/peer
wg set wgu0 private-key /root/private peer "$(cat /root/peer)" allowed-ips 10.8.0.2/32
ip address add 10.8.0.1/24 dev wgu0
ip link set wgu0 up
sed -i 's/^interface: .*/interface: wgu0/' /etc/tunmeter/meter.yaml
check 'the meter starts for it' systemctl restart tunmeter-meter
check 'as its user it cannot read the peers, and warns' says 'no permission to read the peers' journalctl -p warning --no-pager -u tunmeter-meter
install -D -m 644 -t /etc/systemd/system/tunmeter-meter.service.d /root/userspace.conf
systemctl daemon-reload
check 'it starts with the drop-in' systemctl restart tunmeter-meter
once 'as root' user tunmeter-meter root
once 'with the same capabilities' capabilities tunmeter-meter 0000000000003000
check 'it reads the peers' metric 'tunmeter_peers{interface="wgu0"}' 1
once 'the spool is root’s' owner root
echo 'through the tunnel' >/dev/udp/10.8.0.2/4500
check 'a session arrives' rows 5
rm /etc/systemd/system/tunmeter-meter.service.d/userspace.conf
systemctl daemon-reload
check 'it starts without the drop-in' systemctl restart tunmeter-meter
once 'as its user' user tunmeter-meter tunmeter
once 'the spool is its user’s' owner tunmeter

echo '-- the end'
systemctl stop tunmeter-meter tunmeter-server
check 'the meter ends in order' is tunmeter-meter Result success
check 'the server ends in order' is tunmeter-server Result success
echo 'listen: nonsense' >/etc/tunmeter-server/server.yaml
once 'a server with a wrong option does not start' bash -c '! systemctl start tunmeter-server'
once 'and is not tried again and again' is tunmeter-server ActiveState failed
rm /etc/tunmeter/meter.yaml
check 'a meter without its file fails' bash -c '! systemctl start tunmeter-meter'
check 'and is not tried again and again' is tunmeter-meter ActiveState failed

summary
