/**
 * The names that options have in the environment, of all commands: a variable that is none of them is a slip.
 * Here as a list, since asking the commands would load all of them; a test compares.
 */
import { suggestion } from '../base/config.js'

const PREFIX = 'TUNMETER_'

export const OPTION_NAMES = `
ACTIVE_TIMEOUT ADDRESS ALL ALLOW_EMPTY ALLOW_PLAIN_HTTP AUDIT_RETENTION BATCH_SESSIONS BY CATALOG CATALOG_MAX
CA_FILE CLIENT CLIENT_CERT CLIENT_KEY CONFIG CONFIRM CONSOLIDATE CREATE_ORG CSV DATA DRAIN_TIMEOUT DRY_RUN EVENT EXPIRES
FILE FILTER FLOWS_MAX FOLLOW FORGET_INTERFACE_AFTER FORMAT FROM FROM_KEY FROM_ORG GIVE_UP_AFTER ID INTERFACE
INTERIM IPFIX IPFIX_CA_FILE IPFIX_DOMAIN JSON KEY KEY_FILE KEY_ID LIMIT LINGER LISTEN LOG_LEVEL METER_ID
METRICS_LISTEN NAME ONCE OPERATOR ORG OUTPUT OUTPUT_INTERIM OUTPUT_KEEP OUTPUT_PACK OUTPUT_ROTATE_EVERY
OUTPUT_ROTATE_SIZE PEERS PEERS_INTERVAL PRINT PROXY REPORT_INTERVAL REQUIRE_COMPLETE RESOURCE RESULT
RETENTION_DAYS RING SCOPE SEARCH SECONDS SERVER SESSIONS SHIFT_TO_NOW SILENCE_AFTER SINCE SITE SNAPLEN SORT SPOOL
SPOOL_MAX STORE_MEMORY STORE_THREADS TAILSCALE TCP_HALF_CLOSED_TIMEOUT TCP_HANDSHAKE_TIMEOUT TCP_TIMEOUT
TLS_CERT TLS_KEY TO TRUST_CLOCK TRUST_PROXY UDP_TIMEOUT USAGE_RETENTION USER WAIT_FOR_INTERFACE WG_EASY WG_QUICK
`
  .trim()
  .split(/\s+/)

/** One sentence for each variable that no command reads. */
export function unknownVariables(env: NodeJS.ProcessEnv): string[] {
  const known = OPTION_NAMES.map((name) => PREFIX + name)
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && env[name] !== '' && !known.includes(name))
    .map(
      (name) =>
        `the environment’s ${name} is ignored: no option has that name${suggestion(name, known)}`,
    )
}
