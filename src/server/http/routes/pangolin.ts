/**
 * The log under `/v1`, for clients of Pangolin's integration API. It has the same sessions as `/api/v1`, with that
 * API's parameters, fields and columns. docs/api.md lists the differences.
 */
import { Readable } from 'node:stream'
import { z } from 'zod'
import { OFFSET_MAX } from '../../../session/bounds.js'
import { csvCell } from '../../../session/csv.js'
import { PROTOCOLS } from '../../../session/session.js'
import { RETENTION_DAYS_MAX } from '../../control/control.js'
import { apiRow } from '../../query/api-row.js'
import { LIMIT_MAX, parseAddress, timeUs } from '../../query/parameters.js'
import type { AddressFilter, FilterAttributes, LogFilter, LogRow } from '../../store/store.js'
import { auditExport, noteQuery } from '../audited.js'
import { confirmInBody } from '../confirmation.js'
import type { ServerContext } from '../context.js'
import { sendLong } from '../download.js'
import { HttpError } from '../http.js'
import { orgParams, type Route, route } from '../route.js'
import { changeRetention } from './orgs.js'

const READ = ['admin', 'read'] as const
const DEFAULT_RANGE_US = 7 * 86400e6
const NEWEST_FIRST = { key: 'startTime', descending: true } as const
/** Pangolin's number for "until the end of the following year", which is at most 731 days away. */
const FOLLOWING_YEAR = 9001
const FOLLOWING_YEAR_DAYS = 731

const count = z.coerce.number().pipe(z.int().min(0))
const id = z.coerce.number().pipe(z.int().min(1)).optional()
const time = timeUs.optional()

/** Unknown parameters are ignored, as in Pangolin. */
const filterQuery = z.object({
  timeStart: time.meta({ description: 'Started after this second. Default: 7 days ago.' }),
  timeEnd: time.meta({ description: 'Started before this second. Default: now.' }),
  protocol: z.string().optional(),
  sourceAddr: z.string().optional().meta({ description: 'Equal to the row’s: ip:port.' }),
  destAddr: z.string().optional().meta({ description: 'Equal to the row’s: ip:port.' }),
  clientId: id,
  siteId: id,
  siteResourceId: id,
  userId: z.string().optional(),
})
type FilterQuery = z.output<typeof filterQuery>
const pageQuery = filterQuery.extend({
  limit: count.default(LIMIT_MAX).meta({
    description: `A larger number counts as ${LIMIT_MAX}; \`pagination.limit\` shows it.`,
  }),
  offset: count.default(0),
})

const int = z.int()
const text = z.string()
const rowSchema = z.object({
  sessionId: text,
  siteResourceId: int.nullable(),
  orgId: text,
  siteId: int,
  clientId: int.nullable(),
  clientEndpoint: text.nullable(),
  userId: text.nullable(),
  sourceAddr: text,
  destAddr: text,
  protocol: text,
  startedAt: int,
  endedAt: int.nullable(),
  bytesTx: int.nullable(),
  bytesRx: int.nullable(),
  resourceName: text.nullable(),
  resourceNiceId: z.null(),
  siteName: text.nullable(),
  siteNiceId: z.null(),
  clientName: text.nullable(),
  clientNiceId: z.null(),
  clientType: z.null(),
  userEmail: text.nullable(),
})
const FIELDS = Object.keys(rowSchema.shape) as (keyof typeof rowSchema.shape)[]
/** The fields before the names. */
const CSV_COLUMNS = FIELDS.slice(0, FIELDS.indexOf('resourceName'))

/** Undefined: nothing can match. */
function filterOf(query: FilterQuery, nowUs: number): LogFilter | undefined {
  const second = (us: number) => Math.floor(us / 1e6) * 1e6
  // Pangolin compares whole seconds and excludes both ends.
  const fromUs = second(query.timeStart ?? nowUs - DEFAULT_RANGE_US) + 1e6
  const toUs = second(query.timeEnd ?? nowUs)
  const protocol = PROTOCOLS.find((word) => word === query.protocol)
  const source = exactly(query.sourceAddr)
  const dest = exactly(query.destAddr)
  if (toUs <= fromUs || source === null || dest === null) return undefined
  if (isGiven(query.protocol) && protocol === undefined) return undefined
  return {
    fromUs: Math.max(0, fromUs),
    toUs,
    ...(protocol !== undefined && { protocols: [protocol] }),
    ...(source !== undefined && { sources: [source] }),
    ...(dest !== undefined && { dests: [dest] }),
    ...(query.clientId !== undefined && { clientIds: [query.clientId] }),
    ...(query.siteId !== undefined && { siteIds: [query.siteId] }),
    ...(query.siteResourceId !== undefined && { siteResourceIds: [query.siteResourceId] }),
    ...(isGiven(query.userId) && { userIds: [query.userId!] }),
  }
}

