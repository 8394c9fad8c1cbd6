/** Options of `tunmeter meter`. */
import {
  choice,
  duration,
  integer,
  type OptionValues,
  parsedList,
  parsedText,
  size,
  text,
  textList,
  textOfForm,
  toggle,
} from '../../base/config.js'
import { hostPortText } from '../../base/host-port.js'
import { LOG_LEVELS } from '../../base/log.js'
import { CATALOG_BYTES_MAX, METER_ID, METER_ID_EXPECTED } from '../../session/bounds.js'
import { checkPattern } from '../../session/watched.js'
import { ENGINE_FLAGS } from '../capture/engine-flags.js'
import { IPFIX_FLAGS } from '../ipfix/ipfix-flags.js'
import { OUTPUT_FLAGS } from '../output/output-flags.js'
import { SERVER_FLAGS } from '../ship/server-flags.js'
import { CONNECTED_FOR_MS } from '../wireguard/peer-changes.js'

export const METER_OPTIONS = {
  interface: textList('Interface to meter, or a pattern as in wg*. Repeatable', 'IF'),
  ...SERVER_FLAGS,
  ...OUTPUT_FLAGS,
  ...IPFIX_FLAGS,
  catalog: text(
    'Names and owners from this JSON or YAML file. Default: the server’s catalog',
    'FILE',
  ),
  catalogMax: size('Largest catalog accepted from the server', CATALOG_BYTES_MAX, {
    min: 2 ** 20,
    max: 2 ** 28,
  }),
  spool: text(
    'Directory of batches that wait for the server. Default: /var/lib/tunmeter/spool as root, spool in systemd’s state directory, else tunmeter/spool in ~/.local/state',
    'DIR',
  ),
  spoolMax: size(
    'Disk space for waiting batches; beyond it the oldest is deleted and counted',
    2 ** 30,
    {
      min: 2 ** 20,
      max: 2 ** 40,
    },
  ),
  meterId: textOfForm(
    'Name of this meter at the server: 1 to 64 of A-Z a-z 0-9 _ . : -; else one is made and kept in the spool',
    'ID',
    METER_ID,
    METER_ID_EXPECTED,
  ),
  waitForInterface: toggle('Start even if the interface does not exist yet'),
  forgetInterfaceAfter: duration(
    'Forget an interface of a pattern after it was gone for this long',
    3_600_000,
    { min: 1_000, max: 30 * 86_400_000 },
  ),
  filter: text('Meter only packets that match (pcap-filter(7))', 'FILTER'),
  snaplen: integer('Bytes captured of a packet; 0: enough for its headers, 256', 'N', 0, {
    min: 0,
    max: 262_144,
  }),
  ring: size('The kernel’s capture buffer', 16 * 2 ** 20, { min: 2 ** 20, max: 2 ** 30 }),
  activeTimeout: duration('Report open sessions this often; 0s: only when they end', 60_000, {
    min: 0,
    max: 86_400_000,
  }),
  ...ENGINE_FLAGS,
  consolidate: toggle(
    'Merge bursts: same source address, destination and resource, gaps up to 5 s',
  ),
  peersInterval: duration('Read the WireGuard peers this often', 5_000, {
    min: 500,
    max: 3_600_000,
  }),
  connectedFor: duration(
    'A WireGuard peer counts as connected until its last handshake is this old',
    CONNECTED_FOR_MS,
    { min: 1_000, max: 86_400_000 },
  ),
  reportInterval: duration('Report to the server this often when there are no sessions', 60_000, {
    min: 1_000,
    max: 3_600_000,
  }),
  drainTimeout: duration(
    'On exit, wait this long for the server (the rest stays in the spool) and for --output',
    10_000,
    {
      min: 0,
      max: 3_600_000,
    },
  ),
  user: text(
    'If started as root, become this user before reading a packet. Default: tunmeter, else an unused id; root if only root can read the peers',
    'NAME',
  ),
  metricsListen: parsedText(
    'Serve Prometheus metrics here, as in 127.0.0.1:9480',
    'HOST:PORT',
    hostPortText,
  ),
  metricsClients: parsedList(
    'Serve metrics of these clients too, by name or id; * stands for any text. Repeatable',
    'NAME',
    checkPattern,
  ),
  metricsResources: parsedList('The same for these resources', 'NAME', checkPattern),
  logLevel: choice(
    'Log level; the log is JSON lines on standard error',
    'LEVEL',
    LOG_LEVELS,
    'info',
  ),
} as const

export type MeterOptions = OptionValues<typeof METER_OPTIONS>
