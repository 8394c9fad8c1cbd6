/**
 * The server against Pangolin's documented design in better-sqlite3, in one run:
 * npm run bench:server [-- --rows N --ingest N --rounds N --data DIR --no-sqlite --keep]
 *
 * First sessions over HTTP with durable acknowledgements, then queries at growing sizes. Every answer is checked
 * before it is timed. The rows of the query part go into the store directly, by the same writer; --data DIR --keep
 * keeps them for the next run.
 */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import type { MeterReport } from '../src/session/batch.ts'
import { DuckStore } from '../src/store/duckdb/duck-store.ts'
import { LOG_ORG, logRows, SITES } from './support/log-rows.ts'
import { describeMachine, median } from './support/machine.ts'
import { BenchServer, createKey } from './support/serve.ts'
import type { SqliteLog } from './support/sqlite-log.ts'

const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string', default: '20000000' },
    ingest: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '11' },
    data: { type: 'string' },
    'no-sqlite': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
})
const BATCH = 5000
const CONNECTIONS = 4
const MONTH_US = 30 * 86400e6
const SIZES = [1e6, 5e6, 20e6, 50e6].filter((n) => n <= Number(flags.rows))
if (SIZES.length === 0) SIZES.push(Number(flags.rows))
const rounds = Number(flags.rounds)
const work = flags.data ?? mkdtempSync(join(tmpdir(), 'tunmeter-bench-'))
mkdirSync(work, { recursive: true })

function reportNow(): MeterReport {
  return {
    version: 'bench',
    interface: 'bench0',
    startedAt: '2026-01-01T00:00:00.000Z',
    at: new Date().toISOString(),
    packets: 0,
    bytes: 0,
    other: {},
    openSessions: 0,
    packetsDropped: 0,
    sessionsDropped: {},
    spool: { batches: 0, bytes: 0, setAside: 0 },
  }
}

async function openSqlite(file: string): Promise<SqliteLog | null> {
  if (flags['no-sqlite']) return null
  try {
    const { SqliteLog: Log } = await import('./support/sqlite-log.ts')
    return new Log(file)
  } catch (error) {
    console.error(`better-sqlite3 cannot be used: ${String(error).split('\n')[0]}`)
    console.error(
      'build it: npm_config_nodedir=$(dirname $(dirname $(which node))) npm rebuild better-sqlite3 --ignore-scripts=false --build-from-source',
    )
    return null
  }
}

async function benchIngest(): Promise<Record<string, unknown>> {
  const data = join(work, 'ingest')
  rmSync(data, { recursive: true, force: true })
  const count = Math.ceil(Number(flags.ingest) / BATCH / SITES) * BATCH * SITES
  const plan = {
    orgId: LOG_ORG,
    rows: count,
    fromUs: Date.now() * 1e3 - 3600e6,
    toUs: Date.now() * 1e3 - 1e6,
    seed: 3,
  }
  const rows = [...logRows(plan)]
  const admin = createKey(data, '--scope', 'admin', '--org', LOG_ORG, '--retention-days', '30')
  const bodies = Array.from({ length: SITES }, (_, site) => {
    const own = rows.filter((r) => r.siteId === site + 1)
    return Array.from({ length: own.length / BATCH }, (_unused, b) => {
      const sessions = own.slice(b * BATCH, (b + 1) * BATCH)
      const batch = {
        meterId: `meter-${site + 1}`,
        batch: b + 1,
        report: reportNow(),
        gaps: [],
        sessions,
      }
      return gzipSync(JSON.stringify(batch), { level: 1 })
    })
  })
  const server = await BenchServer.start(data)
  const cpu = server.cpuSeconds()
  const start = performance.now()
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, site) => {
      for (const body of bodies[site]!)
        await server.post(`/api/v1/org/${LOG_ORG}/site/${site + 1}/sessions`, admin, body)
    }),
  )
  const seconds = (performance.now() - start) / 1e3
  const cpuSeconds = server.cpuSeconds() - cpu
  const page = await server.get(
    `/api/v1/org/${LOG_ORG}/logs/connection?limit=1&attributes=false`,
    admin,
  )
  const { total } = (JSON.parse(page.text) as { data: { pagination: { total: number } } }).data
    .pagination
  if (total !== count) throw new Error(`ingest: ${count} sessions sent, ${total} stored`)
  const rssPeak = server.rssPeakBytes()
  await server.stop()
  const sqlite = await openSqlite(join(data, 'baseline.db'))
  let sqliteSeconds = Number.NaN
  if (sqlite !== null) {
    const some = rows.slice(0, 100_000)
    const begin = performance.now()
    sqlite.write(some)
    sqliteSeconds = ((performance.now() - begin) / 1e3) * (count / some.length)
    if (sqlite.count() !== some.length) throw new Error('sqlite: rows are missing')
    sqlite.close()
  }
  rmSync(data, { recursive: true, force: true })
  return {
    sessions: count,
    sessionsPerSecond: Math.round(count / seconds),
    cpuMicrosecondsPerSession: (cpuSeconds / count) * 1e6,
    rssPeakMiB: Math.round(rssPeak / 2 ** 20),
    sqliteSessionsPerSecond: Math.round(count / sqliteSeconds),
    ratio: sqliteSeconds / seconds,
  }
}