/** A form sends an empty text for a field that was not filled in. */
function isGiven(text: string | undefined): boolean {
  return text !== undefined && text !== ''
}

/** Undefined: no restriction. Null: no row can match. */
function exactly(text: string | undefined): AddressFilter | undefined | null {
  if (!isGiven(text)) return undefined
  const address = parseAddress(text!)
  if (address === undefined || address.ip === null || address.length !== null) return null
  // A row without a port shows its address alone.
  return { ...address, port: address.port ?? 0 }
}

function rowOf(row: LogRow): Record<string, unknown> {
  const all = apiRow(row)
  return Object.fromEntries(FIELDS.map((name) => [name, all[name] ?? null]))
}

function attributesOf({ protocols, destAddrs, clients, resources, users }: FilterAttributes) {
  const values = (list: readonly { value: string }[]) => list.map(({ value }) => value)
  const named = (list: readonly { id: number; name: string | null }[]) =>
    list.map(({ id, name }) => ({ id, name }))
  return {
    protocols: values(protocols),
    destAddrs: values(destAddrs),
    clients: named(clients),
    resources: named(resources),
    users: users.map(({ id, email }) => ({ id, email })),
  }
}

const NO_ATTRIBUTES: FilterAttributes = {
  protocols: [],
  destAddrs: [],
  connStates: [],
  endReasons: [],
  clients: [],
  users: [],
  resources: [],
  sites: [],
}

export function pangolinRoutes(context: ServerContext): Route[] {
  return [pageRoute(context), exportRoute(context), ...orgRoutes(context)]
}

function pageRoute(context: ServerContext): Route {
  const { store, clockMs } = context
  const named = z.array(z.object({ id: int, name: text.nullable() }))
  return route({
    method: 'GET',
    path: '/v1/org/{orgId}/logs/connection',
    tag: 'pangolin',
    summary: 'A page of the connection log, for clients of Pangolin’s integration API',
    scopes: READ,
    params: orgParams,
    query: pageQuery,
    message: 'Connection audit logs retrieved successfully',
    answer: z.object({
      log: z.array(rowSchema),
      pagination: z.object({ total: int, limit: int, offset: int }),
      filterAttributes: z.object({
        protocols: z.array(text),
        destAddrs: z.array(text),
        clients: named,
        resources: named,
        users: z.array(z.object({ id: text, email: text.nullable() })),
      }),
    }),
    handle: async ({ params: { orgId }, query, key, request, signal, late }) => {
      const limit = Math.min(query.limit, LIMIT_MAX)
      const { offset } = query
      if (offset > OFFSET_MAX) {
        const expected = `expected at most ${OFFSET_MAX}; ask for less time`
        throw new HttpError(400, 'badRequest', `offset: ${expected}, got ${offset}`)
      }
      const nowUs = clockMs() * 1e3
      const filter = filterOf(query, nowUs)
      const { timeStart, timeEnd } = query
      const range = filterOf({ timeStart, timeEnd }, nowUs)
      const cancel = { signal, late }
      const [rows, total, attributes] = await Promise.all([
        filter === undefined || limit === 0
          ? []
          : store
              .page(orgId, { filter, sort: NEWEST_FIRST, limit, offset }, cancel)
              .then((page) => page.rows),
        filter === undefined ? 0 : store.count(orgId, filter, cancel),
        range === undefined ? NO_ATTRIBUTES : store.attributes(orgId, range, cancel),
      ])
      if (filter !== undefined) noteQuery(context, orgId, filter, { key, request, rows: total })
      return {
        log: rows.map(rowOf),
        pagination: { total, limit, offset },
        filterAttributes: attributesOf(attributes),
      }
    },
  })
}

