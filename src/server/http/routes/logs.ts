/** The connection log: pages, totals, export. */
import { Readable } from 'node:stream'
import { z } from 'zod'
import { usToIso } from '../../../base/instant.js'
import { exportStream } from '../../export/export.js'
import { apiRow, LOG_FIELDS } from '../../query/api-row.js'
import { completenessAnswer } from '../../query/completeness-answer.js'
import { withoutKnown } from '../../query/known-rows.js'
import { noticeFor, noticeOfMissing } from '../../query/notice.js'
import {
  decodeCursor,
  EXPORT_FORMATS,
  encodeCursor,
  exportQuerySchema,
  filterOf,
  isOfAnyTime,
  logQuerySchema,
  sortOf,
} from '../../query/parameters.js'
import { summaryQuerySchema, usageQuerySchema } from '../../query/sum-parameters.js'
import type { Cancel, LogFilter, MatrixRequest, PageRequest } from '../../store/store.js'
import { auditExport, noteQuery } from '../audited.js'
import type { ServerContext } from '../context.js'
import { sendLong, takesGzip } from '../download.js'
import { MANIFEST_HEADER, manifestHead, manifestHeader } from '../export-manifest.js'
import { HttpError } from '../http.js'
import { presentMeters } from '../present-meters.js'
import { orgParams, type Route, route } from '../route.js'
import {
  filterAttributesSchema,
  logRowSchema,
  missingSchema,
  noticeSchema,
  shortCompletenessSchema,
} from '../schemas.js'
import { inShort, judgeSites, missingIn } from '../site-completeness.js'
import { summarySchema, usageSchema } from '../sum-schemas.js'

const READ = ['admin', 'read'] as const

function badRequest(message: string): HttpError {
  return new HttpError(400, 'badRequest', message)
}

/** @throws HttpError 400 */
export function checkedFilter(query: Parameters<typeof filterOf>[0], nowMs: number): LogFilter {
  const filter = filterOf(query, nowMs)
  if (filter.toUs <= filter.fromUs)
    throw badRequest(
      `timeEnd: expected a time after timeStart (${usToIso(filter.fromUs)}), got ${usToIso(filter.toUs)}`,
    )
  return filter
}

export function logRoutes(context: ServerContext): Route[] {
  return [pageRoute(context), exportRoute(context), summaryRoute(context), usageRoute(context)]
}

/** The same answer as GET …/completeness. */
async function completenessOf(
  context: ServerContext,
  orgId: string,
  filter: LogFilter,
  cancel: Cancel,
) {
  const { sites, named } = await judgeSites(context, orgId, filter, filter.siteIds, cancel)
  return completenessAnswer(sites, named)
}

const deltaSchema = z
  .object({
    runs: z.array(z.tuple([z.int(), z.int()])).meta({
      description:
        'The page in order: [index of the first row in `known`, number of rows]; -1: the next rows of log.',
    }),
    tags: z.string().meta({ description: 'The tags of the rows in log, 8 characters each.' }),
  })
  .meta({ description: 'Only with `known`.' })

