/**
 * The queries of the server bench, the same queries for the baseline, and how to compare both
 * answers.
 */
import { LOG_ORG } from './log-rows.ts'

export interface LogAnswer {
  readonly log?: readonly { readonly sessionId: string }[]
  readonly pagination?: { readonly total: number | null }
  readonly totals?: { readonly sessions: number }
  readonly groups?: readonly { readonly id: string | null; readonly sessions: number }[]
  readonly filterAttributes?: { readonly clients: readonly { id: number; count: number }[] } | null
}
type BaselineRow = Readonly<Record<string, unknown>>

export interface Query {
  readonly name: string
  readonly path: string
  readonly sql: string
  readonly values: readonly unknown[]
  /** The two results that must be equal. */
  readonly same: readonly [
    (answer: LogAnswer) => unknown,
    (rows: readonly BaselineRow[]) => unknown,
  ]
  /** Must hold even without a baseline. */
  readonly holds: (answer: LogAnswer) => boolean
}

const PAGE = 50
const ids: Query['same'] = [
  (answer) => answer.log!.map((row) => row.sessionId),
  (rows) => rows.map((row) => row.sessionId),
]
const isPage = (answer: LogAnswer) => answer.log!.length === PAGE

export function logQueries(rows: number, fromUs: number, toUs: number): Query[] {
  const iso = (us: number) => new Date(us / 1e3).toISOString()
  const range = `timeStart=${iso(fromUs)}&timeEnd=${iso(toUs)}`
  const log = `/api/v1/org/${LOG_ORG}/logs/connection`
  const bare = `${range}&limit=${PAGE}&count=false&attributes=false`
  const where = 'FROM log WHERE orgId = ? AND startTimeUs >= ? AND startTimeUs < ?'
  const values = [LOG_ORG, fromUs, toUs]
  const order = 'startTimeUs DESC, sessionId DESC'
  const page = (name: string, filter: string, condition: string, sort = '', by = order): Query => ({
    name,
    path: `${log}?${bare}${filter}${sort}`,
    sql: `SELECT sessionId ${where}${condition} ORDER BY ${by} LIMIT ${PAGE}`,
    values,
    same: ids,
    holds: isPage,
  })
  const bytes = `bytesTx + bytesRx DESC, sessionId DESC`
  return [
    page('first page', '', ''),
    page(
      'first page, filtered',
      '&connState=S0&protocol=tcp',
      " AND connState = 'S0' AND protocol = 'tcp'",
    ),
    {
      name: 'its total',
      path: `${log}?${range}&limit=1&attributes=false&connState=S0&protocol=tcp`,
      sql: `SELECT count(*) AS n ${where} AND connState = 'S0' AND protocol = 'tcp'`,
      values,
      same: [(answer) => answer.pagination!.total, ([row]) => row!.n],
      holds: (answer) => answer.pagination!.total! > 0,
    },
    page('page of a client', '&clientId=170', ' AND clientId = 170'),
    page('largest of a client', '&clientId=170', ' AND clientId = 170', '&sort=-bytes', bytes),
    page('largest of all', '', '', '&sort=-bytes', bytes),
    page(
      'longest of all',
      '',
      '',
      '&sort=-duration',
      'endTimeUs - startTimeUs DESC, sessionId DESC',
    ),
    page(
      'free text',
      '&q=10.8.1.71',
      " AND (sourceIp LIKE '%10.8.1.71%' OR destIp LIKE '%10.8.1.71%' OR clientEndpoint LIKE '%10.8.1.71%' OR userId LIKE '%10.8.1.71%')",
    ),
    {
      name: 'free text, nothing found',
      path: `${log}?${bare}&q=no-such-text`,
      sql: `SELECT sessionId ${where} AND (sourceIp LIKE '%no-such%' OR destIp LIKE '%no-such%' OR clientEndpoint LIKE '%no-such%' OR userId LIKE '%no-such%')`,
      values,
      same: ids,
      holds: (answer) => answer.log!.length === 0,
    },
    {
      name: 'total and filter counts',
      path: `${log}?${range}&limit=1`,
      sql: `SELECT clientId AS id, count(*) AS n ${where} GROUP BY 1 ORDER BY 2 DESC, 1`,
      values,
      same: [
        (answer) => answer.filterAttributes!.clients.map((c) => c.count).sort((a, b) => b - a)[0],
        ([row]) => row!.n,
      ],
      holds: (answer) => answer.pagination!.total === rows,
    },
    {
      name: 'filter counts of a client',
      path: `${log}?${range}&limit=1&clientId=170`,
      sql: `SELECT count(*) AS n ${where} AND clientId = 170`,
      values,
      same: [(answer) => answer.pagination!.total, ([row]) => row!.n],
      holds: (answer) => answer.pagination!.total! > 0,
    },
    {
      name: 'month summary by client and day',
      path: `${log}/summary?${range}&groupBy=client&interval=day&top=50`,
      sql: `SELECT clientId AS id, startTimeUs / 86400000000 AS day, count(*) AS n, sum(bytesTx), sum(bytesRx) ${where} GROUP BY 1, 2`,
      values,
      same: [
        (answer) => answer.totals!.sessions,
        (all) => all.reduce((n, row) => n + (row.n as number), 0),
      ],
      holds: (answer) => answer.totals!.sessions === rows,
    },
    {
      name: 'summary of a client by resource',
      path: `${log}/summary?${range}&groupBy=resource&clientId=170`,
      sql: `SELECT siteResourceId AS id, count(*) AS n, sum(bytesTx), sum(bytesRx) ${where} AND clientId = 170 GROUP BY 1`,
      values,
      same: [
        (answer) => answer.totals!.sessions,
        (all) => all.reduce((n, row) => n + (row.n as number), 0),
      ],
      holds: (answer) => answer.totals!.sessions > 0,
    },
  ]
}
