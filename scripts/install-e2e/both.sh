#!/usr/bin/env bash
# Runs in the root of scripts/install-e2e.sh, in a network namespace of its own, and does what a
# newcomer does: two keys, a server, a meter of loopback. Ends when a session of its traffic is in
# the server's log. Leaves nothing behind.
#   both.sh [CAPTURE]      with a capture: this is replayed in place of the meter, where there are no packet sockets
set -euo pipefail
work=$(mktemp -d)
children=()
# Waits for both, because they could write into the folder while it is removed.
trap 'kill "${children[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT
address=127.0.0.1:8480
create() { tunmeter keys create --data "$work/server" --org acme "$@"; }
log() { TUNMETER_KEY=$admin tunmeter log --server http://$address --limit 1000 --json "$@"; }

admin=$(create --scope admin --create-org --name me --retention-days 30)
ingest=$(create --scope ingest --site 1)
tunmeter serve --data "$work/server" --listen $address 2>"$work/server.log" &
children+=($!)
if [ $# -gt 0 ]; then
  TUNMETER_KEY=$ingest tunmeter replay --to http://$address --give-up-after 5m --spool "$work/spool" "$1" >&2
  log --from 2020-01-01 >"$work/log"
  [ "$(wc -l <"$work/log")" -gt 100 ]
  exit
fi
TUNMETER_KEY=$ingest tunmeter meter --interface lo --user root --to http://$address --spool "$work/spool" \
  --active-timeout 1s 2>"$work/meter.log" &
children+=($!)
for ((i = 0; i < 60; i++)); do
  echo hello >/dev/udp/127.0.0.1/4500
  if log 2>"$work/log" | grep -q '"destAddr":"127.0.0.1:4500"'; then
    exit 0
  fi
  sleep 1
done
cat "$work"/*log "$work/log" >&2
exit 1
