/** Options of `tunmeter replay`. */
import {
  choice,
  duration,
  integer,
  type OptionValues,
  size,
  text,
  toggle,
} from '../../base/config.js'
import { BATCH_SESSIONS_MAX } from '../../session/batch.js'
import { ENGINE_FLAGS } from '../capture/engine-flags.js'
import { IPFIX_FLAGS } from '../ipfix/ipfix-flags.js'
import { SERVER_FLAGS } from '../ship/server-flags.js'

const FORMATS = ['auto', 'table', 'ndjson', 'csv', 'summary', 'none'] as const

export const REPLAY_OPTIONS = {
  format: choice(
    'Format of the sessions; auto: a table on a terminal, ndjson elsewhere, none with --to',
    'FORMAT',
    FORMATS,
    'auto',
  ),
  output: text('Write to this file instead of standard output', 'FILE'),
  ...IPFIX_FLAGS,
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
  consolidate: toggle(
    'Merge bursts: same source address, destination and resource, gaps up to 5 s',
  ),
  shiftToNow: toggle('Move the clock so that the newest packet is now'),
  ...ENGINE_FLAGS,
  ...SERVER_FLAGS,
  spool: text(
    'With --to: keep batches here until they are stored, and continue with them at the next start. Default: a temporary directory',
    'DIR',
  ),
  spoolMax: size('With --to: stop reading while this much waits for the server', 256 * 2 ** 20, {
    min: 2 ** 20,
    max: 2 ** 40,
  }),
  batchSessions: integer('With --to: the most sessions in one request', 'N', BATCH_SESSIONS_MAX, {
    min: 1,
    max: BATCH_SESSIONS_MAX,
  }),
  giveUpAfter: duration(
    'With --to: end with an error when the server has stored nothing for this long',
    60_000,
    {
      min: 0,
      max: 86_400_000,
    },
  ),
} as const

export type ReplayOptions = OptionValues<typeof REPLAY_OPTIONS>