function pageRoute(context: ServerContext): Route {
  const { store, control, clockMs, silenceMs } = context
  return route({
    method: 'GET',
    path: '/api/v1/org/{orgId}/logs/connection',
    tag: 'logs',
    summary: 'A page of the connection log',
    scopes: READ,
    params: orgParams,
    query: logQuerySchema,
    answer: z.object({
      log: z.array(logRowSchema),
      pagination: z.object({
        total: z.int().nullable(),
        limit: z.int(),
        offset: z.int(),
        nextCursor: z.string().nullable(),
      }),
      delta: deltaSchema.optional(),
      filterAttributes: filterAttributesSchema.nullable(),
      completeness: shortCompletenessSchema.nullable().meta({
        description:
          'Completeness of the same time range and siteId, as in GET …/completeness. null: completeness=false, or a query without a time (sessionId or state=open, and no timeStart).',
      }),
      gaps: z.array(missingSchema).meta({
        description:
          'Holes of that completeness, at most 1000: most lost sessions first, then the longest.',
      }),
      notice: noticeSchema
        .nullable()
        .meta({ description: 'The reason for an empty answer, or a sentence about missing data.' }),
    }),
    handle: async ({ params: { orgId }, query, key, request: from, signal, late }) => {
      const filter = checkedFilter(query, clockMs())
      const sort = sortOf(query.sort)
      const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor, sort)
      if (query.cursor !== undefined && after === undefined) {
        throw badRequest(
          `cursor: expected nextCursor of a page with sort=${query.sort}, got ${JSON.stringify(query.cursor.slice(0, 60))}`,
        )
      }
      const request: PageRequest = {
        filter,
        sort,
        limit: query.limit,
        offset: query.offset,
        ...(after !== undefined && { after }),
      }
      const [page, total, filterAttributes, answer] = await Promise.all([
        store.page(orgId, request, { signal, late }),
        query.count ? store.count(orgId, filter, { signal, late }) : null,
        query.attributes ? store.attributes(orgId, filter, { signal, late }) : null,
        query.completeness && !isOfAnyTime(query)
          ? completenessOf(context, orgId, filter, { signal, late })
          : null,
      ])
      noteQuery(context, orgId, filter, { key, request: from, rows: total ?? page.rows.length })
      const empty = page.rows.length === 0 && query.offset === 0 && after === undefined
      const rows = page.rows.map(apiRow)
      return {
        ...(query.known === undefined ? { log: rows } : withoutKnown(rows, query.known)),
        pagination: {
          total,
          limit: query.limit,
          offset: query.offset,
          nextCursor: page.next === null ? null : encodeCursor(sort, page.next),
        },
        filterAttributes,
        completeness: answer === null ? null : inShort(answer),
        gaps: answer === null ? [] : missingIn(answer),
        notice: noticeOfMissing(empty ? await explain(orgId, filter) : null, answer),
      }
    },
  })

  async function explain(orgId: string, filter: LogFilter) {
    return noticeFor({
      retentionDays: control.org(orgId)?.retentionDays ?? 0,
      keys: await control.keys(orgId),
      meters: await presentMeters(context, orgId),
      store: await store.facts(orgId, filter),
      filter,
      nowMs: clockMs(),
      silenceMs,
    })
  }
}

const CONTENT_TYPES = {
  csv: 'text/csv; charset=utf-8; header=present',
  ndjson: 'application/x-ndjson; charset=utf-8',
  parquet: 'application/vnd.apache.parquet',
} as const

function exportRoute(context: ServerContext): Route {
  const { store, clockMs, metrics } = context
  return route({
    method: 'GET',
    path: '/api/v1/org/{orgId}/logs/connection/export',
    tag: 'logs',
    summary: 'All rows under the filters as a file',
    description: `Formats: ${EXPORT_FORMATS.join(', ')}. Streamed, without a row limit; csv and ndjson are compressed if the request accepts gzip. Columns: ${LOG_FIELDS.map((f) => f.name).join(', ')}.`,
    scopes: READ,
    params: orgParams,
    query: exportQuerySchema,
    answer: null,
    produces: Object.values(CONTENT_TYPES),
    handle: async ({ params: { orgId }, query, key, request, reply, signal, late }) => {
      const filter = checkedFilter(query, clockMs())
      const { format, manifest } = query
      if (manifest === 'line' && format !== 'ndjson')
        throw badRequest(`manifest: line goes with format=ndjson only, got format=${format}`)
      const gzip = format !== 'parquet' && takesGzip(request.headers['accept-encoding'])
      const headers: Record<string, string> = {
        'content-type': CONTENT_TYPES[format],
        'content-disposition': `attachment; filename="${fileName(orgId, filter, format)}"`,
        'cache-control': 'no-store',
        vary: 'accept-encoding',
        ...(gzip && { 'content-encoding': 'gzip' }),
      }
      const range = isOfAnyTime(query) ? null : filter
      const completeness =
        manifest === undefined || range === null
          ? null
          : await completenessOf(context, orgId, filter, { signal, late })
      const asked = { orgId, format, range, key: key!, version: context.version, completeness }
      if (manifest === 'header') headers[MANIFEST_HEADER] = manifestHeader(asked, request)
      if (request.method === 'HEAD') {
        await reply.headers(headers).send(Readable.from([]))
        return undefined
      }
      const counted = auditExport(context, orgId, { filter, format }, { key, request, reply })
      const stream = await exportStream(store, orgId, {
        filter,
        sort: sortOf(query.sort),
        format,
        gzip,
        columns: query.columns,
        signal,
        late,
        counted,
        ...(manifest === 'line' && { manifestLine: manifestHead(asked, request) }),
      })
      await sendLong(reply, headers, stream, () => metrics.stalledExports.inc())
      return undefined
    },
  })
}

