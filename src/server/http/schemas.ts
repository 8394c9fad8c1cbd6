/** Schemas of the API's answers. The schema of rows is made from the field list, so neither can drift from the other. */
import { z } from 'zod'
import { SESSION_FIELD_NAMES, SESSION_FIELDS } from '../../session/session-table.js'
import { AUDIT_EVENT_NAMES } from '../control/audit-event.js'
import { SCOPES } from '../control/control.js'
import { LOG_FIELDS, type LogField } from '../query/api-row.js'
import { HOLE_CAUSES } from '../query/completeness.js'
import { NOTICE_CODES } from '../query/notice.js'
import { PROBLEM_CODES } from '../query/problems.js'
import { METER_STATUSES, SITE_STATUSES } from '../query/sites.js'

const int = z.int()

function fieldSchema(field: LogField): z.ZodType {
  const base =
    field.type === 'text'
      ? z.string()
      : field.type === 'boolean'
        ? z.boolean()
        : field.type === 'integer'
          ? int
          : z.number()
  return (field.nullable ? base.nullable() : base).meta({ description: field.help })
}

/** Access logs know no packets: what they cannot fill is null as well. */
const UNKNOWN_TO_ACCESS_LOGS = new Set<string>(
  SESSION_FIELD_NAMES.filter((name) => !SESSION_FIELDS[name].inAccessLogs),
)

export const logRowSchema = z.object({
  ...Object.fromEntries(
    LOG_FIELDS.map((f) => [
      f.name,
      fieldSchema(UNKNOWN_TO_ACCESS_LOGS.has(f.name) ? { ...f, nullable: true } : f),
    ]),
  ),
  startedAt: int.meta({ description: 'As timestamp.' }),
  endedAt: int.nullable().meta({ description: 'Unix seconds at the end; null while open.' }),
})

const counted = z.object({ value: z.string(), count: int })
const named = z.object({ id: int, name: z.string().nullable(), count: int })
const facets = z.array(counted)

export const filterAttributesSchema = z
  .object({
    protocols: facets,
    destAddrs: facets,
    connStates: facets,
    endReasons: facets,
    clients: z.array(named),
    users: z.array(
      z.object({
        id: z.string(),
        name: z.string().nullable(),
        email: z.string().nullable(),
        count: int,
      }),
    ),
    resources: z.array(named),
    sites: z.array(named),
  })
  .meta({
    description:
      'The 100 most frequent values of each, under all filters but its own, with counts.',
  })

export const gapSchema = z.object({
  siteId: int,
  meterId: z.string(),
  reason: z
    .string()
    .meta({ description: '`missing`: batches that never came; else as the meter said.' }),
  sessions: int.nullable(),
  fromBatch: int.nullable(),
  toBatch: int.nullable(),
  from: z.string(),
  to: z.string(),
  interface: z
    .string()
    .optional()
    .meta({ description: 'Of `unmetered`: nobody read it in that time.' }),
  bytes: int.optional().meta({ description: 'By its counters, where they go on.' }),
  peers: z.array(z.object({ publicKey: z.string(), bytes: int })).optional(),
  packets: int.optional().meta({ description: 'Of `packetsDropped`.' }),
})

export const noticeSchema = z.object({
  code: z.enum(NOTICE_CODES),
  message: z.string(),
  sessions: int
    .optional()
    .meta({ description: 'In the range (`filtered`), or outside it (`outsideRange`).' }),
  from: z.string().optional().meta({ description: 'Start of the oldest of these.' }),
  to: z.string().optional().meta({ description: 'Start of the newest of these.' }),
  since: z.string().optional().meta({ description: 'The latest report (`siteSilent`).' }),
  packets: int.optional().meta({ description: 'That meters report.' }),
})

/** Of counts that are each a safe integer; whole, but beyond 2^53 not exact any more as a number of JSON. */
const sum = z.number().meta({ type: 'integer', description: 'Rounded to 53 bits.' })
const totals = {
  sessions: int,
  connections: sum,
  bytesTx: sum,
  bytesRx: sum,
  packetsTx: sum,
  packetsRx: sum,
}
const numbers = z.array(z.number())