function exportRoute(context: ServerContext): Route {
  const { store, clockMs, metrics } = context
  return route({
    method: 'GET',
    path: '/v1/org/{orgId}/logs/connection/export',
    tag: 'pangolin',
    summary: 'All rows as CSV, for clients of Pangolin’s integration API',
    description: `Columns: ${CSV_COLUMNS.join(', ')}. Without a row limit.`,
    scopes: READ,
    params: orgParams,
    query: filterQuery,
    answer: null,
    produces: ['text/csv'],
    handle: async ({ params: { orgId }, query, key, request, reply, signal, late }) => {
      const nowMs = clockMs()
      const headers = {
        'content-type': 'text/csv',
        'content-disposition': `attachment; filename="connection-audit-logs-${orgId}-${nowMs}.csv"`,
        'cache-control': 'no-store',
      }
      const filter = filterOf(query, nowMs * 1e3)
      if (request.method === 'HEAD' || filter === undefined) {
        await reply.headers(headers).send(CSV_COLUMNS.join(','))
        return undefined
      }
      const counted = auditExport(
        context,
        orgId,
        { filter, format: 'csv' },
        { key, request, reply },
      )
      const rows = store.rows(orgId, filter, NEWEST_FIRST, { signal, late })[Symbol.asyncIterator]()
      // Read the first rows before the headers are sent, because a failure must still become an error answer.
      const first = await rows.next()
      const stream = Readable.from(csvOf(first, rows, counted))
      await sendLong(reply, headers, stream, () => metrics.stalledExports.inc())
      return undefined
    },
  })
}

type Chunk = readonly LogRow[]

/** Lines are separated by LF; the last line has none. */
async function* csvOf(
  first: IteratorResult<Chunk>,
  rows: AsyncIterator<Chunk>,
  counted: (rows: number) => void,
): AsyncGenerator<string> {
  try {
    yield CSV_COLUMNS.join(',')
    for (let next = first; next.done !== true; next = await rows.next()) {
      counted(next.value.length)
      yield next.value.map((row) => `\n${csvLine(row)}`).join('')
    }
  } finally {
    await rows.return?.()
  }
}

/** Line breaks in values become the two characters `\n`, so that each line is one row. */
function csvLine(row: LogRow): string {
  const all = rowOf(row)
  return CSV_COLUMNS.map((name) => {
    const value = all[name] as string | number | null
    return csvCell(typeof value === 'string' ? value.replace(/\r\n|[\r\n]/g, '\\n') : value)
  }).join(',')
}

const orgSchema = z.object({
  orgId: text,
  name: text,
  settingsLogRetentionDaysConnection: int,
})

function orgRoutes(context: ServerContext): Route[] {
  const { control } = context
  const path = '/v1/org/{orgId}'
  const shown = (orgId: string) => {
    const org = control.org(orgId)
    return {
      orgId,
      name: org?.name ?? orgId,
      settingsLogRetentionDaysConnection: org?.retentionDays ?? 0,
    }
  }
  return [
    route({
      method: 'GET',
      path,
      tag: 'pangolin',
      summary: 'The organisation with its retention',
      scopes: READ,
      params: orgParams,
      message: 'Organization retrieved successfully',
      answer: z.object({ org: orgSchema }),
      handle: async ({ params }) => ({ org: shown(params.orgId) }),
    }),
    route({
      method: 'POST',
      path,
      tag: 'pangolin',
      summary: 'Change the retention',
      description: `${FOLLOWING_YEAR} days (until the end of the following year) are kept as ${FOLLOWING_YEAR_DAYS}. A retention that deletes sessions needs "confirm" (409 without it) and deletes after a day, as under /api/v1. Other fields are ignored.`,
      scopes: ['admin'],
      params: orgParams,
      body: z.object({
        settingsLogRetentionDaysConnection: z.int().min(-1).max(RETENTION_DAYS_MAX).optional(),
        confirm: confirmInBody,
      }),
      message: 'Organization updated successfully',
      answer: orgSchema,
      handle: async ({ params: { orgId }, body, key, request }) => {
        const days = body.settingsLogRetentionDaysConnection
        if (days !== undefined) {
          const retentionDays = days === FOLLOWING_YEAR ? FOLLOWING_YEAR_DAYS : days
          const { confirm } = body
          const wanted = { retentionDays, ...(confirm !== undefined && { confirm }) }
          await changeRetention(context, orgId, wanted, { key, ip: request.ip })
        }
        return shown(orgId)
      },
    }),
  ]
}
