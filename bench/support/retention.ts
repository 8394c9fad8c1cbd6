/**
 * Measures retention while a meter sends: the wait of its batches for their acknowledgement, the
 * size of the file, and the server's memory with queries running.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { MeterReport } from '../../src/session/batch.ts'
import { aReport } from '../../test/support/sessions.ts'
import { LOG_ORG, logRows } from './log-rows.ts'
import { median } from './machine.ts'
import { BenchServer, createKey } from './serve.ts'

const BATCH = 500
const DAY_MS = 86_400e3
const QUIET_MS = 10_000
const ASK_EVERY_MS = 500
const LOG = `/api/v1/org/${LOG_ORG}/logs/connection`

export function reportNow(): MeterReport {
  return aReport({ version: 'bench', interface: 'bench0', at: new Date().toISOString() })
}

/** Sends batches one after the other until stop(), and notes the wait of each. */
class Sender {
  readonly #server: BenchServer
  readonly #key: string
  readonly waits: { readonly atMs: number; readonly ms: number }[] = []
  #stopped = false
  #batch = 0

  constructor(server: BenchServer, key: string) {
    this.#server = server
    this.#key = key
  }

  async run(): Promise<void> {
    const meterId = `retention-${Date.now()}`
    while (!this.#stopped) {
      const nowUs = Date.now() * 1e3
      const seed = ++this.#batch
      const sessions = [
        ...logRows({ orgId: LOG_ORG, rows: BATCH, fromUs: nowUs - 10e6, toUs: nowUs - 5e6, seed }),
      ]
      const body = gzipSync(
        JSON.stringify({ meterId, batch: seed, report: reportNow(), gaps: [], sessions }),
        { level: 1 },
      )
      const start = performance.now()
      await this.#server.post(`/api/v1/org/${LOG_ORG}/site/9/sessions`, this.#key, body)
      this.waits.push({ atMs: start, ms: performance.now() - start })
    }
  }

  stop(): void {
    this.#stopped = true
  }
}

function summed(waits: readonly number[]) {
  const sorted = [...waits].sort((a, b) => a - b)
  return {
    batches: sorted.length,
    medianMs: median(sorted),
    p99Ms: sorted[Math.floor(sorted.length * 0.99)]!,
    worstMs: sorted.at(-1)!,
  }
}

export async function measureRetention(data: string): Promise<Record<string, unknown>> {
  const admin = createKey(data, '--scope', 'admin', '--org', LOG_ORG)
  const server = await BenchServer.start(data)
  const everything = `${LOG}?timeStart=1970-01-01T00:00:00Z&limit=1&attributes=false`
  const total = async () => {
    const { text } = await server.get(everything, admin)
    return (JSON.parse(text) as { data: { pagination: { total: number } } }).data.pagination.total
  }
  const file = () => statSync(join(data, 'sessions.duckdb')).size
  const [rows, fileBytes] = [await total(), file()]
  const oldest = JSON.parse((await server.get(`${everything}&sort=startTime`, admin)).text) as {
    data: { log: { timestamp: number }[] }
  }
  const ageDays = (Date.now() - oldest.data.log[0]!.timestamp * 1e3) / DAY_MS
  const sender = new Sender(server, admin)
  const running = sender.run()
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
  const begin = performance.now()
  const retentionDays = Math.floor(ageDays * 0.97)
  await server.send('PUT', `/api/v1/org/${LOG_ORG}/settings`, admin, {
    retentionDays,
    confirm: Number.MAX_SAFE_INTEGER,
    now: true,
  })
  const cut = new Date(Date.now() - retentionDays * DAY_MS - 60e3).toISOString()
  const left = `${LOG}?timeStart=1970-01-01T00:00:00Z&timeEnd=${cut}&limit=1&count=false&attributes=false`
  const month = new Date(Date.now() - 30 * DAY_MS).toISOString()
  for (;;) {
    const { text } = await server.get(left, admin)
    if ((JSON.parse(text) as { data: { log: unknown[] } }).data.log.length === 0) break
    // The queries of a dashboard, meanwhile.
    await server.get(`${LOG}/summary?timeStart=${month}&groupBy=client&interval=hour`, admin)
    await server.get(`${LOG}?timeStart=${month}&limit=50`, admin)
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS))
  }
  const end = performance.now()
  sender.stop()
  await running
  const sent = sender.waits.length * BATCH
  const during = sender.waits.filter((w) => w.atMs + w.ms > begin && w.atMs < end)
  const before = sender.waits.filter((w) => w.atMs + w.ms <= begin)
  const result = {
    rows,
    deleted: rows + sent - (await total()),
    deleteSeconds: (end - begin) / 1e3,
    before: summed(before.map((w) => w.ms)),
    during: summed(during.map((w) => w.ms)),
    fileBytesBefore: fileBytes,
    fileBytesAfter: file(),
    rssPeakMiB: Math.round(server.rssPeakBytes() / 2 ** 20),
  }
  await server.stop()
  return result
}