export const summarySchema = z.object({
  totals: z.object({
    ...totals,
    open: int,
    refused: int.meta({ description: 'connState REJ.' }),
    unanswered: int.meta({ description: 'connState S0.' }),
  }),
  groups: z.array(
    z.object({
      id: z.string().nullable(),
      name: z.string().nullable(),
      other: z.boolean(),
      ...totals,
    }),
  ),
  times: z.array(z.string()).meta({ description: 'Start of each interval, UTC, without holes.' }),
  series: z
    .array(
      z.object({
        id: z.string().nullable(),
        other: z.boolean(),
        sessions: numbers,
        bytesTx: numbers,
        bytesRx: numbers,
      }),
    )
    .meta({
      description: 'For each group one value an interval; a session counts where it started.',
    }),
})

const bars = z.object({ sessions: numbers, bytes: numbers })
export const histogramSchema = z.object({
  from: z.string().meta({ description: 'Start of the first bar: at or before timeStart.' }),
  barSeconds: int,
  bars: int.meta({ description: 'As many values has each list.' }),
  outcomes: z.object({
    failed: bars.meta({ description: 'connState S0, REJ, RSTOS0.' }),
    reset: bars.meta({ description: 'connState RSTO, RSTR, RSTRH.' }),
    open: bars.meta({ description: 'Open now, whatever was seen so far.' }),
    closed: bars.meta({ description: 'All others.' }),
  }),
})

export const usageSchema = z.object({
  from: z.string(),
  to: z.string(),
  usage: z.array(
    z.object({
      month: z.string(),
      id: z.string().nullable(),
      name: z.string().nullable(),
      ...totals,
    }),
  ),
})

export const keySchema = z.object({
  keyId: z.string(),
  shown: z.string().nullable().meta({
    description: 'First and last characters of the key; null for keys of earlier versions.',
  }),
  scope: z.enum(SCOPES),
  orgId: z.string().nullable(),
  siteId: int.nullable(),
  name: z.string(),
  createdAt: z.string(),
  expiresAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
  lastUsedAt: z.string().nullable(),
  lastUsedFrom: z.string().nullable(),
})

export const whoSchema = z.object({
  scope: z.enum(SCOPES),
  orgId: z.string().nullable(),
  siteId: int.nullable(),
  name: z.string(),
  keyId: z.string(),
  expiresAt: z.string().nullable(),
  /** Of the key's organisation; null for a root key. */
  retentionDays: int.nullable(),
  serverTime: z.string(),
  version: z.string().meta({ description: 'Of the server.' }),
})

export const orgSchema = z.object({
  orgId: z.string(),
  name: z.string().nullable(),
  retentionDays: int,
  createdAt: z.string(),
})

const problemSchema = z
  .object({
    code: z.enum(PROBLEM_CODES),
    message: z.string(),
    count: sum.optional(),
    seconds: int.optional(),
    reason: z.string().optional(),
    ids: z.array(z.string()).optional(),
  })
  .meta({
    description:
      '`count`: packets, sessions, batches or meters; `seconds`: silent for, or ahead by; `reason`: why sessions were dropped; `ids`: spools (`idInUse`) or meters (`interfaceShared`).',
  })

export const shortCompletenessSchema = z.object({
  from: z.string(),
  until: z.string().meta({ description: 'What came later is not judged yet.' }),
  complete: z.boolean(),
  coveredShare: z.number(),
  sessionsLost: int,
  holes: int,
  sentence: z.string(),
})

export const siteStatusSchema = z.object({
  siteId: int,
  siteName: z.string().nullable(),
  status: z.enum(SITE_STATUSES),
  completeness: shortCompletenessSchema.nullable().meta({
    description:
      'Of the last 24 hours, in short; null: nothing is expected of it. GET …/completeness names the holes.',
  }),
  meters: z.array(
    z.object({
      meterId: z.string(),
      status: z
        .enum(METER_STATUSES)
        .meta({ description: '`finished`: a replay of files that has ended.' }),
      receivedAt: z.string(),
      lagSeconds: z.number().meta({ description: 'Since the last report came.' }),
      lastBatch: int,
      version: z.string(),
      interface: z.string(),
      startedAt: z.string(),
      openSessions: int,
      packets: int,
      bytes: int,
      packetsDropped: int,
      sessionsDropped: sum,
      spool: z.object({ batches: int, bytes: int, quarantined: int }),
      problems: z.array(problemSchema),
      lives: z
        .array(
          z.object({
            spoolId: z.string(),
            lastBatch: int,
            receivedAt: z.string(),
            runStartedAt: z.string(),
            reportedAt: z.string(),
          }),
        )
        .meta({
          description:
            'Its spools, the one heard last first: more than one was replaced, restored or copied.',
        }),
      gaps: z.array(gapSchema),
      history: z.array(
        z.object({
          at: z.string(),
          lagSeconds: z.number(),
          spoolBatches: int,
          openSessions: int,
          packetsDropped: int,
          sessionsDropped: int,
        }),
      ),
      report: z.unknown(),
    }),
  ),
})

