/**
 * Compares the server with Pangolin's documented design in better-sqlite3, in one run:
 * npm run bench:server [-- --rows N --ingest N --rounds N --sqlite-rows N --retention --store-threads N --data DIR --keep --write]
 *
 * First sessions over HTTP with durable acknowledgements, then queries at growing sizes, then
 * retention during ingest. Every answer is checked before it is timed. The rows of the query part
 * are generated in SQL (support/log-fill.ts). --data DIR --keep keeps them, and a later run with
 * the same directory continues from there. --write puts results and plot into bench/results and
 * docs/images.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { readLogged } from '../src/server/ingest/logged.js'
import { DuckStore } from '../src/server/store/duckdb/duck-store.ts'
import { fillLog } from './support/log-fill.ts'
import { type LogAnswer, logQueries, type Query } from './support/log-queries.ts'
import { LOG_ORG, logRows, SITES } from './support/log-rows.ts'
import { describeMachine, median } from './support/machine.ts'
import { measureRetention, reportNow } from './support/retention.ts'
import { BenchServer, createKey } from './support/serve.ts'
import type { SqliteLog } from './support/sqlite-log.ts'
import { lineChart } from './support/svg.ts'

const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string', default: '20000000' },
    ingest: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '11' },
    data: { type: 'string' },
    /** The most rows in the baseline: its file grows by 300 B a row, and its scans take minutes. */
    'sqlite-rows': { type: 'string', default: '5000000' },
    retention: { type: 'boolean', default: false },
    'store-threads': { type: 'string', default: '2' },
    write: { type: 'boolean', default: false },
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

async function openSqlite(file: string): Promise<SqliteLog | null> {
  if (flags['sqlite-rows'] === '0') return null
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

const APPLY_MAX_MS = 180_000

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
  const server = await BenchServer.start(data, '--store-threads', flags['store-threads'])
  const cpu = server.cpuSeconds()
  const start = performance.now()
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, site) => {
      for (const body of bodies[site]!)
        await server.post(`/api/v1/org/${LOG_ORG}/site/${site + 1}/sessions`, admin, body)
    }),
  )
  const seconds = (performance.now() - start) / 1e3
  // An answer waits some seconds for acknowledged sessions, then covers the applied ones.
  let total = 0
  while (total < count && performance.now() - start < APPLY_MAX_MS) {
    const page = await server.get(
      `/api/v1/org/${LOG_ORG}/logs/connection?limit=1&attributes=false`,
      admin,
    )
    total = (JSON.parse(page.text) as { data: { pagination: { total: number } } }).data.pagination
      .total
  }
  const appliedSeconds = (performance.now() - start) / 1e3
  const cpuSeconds = server.cpuSeconds() - cpu
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
    acknowledgedPerSecond: Math.round(count / seconds),
    sessionsPerSecond: Math.round(count / appliedSeconds),
    cpuMicrosecondsPerSession: (cpuSeconds / count) * 1e6,
    rssPeakMiB: Math.round(rssPeak / 2 ** 20),
    sqliteSessionsPerSecond: Math.round(count / sqliteSeconds),
    ratio: sqliteSeconds / appliedSeconds,
  }
}

/** Copies the store's rows between two times into the baseline. */
async function fillSqlite(sqlite: SqliteLog, data: string, fromUs: number, toUs: number) {
  const store = await DuckStore.open({
    directory: data,
    memoryBytes: 512 * 2 ** 20,
    threads: 2,
    readLogged,
  })
  const ascending = { key: 'startTime', descending: false } as const
  for await (const rows of store.rows(LOG_ORG, { fromUs, toUs }, ascending)) sqlite.fill(rows)
  await store.close()
}

type Result = Record<string, unknown>

async function checkedAnswer(server: BenchServer, key: string, query: Query): Promise<LogAnswer> {
  const { text } = await server.get(query.path, key)
  const answer = (JSON.parse(text) as { data: LogAnswer }).data
  if (!query.holds(answer)) throw new Error(`${query.name}: wrong answer: ${text.slice(0, 300)}`)
  return answer
}

async function timeQuery(
  server: BenchServer,
  key: string,
  query: Query,
  sqlite: SqliteLog | null,
): Promise<Result> {
  const answer = await checkedAnswer(server, key, query)
  const baseline: number[] = []
  if (sqlite !== null) {
    const [ours, theirs] = query.same
    for (let i = 0; i < 3; i++) {
      const start = performance.now()
      const rows = sqlite.all(query.sql, ...query.values) as Record<string, unknown>[]
      baseline.push(performance.now() - start)
      if (JSON.stringify(ours(answer)) !== JSON.stringify(theirs(rows)))
        throw new Error(`${query.name}: the baseline says something else`)
    }
    // The baseline blocked the event loop for up to a minute. Connections that the server closed
    // meanwhile are noticed now.
    await setTimeout(100)
  }
  const times: number[] = []
  for (let i = 0; i < rounds; i++) times.push((await server.get(query.path, key)).ms)
  const ms = median(times)
  const worstMs = Math.max(...times)
  if (baseline.length === 0) return { name: query.name, ms, worstMs }
  return {
    name: query.name,
    ms,
    worstMs,
    sqliteMs: median(baseline),
    ratio: median(baseline) / ms,
  }
}