/** Brings the store (and the baseline) from `from` to `to` rows. */
async function fill(
  data: string,
  from: number,
  to: number,
  fromUs: number,
  sqlite: SqliteLog | null,
): Promise<void> {
  const store = await DuckStore.open({ directory: data, memoryBytes: 512 * 2 ** 20, threads: 2 })
  const waiting: Promise<unknown>[] = []
  const per = Array.from({ length: SITES }, () => ({
    batch: 0,
    rows: [] as Parameters<SqliteLog['write']>[0][number][],
  }))
  const usPerRow = MONTH_US / Number(flags.rows)
  const plan = {
    orgId: LOG_ORG,
    rows: to - from,
    fromUs: fromUs + from * usPerRow,
    toUs: fromUs + to * usPerRow,
    seed: from + 1,
  }
  const flush = async (site: number): Promise<void> => {
    const { rows } = per[site]!
    per[site]!.rows = []
    const batch = {
      meterId: `fill-${from}-${site}`,
      batch: ++per[site]!.batch,
      report: reportNow(),
      gaps: [],
    }
    waiting.push(store.write({ orgId: LOG_ORG, siteId: site + 1, batch, sessions: rows }))
    sqlite?.write(rows)
    if (waiting.length >= 8) await Promise.all(waiting.splice(0))
  }
  for (const row of logRows(plan)) {
    const site = row.siteId - 1
    if (per[site]!.rows.push(row) === BATCH) await flush(site)
  }
  for (let site = 0; site < SITES; site++) if (per[site]!.rows.length > 0) await flush(site)
  await Promise.all(waiting)
  await store.close()
}

interface Query {
  readonly name: string
  readonly path: string
  readonly sql: string
  readonly values: readonly unknown[]
}

function queries(fromUs: number): Query[] {
  const iso = (us: number) => new Date(us / 1e3).toISOString()
  const range = `timeStart=${iso(fromUs)}&timeEnd=${iso(fromUs + MONTH_US)}`
  const log = `/api/v1/org/${LOG_ORG}/logs/connection`
  const bare = `${range}&limit=50&count=false&attributes=false`
  const where = 'FROM log WHERE orgId = ? AND startTimeUs >= ? AND startTimeUs < ?'
  const values = [LOG_ORG, fromUs, fromUs + MONTH_US]
  const newest = 'ORDER BY startTimeUs DESC LIMIT 50'
  return [
    {
      name: 'first page, filtered',
      path: `${log}?${bare}&connState=S0&protocol=tcp`,
      sql: `SELECT * ${where} AND connState = 'S0' AND protocol = 'tcp' ${newest}`,
      values,
    },
    {
      name: 'first page, filtered, with total',
      path: `${log}?${range}&limit=50&attributes=false&connState=S0&protocol=tcp`,
      sql: `SELECT count(*) ${where} AND connState = 'S0' AND protocol = 'tcp'`,
      values,
    },
    {
      name: 'page of a client',
      path: `${log}?${bare}&clientId=170`,
      sql: `SELECT * ${where} AND clientId = 170 ${newest}`,
      values,
    },
    {
      name: 'largest of a client',
      path: `${log}?${bare}&clientId=170&sort=-bytes`,
      sql: `SELECT * ${where} AND clientId = 170 ORDER BY bytesTx + bytesRx DESC LIMIT 50`,
      values,
    },
    {
      name: 'everything that filters offer',
      path: `${log}?${range}&limit=50`,
      sql: `SELECT clientId, count(*) ${where} GROUP BY clientId`,
      values,
    },
    {
      name: 'month summary by client',
      path: `${log}/summary?${range}&groupBy=client&interval=day`,
      sql: `SELECT clientId, startTimeUs / 86400000000 AS day, count(*), sum(bytesTx), sum(bytesRx) ${where} GROUP BY 1, 2`,
      values,
    },
  ]
}

