# Sourced by programs that check something inside a container: scripts/units-e2e, scripts/deb-e2e.
passed=0
failed=0
said=/tmp/said
# once NAME COMMAND...: the command must succeed at once. check: within two minutes.
once() { judge 0 "$@"; }
check() { judge 120 "$@"; }
judge() {
  local end=$((SECONDS + $1)) name=$2
  shift 2
  while true; do
    if "$@" >"$said" 2>&1; then
      echo "ok      $name"
      passed=$((passed + 1))
      return
    fi
    [ "$SECONDS" -lt "$end" ] || break
    sleep 0.1
  done
  echo "FAILED  $name"
  sed 's/^/        /' "$said"
  journalctl --no-pager -n 15 -u tunmeter-meter -u tunmeter-server | sed 's/^/        /'
  failed=$((failed + 1))
}
not() { ! "$@"; }
# is UNIT PROPERTY VALUE
is() { [[ $(systemctl show -P "$2" "$1") == "$3" ]]; }
# says TEXT COMMAND...
says() { local what=$1; shift; "$@" 2>&1 | tee /dev/stderr | grep -q -- "$what"; }
# log ROUTE and rows NUMBER [QUERY] ask the server with the key $admin.
log() { curl -sS --fail-with-body -H "authorization: Bearer $admin" "http://127.0.0.1:8480/api/v1/org/acme/$1"; }
rows() { [[ $(log "logs/connection${2:-}" | tee /dev/stderr | grep -o '"total":[0-9]*') == "\"total\":$1" ]]; }
summary() { echo "$passed passed, $failed failed"; }