/** `connections_acme_20261115T000000Z_20261122T000000Z.csv` */
function fileName(orgId: string, filter: LogFilter, format: string): string {
  const stamp = (us: number) => usToIso(us).replace(/\.\d+/, '').replace(/[-:]/g, '')
  return `connections_${orgId}_${stamp(filter.fromUs)}_${stamp(filter.toUs)}.${format}`
}

/** More columns than anyone reads, and an answer of a few megabytes. */
const MATRIX_CELLS_MAX = 10_000

function summaryRoute(context: ServerContext): Route {
  const { store, clockMs } = context
  return route({
    method: 'GET',
    path: '/api/v1/org/{orgId}/logs/connection/summary',
    tag: 'logs',
    summary: 'Totals under the filters, by group and over time',
    scopes: READ,
    params: orgParams,
    query: summaryQuerySchema,
    answer: summarySchema,
    handle: async ({ params: { orgId }, query, key, request, signal, late }) => {
      const filter = checkedFilter(query, clockMs())
      const { groupBy = null, interval = null, top, by: sort } = query
      const asked = { filter, groupBy, interval, top, sort }
      const pairs = matrixRequest(query, filter)
      const answer = await store.summary(orgId, asked, { signal, late })
      noteQuery(context, orgId, filter, { key, request, rows: answer.totals.sessions })
      if (pairs === null) return answer
      return { ...answer, matrix: await store.matrix(orgId, pairs, { signal, late }) }
    },
  })
}

/** @throws HttpError 400 */
function matrixRequest(
  { groupBy, across, top, topAcross, by: sort }: z.output<typeof summaryQuerySchema>,
  filter: LogFilter,
): MatrixRequest | null {
  if (across === undefined) return null
  if (groupBy === undefined || groupBy === across)
    throw badRequest(`across: expected another group than groupBy, got ${across}`)
  if (top * topAcross > MATRIX_CELLS_MAX)
    throw badRequest(
      `topAcross: expected at most ${MATRIX_CELLS_MAX} cells (top × topAcross), got ${top * topAcross}`,
    )
  return { filter, groups: [groupBy, across], top: [top, topAcross], sort }
}

const USAGE_MONTHS_MAX = 120

function usageRoute({ store, clockMs }: ServerContext): Route {
  return route({
    method: 'GET',
    path: '/api/v1/org/{orgId}/usage',
    tag: 'logs',
    summary:
      'Totals per month, kept for --usage-retention (default 400 days), also of deleted sessions',
    scopes: READ,
    params: orgParams,
    query: usageQuerySchema,
    answer: usageSchema,
    handle: async ({ params: { orgId }, query, signal, late }) => {
      const toMonth = query.to ?? new Date(clockMs()).toISOString().slice(0, 7)
      const fromMonth = query.from ?? monthBefore(toMonth, 11)
      if (fromMonth > toMonth)
        throw badRequest(`from: expected a month up to ${toMonth}, got ${fromMonth}`)
      if (monthBefore(toMonth, USAGE_MONTHS_MAX) > fromMonth) {
        throw badRequest(
          `from: expected a month at most ${USAGE_MONTHS_MAX} before ${toMonth}, got ${fromMonth}`,
        )
      }
      const rows = await store.usage(
        orgId,
        { fromMonth, toMonth, groupBy: query.groupBy },
        { signal, late },
      )
      return { from: fromMonth, to: toMonth, usage: rows }
    },
  })
}

function monthBefore(month: string, months: number): string {
  const [year, number] = month.split('-').map(Number) as [number, number]
  return new Date(Date.UTC(year, number - 1 - months)).toISOString().slice(0, 7)
}
