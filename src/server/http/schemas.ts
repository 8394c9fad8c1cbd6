/** Schemas of the API's answers. The schema of rows is made from the list of fields, so the two always agree. */
import { z } from 'zod'
import { SESSION_FIELD_NAMES, SESSION_FIELDS } from '../../session/session-table.js'
import { AUDIT_EVENT_NAMES } from '../control/audit-event.js'
import { SCOPES } from '../control/control.js'
import { LOG_FIELDS, type LogField } from '../query/api-row.js'
import { HOLE_CAUSES } from '../query/holes.js'
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

/** Fields that are null for access logs, which know no packets. */
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
  startedAt: int.meta({ description: 'The same as timestamp.' }),
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
      'For each list, its 100 most frequent values with counts. All filters apply except the list’s own.',
  })

export const gapSchema = z.object({
  siteId: int,
  meterId: z.string(),
  reason: z.string().meta({
    description:
      '`missing`: batches that have not arrived, `clockSetBack` if the meter’s clock was set back meanwhile, `notHeard` if nothing tells their age; `storeRefused`, `sessionConflict`, `sessionsRefused`, `erased`, `deletedByOperator`: set by the server; others: as the meter reported.',
  }),
  sessions: int.nullable(),
  fromBatch: int.nullable(),
  toBatch: int.nullable(),
  from: z.string(),
  to: z.string(),
  interface: z
    .string()
    .optional()
    .meta({ description: '`unmetered`: the interface that no meter read in that time.' }),
  bytes: int
    .optional()
    .meta({ description: '`unmetered`: bytes by the interface’s counters, if they continued.' }),
  peers: z.array(z.object({ publicKey: z.string(), bytes: int })).optional(),
  packets: int.optional().meta({ description: '`packetsDropped`: number of packets.' }),
})

export const noticeSchema = z.object({
  code: z.enum(NOTICE_CODES),
  message: z.string(),
  sessions: int
    .optional()
    .meta({ description: 'Sessions in the range (`filtered`), or outside it (`outsideRange`).' }),
  from: z
    .string()
    .optional()
    .meta({ description: 'Start of the oldest session (`outsideRange`).' }),
  to: z.string().optional().meta({ description: 'Start of the newest session (`outsideRange`).' }),
  since: z.string().optional().meta({ description: 'Time of the latest report (`siteSilent`).' }),
  packets: int.optional().meta({ description: 'Packets that the meters report.' }),
})

/** A sum of safe integers. It is whole, but a JSON number is not exact beyond 2^53. */
export const sum = z.number().meta({ type: 'integer', description: 'Rounded to 53 bits.' })

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
  /** The retention of the key's organisation; null for a root key. */
  retentionDays: int.nullable(),
  serverTime: z.string(),
  version: z.string().meta({ description: 'The server’s version.' }),
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
      '`count`: packets, sessions, batches or meters; `seconds`: of silence, or that the clock is ahead; `reason`: why sessions were dropped; `ids`: spools (`idInUse`) or other meters (`interfaceShared`).',
  })

export const shortCompletenessSchema = z.object({
  from: z.string(),
  until: z
    .string()
    .meta({ description: 'The end of the judged time; later data may still arrive.' }),
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
      'Completeness of the last 24 hours; null: no meter is expected at the site. GET …/completeness names the holes.',
  }),
  meters: z.array(
    z.object({
      meterId: z.string(),
      status: z
        .enum(METER_STATUSES)
        .meta({ description: '`finished`: a replay of files that has ended.' }),
      receivedAt: z.string(),
      lagSeconds: z.number().meta({ description: 'Seconds since the last report arrived.' }),
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
            returnedAt: z.string().nullable().meta({
              description: 'When it last reported after another spool of the meter had reported.',
            }),
            runStartedAt: z.string(),
            reportedAt: z.string(),
          }),
        )
        .meta({
          description:
            'Spools of the meter, the latest first. Several: the spool was replaced, restored or copied.',
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
  reason: z.string().optional().meta({ description: '`other`: the meter’s own word.' }),
  from: z.string(),
  to: z.string(),
  seconds: z.number(),
  sessions: int.nullable().meta({ description: 'Lost sessions; null: unknown.' }),
  packets: int.optional(),
  bytes: int.optional().meta({ description: 'Bytes of that time by the counters.' }),
  batches: int.optional().meta({ description: 'Batches from `fromBatch` to `toBatch`.' }),
  fromBatch: int.optional(),
  toBatch: int.optional(),
  otherMeter: z
    .string()
    .optional()
    .meta({ description: '`twoMeters`: the meter that read the same interface.' }),
})
/** A hole in a list of all sites' holes. */
export const missingSchema = holeSchema.extend({
  siteId: int,
  meterId: z.string().nullable().meta({ description: 'null: the site has no meter.' }),
  reason: z.string().meta({ description: 'The meter’s own word, else the cause.' }),
})
const coverageTotals = {
  until: z
    .string()
    .meta({ description: 'The end of the judged time; later data may still arrive.' }),
  coveredShare: z.number().meta({ description: 'Share of the time up to `until`, 0 to 1.' }),
  sessionsLost: int.meta({ description: 'Sessions known to be lost.' }),
}

export const completenessSchema = z.object({
  from: z.string(),
  to: z.string(),
  complete: z.boolean().meta({ description: 'No hole is known up to `until`.' }),
  ...coverageTotals,
  more: z.boolean().meta({ description: 'More losses exist than are listed.' }),
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
            description:
              'Packets of the newest run: metered ones, and those that the kernel counted (`ofPackets`).',
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
  id: z.int().meta({ description: 'Rises with each entry, over all trails.' }),
  at: z.string(),
  event: z.enum(AUDIT_EVENT_NAMES),
  count: z.int().meta({ description: 'How often it happened, from `at` to `until`.' }),
  until: z.string().nullable(),
  address: z.string().nullable().meta({
    description:
      'The client’s address, or its network for refusals. null: the server itself, or a command on its machine.',
  }),
  by: z.string().nullable().meta({ description: 'The key’s id.' }),
  byName: z.string().nullable(),
  scope: z.enum(SCOPES).nullable(),
  facts: z.record(z.string(), z.unknown()).meta({
    description: 'Facts of the event. `cut`: some were left out, because they were too large.',
  }),
})
export const auditPageSchema = z.object({
  audit: z.array(auditEntrySchema).meta({ description: 'Newest first.' }),
  nextCursor: z.string().nullable().meta({
    description: 'null: no further page. Even a short or empty page may have a next one.',
  }),
  dropped: z.int().meta({
    description: 'Entries of this trail that were deleted before their time, at a bound.',
  }),
})
