/** `tunmeter meter`: the sidecar of a site. */

import {
  badOptions,
  choice,
  duration,
  integer,
  type OptionValues,
  size,
  text,
  textList,
  toggle,
} from '../base/config.js'
import { LOG_LEVELS } from '../base/log.js'
import { ownerOnly } from '../base/owner-only.js'
import { defineCommand } from './command.js'
import { ENGINE_FLAGS } from './engine-flags.js'
import { SERVER_FLAGS } from './server-flags.js'

const OPTIONS = {
  interface: textList('Interface to meter, or a pattern as in wg*. Repeatable', 'IF'),
  ...SERVER_FLAGS,
  catalog: text('Names and owners from this JSON or YAML file; else from the server', 'FILE'),
  spool: text(
    'Where batches wait until the server has them. Default: /var/lib/tunmeter/spool as root, spool in systemd’s state directory, else tunmeter/spool in ~/.local/state',
    'DIR',
  ),
  spoolMax: size(
    'Disk space for waiting batches; beyond it the oldest goes and is counted',
    2 ** 30,
    {
      min: 2 ** 20,
      max: 2 ** 40,
    },
  ),
  meterId: text('Name of this meter at the server; else one is made and kept in the spool', 'ID'),
  waitForInterface: toggle('Start although the interface is not there yet'),
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
  consolidate: toggle('Merge bursts: same source address, destination and resource, gaps to 5 s'),
  peersInterval: duration('Read the WireGuard peers this often', 5_000, {
    min: 500,
    max: 3_600_000,
  }),
  reportInterval: duration('Report to the server this often when there are no sessions', 60_000, {
    min: 1_000,
    max: 3_600_000,
  }),
  drainTimeout: duration(
    'At the end, wait this long for the server; the rest stays in the spool',
    10_000,
    {
      min: 0,
      max: 3_600_000,
    },
  ),
  user: text(
    'Started as root: become this user before reading a packet. Default: tunmeter, or one without a name; root where only root may ask for the peers',
    'NAME',
  ),
  metricsListen: text('Serve Prometheus metrics here, as in 127.0.0.1:9480', 'HOST:PORT'),
  logLevel: choice('What is logged, to standard error as JSON lines', 'LEVEL', LOG_LEVELS, 'info'),
} as const

export type MeterOptions = OptionValues<typeof OPTIONS>

export const command = defineCommand({
  name: 'meter',
  summary: 'Meter a tunnel interface and deliver its sessions to a server.',
  details: `Example:
  tunmeter meter --interface wg0 --to https://logs.example.org --key-file /etc/tunmeter/site.key

SIGTERM and SIGINT end open sessions, deliver what they can within --drain-timeout and keep the rest in
the spool; a second one ends at once, with everything on disk. SIGHUP reads key file and catalog again.
Needs CAP_NET_RAW for packets and CAP_NET_ADMIN for the peers. See docs/operations.md.`,
  options: OPTIONS,
  async run(_args, options, context) {
    if (options.interface.length === 0) {
      throw badOptions(['--interface IF is required: the tunnel’s interface, as in wg0'])
    }
    if (options.consolidate && options.activeTimeout > 0 && context.env.TUNMETER_ACTIVE_TIMEOUT) {
      throw badOptions([
        '--consolidate reports sessions only when they have ended: leave out --active-timeout',
      ])
    }
    ownerOnly()
    const { MeterRun } = await import('../meter/run/meter-run.js')
    return new MeterRun(options, context).run()
  },
})