const holeSchema = z.object({
  cause: z.enum(HOLE_CAUSES),
  reason: z.string().optional().meta({ description: 'Of `other`: as the meter calls it.' }),
  from: z.string(),
  to: z.string(),
  seconds: z.number(),
  sessions: int.nullable().meta({ description: 'Known to be lost; null: nobody knows.' }),
  packets: int.optional(),
  bytes: int.optional().meta({ description: 'That moved meanwhile, by the counters.' }),
  batches: int.optional().meta({ description: 'From `fromBatch` to `toBatch`.' }),
  fromBatch: int.optional(),
  toBatch: int.optional(),
  otherMeter: z
    .string()
    .optional()
    .meta({ description: 'Of `twoMeters`: it read the same interface.' }),
})
/** A hole in a list of all. */
export const missingSchema = holeSchema.extend({
  siteId: int,
  meterId: z.string().nullable().meta({ description: 'Null: the site has none.' }),
  reason: z.string().meta({ description: 'As the meter calls it; else the cause.' }),
})
const coverageTotals = {
  until: z.string().meta({ description: 'What came later is not judged yet.' }),
  coveredShare: z.number().meta({ description: 'Of the time up to `until`: 1 is all of it.' }),
  sessionsLost: int.meta({ description: 'Known ones.' }),
}

export const completenessSchema = z.object({
  from: z.string(),
  to: z.string(),
  complete: z.boolean().meta({ description: 'No hole is known up to `until`.' }),
  ...coverageTotals,
  more: z.boolean().meta({ description: 'There are more losses than these.' }),
  sentence: z.string(),
  sites: z.array(
    z.object({
      siteId: int,
      siteName: z.string().nullable(),
      complete: z.boolean(),
      ...coverageTotals,
      meters: z.array(
        z.object({
          meterId: z.string().nullable(),
          interface: z.string().nullable(),
          ...coverageTotals,
          reconciled: z.object({ packets: int, ofPackets: int }).nullable().meta({
            description: 'Packets of its newest run: metered, of all the kernel counted.',
          }),
          holes: z.array(holeSchema),
        }),
      ),
    }),
  ),
})

const nameThen = z.string().nullable()
export const namesSchema = z.object({
  clientName: nameThen,
  userName: nameThen,
  userEmail: nameThen,
  resourceName: nameThen,
  siteName: nameThen,
})

const auditEntrySchema = z.object({
  id: z.int().meta({ description: 'Rises with each entry of the server.' }),
  at: z.string(),
  event: z.enum(AUDIT_EVENT_NAMES),
  count: z.int().meta({ description: 'How often it was so, from `at` to `until`.' }),
  until: z.string().nullable(),
  address: z.string().nullable().meta({
    description: 'Of the client; of refusals its network. Null: on the server’s machine.',
  }),
  by: z.string().nullable().meta({ description: 'Id of the key.' }),
  byName: z.string().nullable(),
  scope: z.enum(SCOPES).nullable(),
  facts: z.record(z.string(), z.unknown()).meta({
    description: 'As the event has them; `cut`: some did not fit.',
  }),
})
export const auditPageSchema = z.object({
  audit: z.array(auditEntrySchema).meta({ description: 'Newest first.' }),
  nextCursor: z.string().nullable().meta({
    description: 'A page may be short, or empty, and have one: go on until it is null.',
  }),
  dropped: z.int().meta({
    description: 'Entries of this trail that have gone before their time, at a bound.',
  }),
})