async function benchQueries(
  data: string,
  rows: number,
  fromUs: number,
  sqlite: SqliteLog | null,
): Promise<Record<string, unknown>[]> {
  const key = createKey(data, '--scope', 'read', '--org', LOG_ORG)
  const server = await BenchServer.start(data)
  const results: Record<string, unknown>[] = []
  const iso = (us: number) => new Date(us / 1e3).toISOString()
  const range = `timeStart=${iso(fromUs)}&timeEnd=${iso(fromUs + MONTH_US + 3600e6)}`
  const counted = await server.get(
    `/api/v1/org/${LOG_ORG}/logs/connection?${range}&limit=1&attributes=false`,
    key,
  )
  const { total } = (JSON.parse(counted.text) as { data: { pagination: { total: number } } }).data
    .pagination
  if (total !== rows) throw new Error(`${rows} rows written, ${total} found`)
  for (const { name, path, sql, values } of queries(fromUs)) {
    const times: number[] = []
    for (let i = 0; i < rounds + 1; i++) times.push((await server.get(path, key)).ms)
    const baseline: number[] = []
    if (sqlite !== null) {
      for (let i = 0; i < Math.min(3, rounds); i++) {
        const start = performance.now()
        sqlite.all(sql, ...values)
        baseline.push(performance.now() - start)
      }
    }
    const ms = median(times.slice(1))
    results.push({
      rows,
      name,
      ms,
      firstMs: times[0],
      sqliteMs: median(baseline),
      ratio: median(baseline) / ms,
    })
  }
  const csv = await server.get(`/api/v1/org/${LOG_ORG}/logs/connection/export?${range}`, key)
  if (csv.lines !== rows + 1) throw new Error(`CSV: ${csv.lines} lines for ${rows} rows`)
  const csvStart = performance.now()
  const baselineRows = sqlite?.csvRows(LOG_ORG) ?? Number.NaN
  const sqliteRowsPerSecond = baselineRows / ((performance.now() - csvStart) / 1e3)
  results.push({
    rows,
    name: 'CSV rows/s',
    perSecond: Math.round(rows / (csv.ms / 1e3)),
    sqlitePerSecond: Math.round(sqliteRowsPerSecond),
  })
  const bytes = statSync(join(data, 'sessions.duckdb')).size
  results.push({
    rows,
    name: 'bytes a session',
    bytes: bytes / rows,
    sqliteBytes: (sqlite?.bytes() ?? Number.NaN) / rows,
  })
  results.push({ rows, name: 'peak RSS MiB', mib: Math.round(server.rssPeakBytes() / 2 ** 20) })
  await server.stop()
  return results
}

const machine = describeMachine()
console.log(JSON.stringify({ machine, work }))
if (Number(flags.ingest) > 0) console.log(JSON.stringify({ ingest: await benchIngest() }))
if (Number(flags.rows) > 0) {
  const data = join(work, 'query')
  if (!flags.keep) rmSync(data, { recursive: true, force: true })
  createKey(data, '--scope', 'admin', '--org', LOG_ORG, '--retention-days', '-1')
  const sqlite = await openSqlite(join(data, 'baseline.db'))
  const fromUs = Math.floor(Date.now() / 86400e3) * 86400e6 - MONTH_US
  let filled = 0
  for (const rows of SIZES) {
    await fill(data, filled, rows, fromUs, sqlite)
    filled = rows
    for (const result of await benchQueries(data, rows, fromUs, sqlite))
      console.log(JSON.stringify(result))
  }
  sqlite?.close()
}
if (!flags.keep) rmSync(work, { recursive: true, force: true })
