/**
 * How fast sessions leave for a destination while others arrive, and what a destination that is down costs the rest:
 * npm run bench:destinations [-- --rows 100000 --ingest 5000 --rounds 3 --only KIND,… --write]
 *
 * One server with ROWS stored sessions. For each kind: a destination with the settings that it has by default, to a
 * receiver on this machine, gets the stored ones by a backfill and those that arrive meanwhile, `--ingest` a second. The
 * clock stops when the last one is delivered, and the receiver's bodies must then have each session once.
 *
 * Down: the same for `webhook` beside destinations whose receivers read and never answer; and sessions a second that the
 * server acknowledges without a destination and with those, in either order in turn, because the store grows meanwhile.
 * "First": until each of those has been sent its first batch; "then": while they wait for the answers.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { Authority } from '../test/support/certificates.ts'
import type { Checked } from './support/destination-receiver.ts'
import { LOG_ORG, logRows, SITES } from './support/log-rows.ts'
import { describeMachine, median } from './support/machine.ts'
import { reportNow } from './support/retention.ts'
import { BenchServer, createKey } from './support/serve.ts'

const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    ingest: { type: 'string', default: '5000' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
})
const ROWS = Number(flags.rows)
const INGEST_PER_SECOND = Number(flags.ingest)
const ROUNDS = Number(flags.rounds)
const BATCH = 1000
const POLL_MS = 200
const WAIT_MS_MAX = 300_000
const DOWN = 5
/** Enough for a first batch of those that are down. */
const FIRST_ROWS = 5000
const BASE = `/api/v1/org/${LOG_ORG}`

interface Setting {
  readonly kind: string
  readonly settings: Record<string, unknown>
  readonly [more: string]: unknown
}

interface Acknowledged {
  readonly perSecond: number
  readonly cpuMicroseconds: number
}

/** Each arrives once: ids of one seed are not those of another. */
class Ingest {
  readonly #server: BenchServer
  readonly #key: string
  readonly #batches = new Array<number>(SITES).fill(0)
  #seed = 0
  sent = 0

  constructor(server: BenchServer, key: string) {
    this.#server = server
    this.#key = key
  }

