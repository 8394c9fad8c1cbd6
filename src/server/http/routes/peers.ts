/** Routes for the log of peers: their events, and the times in which they were connected. */
import { Readable } from 'node:stream'
import { z } from 'zod'
import { CSV_LINE_END, csvCell, csvHeader, csvName } from '../../../session/csv.js'
import {
  connectionsQuerySchema,
  encodePosition,
  PEER_FORMATS,
  peerExportQuerySchema,
  peerFilterOf,
  peerQuerySchema,
} from '../../query/peer-parameters.js'
import { connectionRow, PEER_FIELDS, peerRow } from '../../query/peer-row.js'
import {
  type Cancel,
  type PeerEventRow,
  type PeerFilter,
  type PeerPosition,
  TOLD_WITHIN_US,
} from '../../store/store.js'
import { auditExport, noteQuery } from '../audited.js'
import type { ServerContext } from '../context.js'
import { sendLong } from '../download.js'
import { HttpError } from '../http.js'
import { peerConnectionSchema, peerRowSchema } from '../peer-schemas.js'
import { presentMeters } from '../present-meters.js'
import { orgParams, type Route, route } from '../route.js'

const READ = ['admin', 'read'] as const
const EXPORT_PAGE = 5_000

export function peerRoutes(context: ServerContext): Route[] {
  return [pageRoute(context), exportRoute(context), connectionsRoute(context)]
}

/** @throws HttpError 400 */
function checked(asked: Parameters<typeof peerFilterOf>[0], nowMs: number): PeerFilter {
  const filter = peerFilterOf(asked, nowMs)
  if (filter.toUs <= filter.fromUs)
    throw new HttpError(400, 'badRequest', 'timeEnd: expected a time after timeStart')
  return filter
}

function pageRoute(context: ServerContext): Route {
  const { store, clockMs } = context
  return route({
    method: 'GET',
    path: '/api/v1/org/{orgId}/logs/peers',
    tag: 'logs',
    summary: 'A page of the events of peers, newest first',
    scopes: READ,
    params: orgParams,
    query: peerQuerySchema,
    answer: z.object({
      log: z.array(peerRowSchema),
      pagination: z.object({ limit: z.int(), nextCursor: z.string().nullable() }),
    }),
    handle: async ({ params: { orgId }, query, key, request, signal, late }) => {
      const filter = checked(query, clockMs())
      const { limit, cursor: after } = query
      const { rows, next } = await store.peerEvents(
        orgId,
        { filter, limit, after },
        { signal, late },
      )
      noteQuery(context, orgId, filter, { key, request, rows: rows.length, log: 'peers' })
      const nextCursor = next === null ? null : encodePosition(next)
      return { log: rows.map(peerRow), pagination: { limit, nextCursor } }
    },
  })
}

const CONTENT_TYPES = {
  csv: 'text/csv; charset=utf-8; header=present',
  ndjson: 'application/x-ndjson; charset=utf-8',
} as const

function exportRoute(context: ServerContext): Route {
  const { store, clockMs, metrics } = context
  return route({
    method: 'GET',
    path: '/api/v1/org/{orgId}/logs/peers/export',
    tag: 'logs',
    summary: 'All events of peers that match the filters as a file, newest first',
    description: `Formats: ${PEER_FORMATS.join(', ')}. Columns: ${PEER_FIELDS.map((f) => f.name).join(', ')}.`,
    scopes: READ,
    params: orgParams,
    query: peerExportQuerySchema,
    answer: null,
    produces: Object.values(CONTENT_TYPES),
    handle: async ({ params: { orgId }, query, key, request, reply, signal, late }) => {
      const filter = checked(query, clockMs())
      const { format } = query
      const headers = {
        'content-type': CONTENT_TYPES[format],
        'content-disposition': `attachment; filename="peers_${orgId}.${format}"`,
        'cache-control': 'no-store',
      }
      if (request.method === 'HEAD') {
        await reply.headers(headers).send(Readable.from([]))
        return undefined
      }
      const counted = auditExport(
        context,
        orgId,
        { filter, format, log: 'peers' },
        { key, request, reply },
      )
      const read = (after: PeerPosition | undefined, cancel: Cancel) =>
        store.peerEvents(orgId, { filter, limit: EXPORT_PAGE, after }, cancel)
      // Read the first page before the headers are sent, because a failure must still become an error answer.
      const first = await read(undefined, { signal, late })
      const rest = (after: PeerPosition) => read(after, { signal })
      const stream = Readable.from(textOf(first, rest, format, counted), { objectMode: false })
      await sendLong(reply, headers, stream, () => metrics.stalledExports.inc())
      return undefined
    },
  })
}

interface Page {
  readonly rows: readonly PeerEventRow[]
  readonly next: PeerPosition | null
}

async function* textOf(
  first: Page,
  rest: (after: PeerPosition) => Promise<Page>,
  format: 'csv' | 'ndjson',
  counted: (rows: number) => void,
): AsyncGenerator<string> {
  if (format === 'csv') yield csvHeader(PEER_FIELDS)
  for (let page = first; ; page = await rest(page.next)) {
    counted(page.rows.length)
    yield page.rows.map(format === 'csv' ? csvOf : ndjsonOf).join('')
    if (page.next === null) return
  }
}

function ndjsonOf(row: PeerEventRow): string {
  return `${JSON.stringify(peerRow(row))}\n`
}

function csvOf(row: PeerEventRow): string {
  const cells = PEER_FIELDS.map(({ isName, read }) => (isName ? csvName : csvCell)(read(row)))
  return cells.join(',') + CSV_LINE_END
}

function connectionsRoute(context: ServerContext): Route {
  const { store, clockMs, silenceMs } = context
  return route({
    method: 'GET',
    path: '/api/v1/org/{orgId}/logs/peers/connections',
    tag: 'logs',
    summary: 'Connections of peers: client, time and outer addresses; latest first',
    description:
      'Derived from the events. Each connection overlaps the time range. `more`: there are further ones beyond `limit`.',
    scopes: READ,
    params: orgParams,
    query: connectionsQuerySchema,
    answer: z.object({ connections: z.array(peerConnectionSchema), more: z.boolean() }),
    handle: async ({ params: { orgId }, query, key, request, signal, late }) => {
      const filter = checked(query, clockMs())
      const { limit, open, now } = query
      const all = await presentMeters(context, orgId)
      const meters = all.filter((m) => Date.parse(m.receivedAt) > clockMs() - silenceMs)
      const heard = { meters, toldAfterUs: clockMs() * 1e3 - TOLD_WITHIN_US }
      const asked = { filter, limit: limit + 1, open: open || now, ...(now && { heard }) }
      const found = await store.peerConnections(orgId, asked, { signal, late })
      noteQuery(context, orgId, filter, { key, request, rows: found.length, log: 'peers' })
      const reporting = new Set(meters.map(({ siteId, meterId }) => `${siteId}/${meterId}`))
      return {
        connections: found
          .slice(0, limit)
          .map((one) => connectionRow(one, reporting, clockMs() * 1e3)),
        more: found.length > limit,
      }
    },
  })
}