async function benchQueries(
  data: string,
  rows: number,
  [fromUs, toUs]: readonly [number, number],
  sqlite: SqliteLog | null,
): Promise<Result[]> {
  const key = createKey(data, '--scope', 'read', '--org', LOG_ORG)
  const server = await BenchServer.start(data, '--store-threads', flags['store-threads'])
  const results: Result[] = []
  for (const query of logQueries(rows, fromUs, toUs)) {
    results.push({ rows, ...(await timeQuery(server, key, query, sqlite)) })
    console.log(JSON.stringify(results.at(-1)))
  }
  const iso = (us: number) => new Date(us / 1e3).toISOString()
  const range = `timeStart=${iso(fromUs)}&timeEnd=${iso(toUs)}`
  const csv = await server.get(`/api/v1/org/${LOG_ORG}/logs/connection/export?${range}`, key)
  if (csv.lines !== rows + 1) throw new Error(`CSV: ${csv.lines} lines for ${rows} rows`)
  const csvStart = performance.now()
  const read = sqlite?.csvRows(LOG_ORG)
  const baselineSeconds = (performance.now() - csvStart) / 1e3
  results.push({
    rows,
    name: 'CSV rows/s',
    perSecond: Math.round(rows / (csv.ms / 1e3)),
    ...(read !== undefined && { sqlitePerSecond: Math.round(read / baselineSeconds) }),
  })
  const bytes = statSync(join(data, 'sessions.duckdb')).size / rows
  const sqliteBytes = sqlite === null ? {} : { sqliteBytes: sqlite.bytes() / rows }
  results.push({ rows, name: 'bytes a session', bytes, ...sqliteBytes })
  results.push({ rows, name: 'peak RSS MiB', mib: Math.round(server.rssPeakBytes() / 2 ** 20) })
  await server.stop()
  for (const result of results.slice(-3)) console.log(JSON.stringify(result))
  return results
}

/** The plan in a directory that an earlier run kept. */
function kept(data: string): { rows: number; fromUs: number; usPerRow: number } | null {
  const file = join(data, 'bench.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as never) : null
}

async function benchSizes(data: string): Promise<Result[]> {
  const toUs = Math.floor(Date.now() / 3600e3) * 3600e6
  const plan = kept(data) ?? {
    rows: 0,
    fromUs: toUs - MONTH_US,
    usPerRow: MONTH_US / Number(flags.rows),
  }
  const results: Result[] = []
  const sqlite = await openSqlite(join(work, 'baseline.db'))
  let inSqlite = sqlite?.count() ?? 0
  for (const rows of SIZES) {
    if (rows < plan.rows) continue
    const endUs = plan.fromUs + Math.ceil(rows * plan.usPerRow)
    if (rows > plan.rows) {
      await fillLog({ data, from: plan.rows, to: rows, ...plan })
      plan.rows = rows
      writeFileSync(join(data, 'bench.json'), JSON.stringify(plan))
    }
    const compared = sqlite !== null && rows <= Number(flags['sqlite-rows']) ? sqlite : null
    if (compared !== null && inSqlite < rows) {
      const doneUs = plan.fromUs + Math.ceil(inSqlite * plan.usPerRow)
      await fillSqlite(compared, data, doneUs, endUs)
      inSqlite = compared.count()
      if (inSqlite !== rows) throw new Error(`the baseline has ${inSqlite} of ${rows} rows`)
    }
    results.push(...(await benchQueries(data, rows, [plan.fromUs, endUs], compared)))
  }
  sqlite?.close()
  return results
}

function plot(results: readonly Result[]): string {
  const names = ['first page, filtered', 'page of a client', 'month summary by client and day']
  const lines = [...names, 'largest of all'].map((name) => ({
    label: name,
    points: results
      .filter((r) => r.name === name)
      .map((r) => [r.rows as number, r.ms as number] as const),
  }))
  const xText = (n: number) => `${n / 1e6} M`
  return lineChart(
    'Time of a query against sessions stored',
    { x: 'sessions', y: 'ms', xText },
    lines,
  )
}

const machine = describeMachine()
console.log(JSON.stringify({ machine, work }))
const data = join(work, 'query')
const found: Record<string, unknown> = { machine }
if (Number(flags.ingest) > 0) {
  found.ingest = await benchIngest()
  console.log(JSON.stringify({ ingest: found.ingest }))
}
if (Number(flags.rows) > 0) {
  createKey(data, '--scope', 'admin', '--org', LOG_ORG, '--retention-days', '-1')
  found.queries = await benchSizes(data)
}
if (flags.retention) {
  found.retention = await measureRetention(data)
  console.log(JSON.stringify({ retention: found.retention }))
}
if (flags.write) {
  mkdirSync('bench/results', { recursive: true })
  writeFileSync('bench/results/server.json', `${JSON.stringify(found, null, 1)}\n`)
  if (found.queries !== undefined)
    writeFileSync('docs/images/bench-server.svg', plot(found.queries as Result[]))
}
if (!flags.keep) rmSync(work, { recursive: true, force: true })
