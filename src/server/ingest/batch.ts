/** The schema of a batch without its sessions, which check.ts checks one by one. */
import { z } from 'zod'
import { BATCH_SESSIONS_MAX, REPLAY_STATES } from '../../session/batch.js'
import {
  isStorableTime,
  METER_ID,
  METER_ID_EXPECTED,
  REPORT_BYTES_MAX,
  REPORT_INTERFACE_MAX,
  REPORT_KEYS_MAX,
  REPORT_PLACES_MAX,
} from '../../session/bounds.js'
import { BATCH_PEER_EVENTS_MAX } from '../../session/peer-event.js'

const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
const time = z.iso
  .datetime({ offset: true })
  .refine(isStorableTime, 'expected a real date and time from 1970 to 2200')
const word = z.string().min(1).max(64)
/** A record of at most REPORT_KEYS_MAX names. */
function record<T extends z.ZodType>(value: T) {
  return z
    .record(word, value)
    .refine(
      (counted) => Object.keys(counted).length <= REPORT_KEYS_MAX,
      `expected at most ${REPORT_KEYS_MAX} names`,
    )
}

const counts = record(count)

/** Meters before version 0.2 say `setAside` for `quarantined`. */
const spool = z.preprocess(
  (said: unknown) =>
    typeof said === 'object' && said !== null && 'setAside' in said
      ? { quarantined: said.setAside, ...said }
      : said,
  z.object({ batches: count, bytes: count, quarantined: count }),
)
const gapReason = word.transform((said) => (said === 'setAsideFull' ? 'quarantineFull' : said))

export const meterReportSchema = z.object({
  version: z.string().max(64),
  interface: z.string().max(REPORT_INTERFACE_MAX),
  startedAt: time,
  at: time,
  packets: count,
  bytes: count,
  other: record(z.object({ packets: count, bytes: count })),
  openSessions: count,
  packetsDropped: count,
  sessionsDropped: counts,
  spool,
  reconciliation: record(z.number()).optional(),
  wholeUntil: time.optional(),
  uptimeMs: z.object({ startedAt: count, at: count }).optional(),
  watchingSince: time.optional(),
  places: z.array(word).max(REPORT_PLACES_MAX).optional(),
  replay: z.enum(REPLAY_STATES).optional(),
})

/** Checks the size before parsing, because the log keeps unknown keys too. */
const boundedReport = z.preprocess((report, context) => {
  if (Buffer.byteLength(JSON.stringify(report) ?? '') > REPORT_BYTES_MAX)
    context.addIssue(`expected at most ${REPORT_BYTES_MAX} bytes of JSON`)
  return report
}, meterReportSchema)

const spoolId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected 1 to 64 of A-Z a-z 0-9 _ -')
const number = z.int().min(1).max(Number.MAX_SAFE_INTEGER)

export const batchGapSchema = z.object({
  reason: gapReason,
  sessions: count,
  spoolId: spoolId.optional(),
  fromBatch: count.optional(),
  toBatch: count.optional(),
  from: time,
  to: time,
  interface: word.optional(),
  bytes: count.optional(),
  peers: z
    .array(z.object({ publicKey: word, bytes: count }))
    .max(100)
    .optional(),
})

export const batchSchema = z
  .object({
    meterId: z.string().regex(METER_ID, METER_ID_EXPECTED),
    spoolId: spoolId.optional().meta({
      description:
        'Random id of the data file in which the meter numbers its batches; new with each file.',
    }),
    firstBatch: number
      .optional()
      .meta({ description: 'The first batch number of this spoolId. Default: 1.' }),
    batch: number,
    remade: z.literal(true).optional().meta({
      description:
        'Made again of an earlier batch, whose report it has: its number is no sign of its age.',
    }),
    report: boundedReport,
    gaps: z.array(batchGapSchema).max(1000),
    /** Each is checked on its own, like the sessions. */
    peerEvents: z
      .array(z.unknown())
      .max(BATCH_PEER_EVENTS_MAX)
      .optional()
      .meta({ description: 'Events of WireGuard peers.' }),
    /** Each is checked on its own, so that one bad record costs only itself. */
    sessions: z.array(z.unknown()).max(BATCH_SESSIONS_MAX),
  })
  .refine((batch) => (batch.firstBatch ?? 1) <= batch.batch, {
    path: ['firstBatch'],
    message: 'expected at most the number of the batch',
  })

export const batchReceiptSchema = z.object({
  batch: z.int(),
  stored: z.int().meta({ description: 'Sessions that are durable now, without refused ones.' }),
  refused: z.array(
    z.object({ index: z.int(), sessionId: z.string().nullable(), reason: z.string() }),
  ),
  peerEvents: z
    .int()
    .optional()
    .meta({ description: 'Events of peers that are durable now; absent if the batch had none.' }),
  repeated: z
    .boolean()
    .meta({ description: 'The server had the batch already, so nothing changed.' }),
  notice: z
    .string()
    .optional()
    .meta({ description: 'The reason why nothing is stored, if the retention is 0.' }),
})
