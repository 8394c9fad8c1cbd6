/** `tunmeter replay FILE…`: the meter's left half over capture files; prints sessions or delivers them. */

import {
  badOptions,
  choice,
  duration,
  envName,
  integer,
  kebabCase,
  type OptionValues,
  size,
  text,
  toggle,
} from '../base/config.js'
import { AppError, EXIT } from '../base/errors.js'
import { fileFault } from '../meter/replay/capture-files.js'
import { Replay } from '../meter/replay/replay-run.js'
import { BATCH_SESSIONS_MAX } from '../session/batch.js'
import { defineCommand } from './command.js'
import { ENGINE_FLAGS } from './engine-flags.js'
import { SERVER_FLAGS } from './server-flags.js'

const FORMATS = ['auto', 'table', 'ndjson', 'csv', 'summary', 'none'] as const

const OPTIONS = {
  format: choice(
    'How sessions are printed; auto: a table on a terminal, ndjson elsewhere, nothing with --to',
    'FORMAT',
    FORMATS,
    'auto',
  ),
  output: text('Write to this file instead of standard output', 'FILE'),
  catalog: text('Names and owners of clients and resources: a JSON or YAML file', 'FILE'),
  peers: text(
    'WireGuard peers at the time of the capture: JSON as tunmeter peers --json prints',
    'FILE',
  ),
  interim: toggle('Report open sessions every --active-timeout too, under the same session id'),
  activeTimeout: duration('How often --interim reports an open session', 60_000, {
    min: 1_000,
    max: 86_400_000,
  }),
  consolidate: toggle('Merge bursts: same source address, destination and resource, gaps to 5 s'),
  shiftToNow: toggle('Move the clock so that the newest packet is now'),
  ...ENGINE_FLAGS,
  ...SERVER_FLAGS,
  spool: text('With --to: keep what is not stored yet here, and go on there next time', 'DIR'),
  spoolMax: size('With --to: wait when so much is not stored yet', 256 * 2 ** 20, {
    min: 2 ** 20,
    max: 2 ** 40,
  }),
  batchSessions: integer('With --to: sessions in one request', 'N', BATCH_SESSIONS_MAX, {
    min: 1,
    max: BATCH_SESSIONS_MAX,
  }),
  giveUpAfter: duration(
    'With --to: end with an error when nothing could be stored for so long',
    60_000,
    {
      min: 0,
      max: 86_400_000,
    },
  ),
} as const

export type ReplayOptions = OptionValues<typeof OPTIONS>

export const command = defineCommand({
  name: 'replay',
  arguments: '<file...>',
  summary: 'Read capture files (pcap, pcapng, also gzip’d; - for standard input) as sessions.',
  details: `Examples:
  tunmeter replay site.pcap
  tunmeter replay --format csv --catalog catalog.yaml --output site.csv monday.pcap.gz tuesday.pcap
  tcpdump -i wg0 -s 96 -w - | tunmeter replay -
  tunmeter replay --to http://127.0.0.1:8480 --key-file site.key site.pcap

Files are read one after the other as one capture. A damaged file gives its sessions up to there, a
message with the byte offset, and exit code 1; so does one that is missing, and the others are read.
Delivered twice with the same options, a file is stored once; a pipe or FIFO cannot be told again.
With --to, --catalog and --peers say whose a session is (ids); names are shown by the server's own
catalog: tunmeter catalog push.`,
  options: OPTIONS,
  async run(files, options, context) {
    checkFiles(files)
    checkDelivery(options, context.env)
    if (options.interim && options.consolidate) {
      throw badOptions([
        '--interim and --consolidate exclude each other: a merged session has ended',
      ])
    }
    return new Replay(files, options, context).run()
  },
})

/** The engine names a file that cannot be read, and reads the others; when none can, nothing is begun. */
function checkFiles(files: readonly string[]): void {
  const faults = files.map(fileFault)
  if (faults.includes(null)) return
  throw new AppError('FILE_UNREADABLE', faults.join('\n'), { exitCode: EXIT.failed })
}

const DELIVERY_ONLY = [
  'key',
  'keyFile',
  'caFile',
  'clientCert',
  'clientKey',
  'proxy',
  'spool',
] as const

/** Without --to they do nothing, and who gives one means to deliver. The environment may hold them for all commands. */
function checkDelivery(options: ReplayOptions, env: NodeJS.ProcessEnv): void {
  if (options.to !== undefined) return
  const idle = DELIVERY_ONLY.filter(
    (name) => options[name] !== undefined && options[name] !== env[envName(name)],
  )
  if (idle.length === 0) return
  throw badOptions(
    idle.map((name) => `--${kebabCase(name)} does nothing without --to URL: nothing is delivered`),
  )
}