  bodies(rows: number): { site: number; body: Buffer; rows: number }[] {
    const nowUs = Date.now() * 1e3
    const plan = { orgId: LOG_ORG, rows, fromUs: nowUs - 3600e6, toUs: nowUs - 60e6 }
    const all = [...logRows({ ...plan, seed: ++this.#seed })]
    return Array.from({ length: SITES }, (_, i) => i + 1).flatMap((site) => {
      const own = all.filter(({ siteId }) => siteId === site)
      return Array.from({ length: Math.ceil(own.length / BATCH) }, (_unused, b) => {
        const sessions = own.slice(b * BATCH, (b + 1) * BATCH)
        const number = ++this.#batches[site - 1]!
        const batch = { meterId: `meter-${site}`, batch: number, report: reportNow(), gaps: [] }
        return {
          ...{ site, rows: sessions.length },
          body: gzipSync(JSON.stringify({ ...batch, sessions }), { level: 1 }),
        }
      })
    })
  }

  /** @returns sessions a second that were acknowledged, and what they cost */
  async send(bodies: ReturnType<Ingest['bodies']>): Promise<Acknowledged> {
    const cpu = this.#server.cpuSeconds()
    const start = performance.now()
    let rows = 0
    for (const { site, body, rows: own } of bodies) {
      await this.#server.post(`${BASE}/site/${site}/sessions`, this.#key, body)
      rows += own
    }
    this.sent += rows
    const perSecond = (rows / (performance.now() - start)) * 1e3
    return { perSecond, cpuMicroseconds: ((this.#server.cpuSeconds() - cpu) / rows) * 1e6 }
  }

  /** At the pace that was asked for, until `signal`. @returns how many */
  async keepOn(bodies: ReturnType<Ingest['bodies']>, signal: AbortSignal): Promise<number> {
    const start = performance.now()
    let rows = 0
    for (let i = 0; ; i++) {
      // Made beforehand, as long as they last.
      if (i === bodies.length) bodies.push(...this.bodies(INGEST_PER_SECOND))
      const one = bodies[i]!
      const dueMs = start + (rows / INGEST_PER_SECOND) * 1e3
      await setTimeout(Math.max(0, dueMs - performance.now()))
      if (signal.aborted) return rows
      await this.send([one])
      rows += one.rows
    }
  }
}

class Bench {
  readonly #server: BenchServer
  readonly #key: string
  readonly #receivers: ChildProcess
  readonly ingest: Ingest

  constructor(server: BenchServer, key: string, receivers: ChildProcess) {
    this.#server = server
    this.#key = key
    this.#receivers = receivers
    this.ingest = new Ingest(server, key)
  }

  async add(wanted: Setting): Promise<string> {
    const path = `${BASE}/destinations`
    const { id } = (await this.#server.send('POST', path, this.#key, {
      ...{ name: wanted.kind, ...wanted },
    })) as { id: string }
    return id
  }

  /** Requests so far to receivers that never answer. */
  async held(): Promise<number> {
    this.#receivers.send({ held: true })
    const [answer] = (await once(this.#receivers, 'message')) as [{ held: number }]
    return answer.held
  }

  remove(id: string): Promise<unknown> {
    return this.#server.send('DELETE', `${BASE}/destinations/${id}`, this.#key)
  }

  async #delivered(id: string): Promise<number> {
    const { text } = await this.#server.get('/metrics', this.#key)
    const line = new RegExp(
      `^tunmeter_destination_delivered_total\\{destination="${id}"\\} (\\d+)$`,
      'm',
    )
    return Number(line.exec(text)?.[1] ?? Number.NaN)
  }

  async #untilDelivered(id: string, rows: () => number): Promise<void> {
    const giveUp = performance.now() + WAIT_MS_MAX
    while ((await this.#delivered(id)) < rows()) {
      if (performance.now() > giveUp) throw new Error(`${id}: not all was delivered`)
      await setTimeout(POLL_MS)
    }
  }

  /** All that is stored, and what arrives meanwhile. */
  async deliver(name: string, wanted: Setting) {
    const stored = this.ingest.sent
    const bodies = this.ingest.bodies(10 * INGEST_PER_SECOND)
    const id = await this.add(wanted)
    const cpu = this.#server.cpuSeconds()
    const start = performance.now()
    const range = { timeStart: '2020-01-01T00:00:00Z', timeEnd: '2100-01-01T00:00:00Z' }
    await this.#server.send('POST', `${BASE}/destinations/${id}/backfill`, this.#key, range)
    const enough = new AbortController()
    const arriving = this.ingest.keepOn(bodies, enough.signal)
    await this.#untilDelivered(id, () => stored)
    enough.abort()
    const rows = stored + (await arriving)
    await this.#untilDelivered(id, () => rows)
    const seconds = (performance.now() - start) / 1e3
    const cpuSeconds = this.#server.cpuSeconds() - cpu
    await this.remove(id)
    this.#receivers.send({ check: name })
    const [checked] = (await once(this.#receivers, 'message')) as [Checked]
    if (checked.rows !== rows || checked.distinct !== rows)
      throw new Error(`${name}: ${rows} sessions, received ${JSON.stringify(checked)}`)
    return { rows, perSecond: rows / seconds, cpuMicrosecondsPerRow: (cpuSeconds / rows) * 1e6 }
  }
}

function kindsOf(ports: { http: number; tls: number }, ca: string): Record<string, Setting> {
  const url = `http://127.0.0.1:${ports.http}`
  const s3 = (file: string) => ({
    ...{ kind: 's3', eventsMax: 10_000, bytesMax: 2 ** 24, fillSeconds: 0 },
    settings: { url, bucket: 'bucket', accessKeyId: 'AKIDEXAMPLE', file },
    secrets: { secretAccessKey: 'example' },
  })
  return {
    webhook: { kind: 'webhook', settings: { url, gzip: true } },
    elasticsearch: { kind: 'elasticsearch', settings: { url } },
    syslog: { kind: 'syslog', settings: { url: `tls://127.0.0.1:${ports.tls}`, ca } },
    's3-ndjson': s3('ndjson'),
    's3-parquet': s3('parquet'),
    otlp: { kind: 'otlp', settings: { url } },
    splunk: { kind: 'splunk', settings: { url }, secrets: { token: 'example' } },
  }
}

async function downs(bench: Bench, url: string): Promise<() => Promise<void>> {
  const settings = { url: `${url}/down` }
  const ids: string[] = []
  for (let i = 0; i < DOWN; i++) ids.push(await bench.add({ kind: 'webhook', settings }))
  return async () => {
    for (const id of ids) await bench.remove(id)
  }
}

async function main(): Promise<void> {
  const machine = describeMachine()
  const work = mkdtempSync(join(tmpdir(), 'tunmeter-bench-'))
  const receivers = fork(new URL('./support/destination-receiver.ts', import.meta.url))
  let server: BenchServer | undefined
  try {
    const authority = new Authority(join(work))
    receivers.send(authority.issue('receiver'))
    const [ports] = (await once(receivers, 'message')) as [{ http: number; tls: number }]
    const data = join(work, 'data')
    const admin = createKey(data, '--scope', 'admin', '--org', LOG_ORG, '--retention-days', '30')
    const allowed = ['--allow-plain-destinations', '--allow-private-destinations']
    server = await BenchServer.start(data, ...allowed)
    const bench = new Bench(server, admin, receivers)
    await bench.ingest.send(bench.ingest.bodies(ROWS))
    const results = await measure(bench, ports, authority.cert)
    process.stdout.write(`commit ${machine.commit}, load before ${machine.load1.toFixed(1)}\n`)
    if (!flags.write) return
    mkdirSync('bench/results', { recursive: true })
    const text = `${JSON.stringify({ machine, rows: ROWS, ingestPerSecond: INGEST_PER_SECOND, ...results }, null, 1)}\n`
    writeFileSync('bench/results/destinations.json', text)
  } finally {
    await server?.stop()
    receivers.disconnect()
    rmSync(work, { recursive: true, force: true })
  }
}

async function measure(bench: Bench, ports: { http: number; tls: number }, ca: string) {
  const kinds = Object.entries(kindsOf(ports, ca)).filter(([name]) =>
    flags.only.split(',').some((word) => name.includes(word)),
  )
  const deliveries: Record<string, Awaited<ReturnType<Bench['deliver']>>[]> = {}
  const beside: typeof deliveries = {}
  const ingest: { alone: Acknowledged; first: Acknowledged; then: Acknowledged }[] = []
  const url = `http://127.0.0.1:${ports.http}`
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, wanted] of kinds) {
      const one = await bench.deliver(name, wanted)
      deliveries[name] = [...(deliveries[name] ?? []), one]
      say(name, one)
    }
    const send = () => bench.ingest.send(bench.ingest.bodies(ROWS / 2))
    const before = round % 2 === 0 ? await send() : undefined
    const heldBefore = await bench.held()
    const remove = await downs(bench, url)
    const first = await bench.ingest.send(bench.ingest.bodies(FIRST_ROWS))
    while ((await bench.held()) < heldBefore + DOWN) await setTimeout(POLL_MS)
    const then = await send()
    for (const [name, wanted] of kinds.filter(([kind]) => kind === 'webhook')) {
      const one = await bench.deliver(name, wanted)
      beside[name] = [...(beside[name] ?? []), one]
      say(`${name} beside ${DOWN} that are down`, one)
    }
    await remove()
    const one = { alone: before ?? (await send()), first, then }
    ingest.push(one)
    process.stdout.write(`ingest ${JSON.stringify(one)}\n`)
  }
  const rate = (all: readonly { perSecond: number }[]) => median(all.map((one) => one.perSecond))
  for (const [name, all] of Object.entries(deliveries))
    process.stdout.write(`${name}: median ${Math.round(rate(all))} sessions/s\n`)
  const ofAlone = (read: (one: Acknowledged) => number) =>
    median(ingest.map(({ alone, then }) => read(then) / read(alone))).toFixed(2)
  process.stdout.write(
    `ingest beside ${DOWN} that are down: ${ofAlone((one) => one.perSecond)} of alone, CPU ${ofAlone((one) => one.cpuMicroseconds)}\n`,
  )
  if (beside.webhook !== undefined) {
    const ratio = rate(beside.webhook) / rate(deliveries.webhook!)
    process.stdout.write(`webhook beside ${DOWN} that are down: ${ratio.toFixed(2)} of alone\n`)
  }
  return { deliveries, beside, ingest }
}

function say(
  name: string,
  { rows, perSecond, cpuMicrosecondsPerRow }: Awaited<ReturnType<Bench['deliver']>>,
) {
  const rate = `${Math.round(perSecond)} sessions/s`
  process.stdout.write(
    `${name}: ${rows}, each once; ${rate}, ${cpuMicrosecondsPerRow.toFixed(1)} us CPU each\n`,
  )
}

await main()
