/** The audit trail: sign-ins, queries about persons, exports, changes and deletions. */
import { Readable } from 'node:stream'
import { z } from 'zod'
import { csvCell } from '../../../session/csv.js'
import type { AuditQuery, AuditTrail } from '../../control/audit.js'
import { type AuditEntry, OPERATOR_TRAIL } from '../../control/audit-event.js'
import { auditQuerySchema } from '../../query/parameters.js'
import type { ServerContext } from '../context.js'
import { sendLong } from '../download.js'
import { orgParams, type Route, route } from '../route.js'
import { auditPageSchema } from '../schemas.js'

const EXPORT_PAGE = 1000

const exportQuerySchema = auditQuerySchema.omit({ limit: true, cursor: true }).extend({
  format: z.enum(['ndjson', 'csv'], { error: 'expected ndjson or csv' }).default('ndjson'),
})

export function auditRoutes(context: ServerContext): Route[] {
  const { audit } = context.control
  const said =
    'Entries of the organisation: sign-ins, keys, settings, catalogs, queries that name a person, '
  return [
    route({
      method: 'GET',
      path: '/api/v1/org/{orgId}/audit',
      tag: 'audit',
      summary: 'A page of the organisation’s audit trail',
      description: `${said}exports, deletions. Repeated events are counted.`,
      scopes: ['admin'],
      ofRemovedToo: true,
      params: orgParams,
      query: auditQuerySchema,
      answer: auditPageSchema,
      handle: async ({ params, query }) => pageOf(audit, params.orgId, query),
    }),
    route({
      method: 'GET',
      path: '/api/v1/audit',
      tag: 'audit',
      summary:
        'A page of the server’s own audit trail: root keys, organisations, backups, refusals',
      scopes: [],
      query: auditQuerySchema,
      answer: auditPageSchema,
      handle: async ({ query }) => pageOf(audit, OPERATOR_TRAIL, query),
    }),
    route({
      method: 'GET',
      path: '/api/v1/org/{orgId}/audit/export',
      tag: 'audit',
      summary: 'The organisation’s audit trail as a file, newest first',
      scopes: ['admin'],
      ofRemovedToo: true,
      params: orgParams,
      query: exportQuerySchema,
      answer: null,
      produces: Object.values(CONTENT_TYPES),
      handle: (call) => sendExport(context, call.params.orgId, call),
    }),
    route({
      method: 'GET',
      path: '/api/v1/audit/export',
      tag: 'audit',
      summary: 'The server’s own audit trail as a file, newest first',
      scopes: [],
      query: exportQuerySchema,
      answer: null,
      produces: Object.values(CONTENT_TYPES),
      handle: (call) => sendExport(context, OPERATOR_TRAIL, call),
    }),
  ]
}

const CONTENT_TYPES = {
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
} as const

type Asked = Partial<Omit<z.output<typeof auditQuerySchema>, 'limit' | 'cursor'>>

function queryOf({ timeStart, timeEnd, event, keyId, address }: Asked): Omit<AuditQuery, 'limit'> {
  return {
    ...(timeStart !== undefined && { fromMs: timeStart }),
    ...(timeEnd !== undefined && { toMs: timeEnd }),
    ...(event !== undefined && { events: event }),
    ...(keyId !== undefined && { keyId }),
    ...(address !== undefined && { address }),
  }
}

async function pageOf(audit: AuditTrail, trail: string, query: z.output<typeof auditQuerySchema>) {
  const { limit, cursor } = query
  const before = cursor === undefined ? {} : { before: cursor }
  const { entries, next, dropped } = await audit.page(trail, {
    ...queryOf(query),
    ...before,
    limit,
  })
  return { audit: entries, nextCursor: next === null ? null : String(next), dropped }
}

type ExportCall = Parameters<Route['handle']>[0] & {
  readonly query: z.output<typeof exportQuerySchema>
}

async function sendExport(
  { control, security, metrics }: ServerContext,
  trail: string,
  { query, key, request, reply }: ExportCall,
): Promise<undefined> {
  const { format } = query
  const name = trail === OPERATOR_TRAIL ? 'server' : trail
  const headers = {
    'content-type': CONTENT_TYPES[format],
    'content-disposition': `attachment; filename="audit_${name}.${format}"`,
    'cache-control': 'no-store',
  }
  if (request.method === 'HEAD') {
    await reply.headers(headers).send(Readable.from([]))
    return undefined
  }
  security.write('auditExported', request.ip, key, { of: trail, format })
  const stream = Readable.from(textOf(control.audit, trail, query), { objectMode: false })
  await sendLong(reply, headers, stream, () => metrics.stalledExports.inc())
  return undefined
}

const COLUMNS = [
  ...['id', 'at', 'event', 'count', 'until', 'address', 'by', 'byName', 'scope', 'facts'],
] as const

async function* textOf(
  audit: AuditTrail,
  trail: string,
  query: z.output<typeof exportQuerySchema>,
): AsyncGenerator<string> {
  const lineOf = query.format === 'csv' ? csvLine : ndjsonLine
  if (query.format === 'csv') yield `${COLUMNS.join(',')}\r\n`
  let before: number | null | undefined
  while (before !== null) {
    const at = before === undefined ? {} : { before }
    const page = await audit.page(trail, { ...queryOf(query), ...at, limit: EXPORT_PAGE })
    if (page.entries.length > 0) yield page.entries.map(lineOf).join('')
    before = page.next
    // Other requests go on between pages.
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function ndjsonLine(entry: AuditEntry): string {
  return `${JSON.stringify(entry)}\n`
}

function csvLine(entry: AuditEntry): string {
  const cells = COLUMNS.map((name) => {
    const value = entry[name as keyof AuditEntry]
    return csvCell(typeof value === 'object' && value !== null ? JSON.stringify(value) : value)
  })
  return `${cells.join(',')}\r\n`
}
