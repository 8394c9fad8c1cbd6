/**
 * (n) A server that is killed while it does each of the things it does, and when it starts. Two meters keep what was not
 * acknowledged; at the end each acknowledged session is there once, in its last state, and totals and gaps say the same.
 *
 * A life: sessions of today come all along, and then one thing is done (a phase), in the middle of which it is killed.
 * Retention is shortened for its phase only; a server that was killed in it must go on with it by itself.
 */
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Sender } from './busy-sender.js'
import { Server } from './processes.js'
import type { Random } from './random.js'
import type { Result } from './scenarios.js'

/** Sessions of 40 days ago before a retention run: several of its slices. */
const OLD_AT_LEAST = 30_000
const TODAY_BATCHES_A_LIFE = 40
/** A checkpoint is due at 64 MiB. */
const WAL_BYTES_DUE = 62 * 2 ** 20
/** So long at most a server is asked until it has done by itself what it must. */
const WAIT_MS_MAX = 120_000
const ALL_TIME = 'timeStart=2000-01-01T00:00:00Z&timeEnd=2100-01-01T00:00:00Z'
const RETENTION_DAYS = 30

export async function serverKills(
  directory: string,
  random: Random,
  kills: number,
): Promise<Result> {
  const server = new Server(join(directory, 'data'))
  const run = new Run(server, random)
  try {
    await server.start()
    for (let kill = 0; kill < kills; kill++) await run.life(kill)
    return await run.verdict(kills)
  } finally {
    await server.kill('SIGKILL')
  }
}

type Phase = (typeof PHASES)[number]
/** In turn; a short run has the first of them. A checkpoint needs some 260,000 sessions: one of 28. */
const EACH = ['ingest', 'retention', 'export', 'backup', 'start', 'apply', 'retention'] as const
const PHASES = [...EACH, 'checkpoint', ...EACH.slice(1), ...EACH, ...EACH] as const

class Run {
  readonly #server: Server
  readonly #random: Random
  readonly #today = new Sender({ siteId: 1, age: 'today', sessions: 20 })
  readonly #old = new Sender({ siteId: 2, age: 'old', sessions: 2000 })
  readonly #counts = { kills: 0, phases: new Map<Phase, number>(), goneOn: 0, checkpoints: 0 }
  /** The batch of the old ones from which on the retention has deleted none. */
  #deletedUpTo = 0

  constructor(server: Server, random: Random) {
    this.#server = server
    this.#random = random
  }

  /** On a server that runs; leaves one that runs again. */
  async life(kill: number): Promise<void> {
    const phase = PHASES[kill % PHASES.length]!
    const before = new Life()
    const today = this.#sendToday(before)
    await this.#prepare(phase)
    const work = this.#begin(phase, before)
    await sleep(this.#random.between(0, phase === 'ingest' ? 1500 : 500))
    before.ended = true
    await this.#kill(phase)
    await Promise.all([today, work])
    if (phase === 'start') await this.#killStarting()
    await this.#server.start()
    if (phase === 'retention') await this.#retentionGoesOn()
  }

  async #kill(phase: Phase): Promise<void> {
    this.#counts.checkpoints += await this.#metric('tunmeter_server_store_checkpoints_total')
    await this.#server.kill('SIGKILL')
    this.#counts.kills++
    this.#counts.phases.set(phase, (this.#counts.phases.get(phase) ?? 0) + 1)
  }

  /** Until it is killed again, somewhere between its first line and its first answers. */
  async #killStarting(): Promise<void> {
    const started = this.#server.start().catch(() => undefined)
    await sleep(this.#random.between(50, 1500))
    await this.#server.kill('SIGKILL')
    await started
  }

  async #sendToday(life: Life): Promise<void> {
    for (let i = 0; i < TODAY_BATCHES_A_LIFE && !life.ended; i++)
      await this.#today.send(this.#server)
  }

  async #prepare(phase: Phase): Promise<void> {
    if (phase === 'retention') await this.#sendOld(() => this.#oldSessions >= OLD_AT_LEAST)
    if (phase === 'checkpoint') {
      const wal = join(this.#server.data, 'sessions.duckdb.wal')
      const bytes = () => statSync(wal, { throwIfNoEntry: false })?.size ?? 0
      await this.#sendOld(() => bytes() >= WAL_BYTES_DUE)
    }
    if (phase === 'apply') for (let i = 0; i < 10; i++) await this.#old.send(this.#server)
  }

  get #oldSessions(): number {
    return (this.#old.acknowledged - this.#deletedUpTo) * this.#old.sessionsABatch
  }

  async #sendOld(isEnough: () => boolean): Promise<void> {
    const untilMs = performance.now() + WAIT_MS_MAX
    while (this.#old.isSending || !isEnough()) {
      await this.#old.send(this.#server)
      if (performance.now() > untilMs) throw new Error('the server takes too few batches')
    }
  }

  /** What goes on while it is killed. */
  async #begin(phase: Phase, life: Life): Promise<void> {
    if (phase === 'ingest' || phase === 'checkpoint')
      while (!life.ended) await this.#old.send(this.#server)
    if (phase === 'export')
      await this.#server.ask('GET', `/logs/connection/export?format=csv&${ALL_TIME}`)
    if (phase === 'backup') {
      await this.#server.ask('POST', '/api/v1/backup')
      rmSync(join(this.#server.data, 'backups'), { recursive: true, force: true })
    }
    if (phase === 'retention') await this.#setRetention(RETENTION_DAYS)
  }

  async #setRetention(retentionDays: number): Promise<void> {
    const change = { retentionDays, now: true }
    let answer = await this.#server.ask('PUT', '/settings', change)
    if (answer?.status === 409) {
      const { sessions: confirm } = JSON.parse(answer.text).data as { sessions: number }
      answer = await this.#server.ask('PUT', '/settings', { ...change, confirm })
    }
    if (answer !== null && answer.status !== 200) throw new Error(answer.text)
  }

  /** Whether it was cut off or not even asked for. */
  async #retentionGoesOn(): Promise<void> {
    const settings = await this.#data<{ retentionDays: number }>('/settings')
    const left = await this.#stored(this.#old)
    if (settings.retentionDays === RETENTION_DAYS) {
      if (left > 0) this.#counts.goneOn++
      const untilMs = performance.now() + WAIT_MS_MAX
      while ((await this.#stored(this.#old)) > 0) {
        if (performance.now() > untilMs)
          throw new Error(`the retention does not go on: ${left} left`)
        await sleep(100)
      }
      this.#deletedUpTo = this.#old.acknowledged
    }
    await this.#setRetention(-1)
  }

  async verdict(kills: number): Promise<Result> {
    for (const sender of [this.#today, this.#old])
      for (let i = 0; !(await sender.send(this.#server)); i++)
        if (i > 100) throw new Error(`site ${sender.siteId}: not taken`)
    const rows = await this.#wrongRows()
    const sums = await this.#wrongSums(rows.stored)
    const gaps = await this.#gaps()
    const { goneOn, checkpoints, phases } = this.#counts
    const [acknowledged, old] = [this.#today, this.#old].map(
      (s) => s.acknowledged * s.sessionsABatch,
    )
    const facts = {
      kills: this.#counts.kills,
      ...Object.fromEntries(phases),
      checkpoints,
      retentionsThatWentOn: goneOn,
      ...{ acknowledged, old, ...rows, wrongSums: sums, gaps },
    }
    const isExact = rows.stored === acknowledged && rows.twice + rows.lost + rows.wrong === 0
    const isAll = goneOn > 0 && (checkpoints > 0 || kills < PHASES.length)
    return { passed: isExact && sums.length === 0 && gaps === 0 && isAll, facts }
  }

  async #wrongRows() {
    const times = new Map<string, number[]>()
    for (const { sessionId, packetsTx } of await this.#server.sessions(this.#today.siteId)) {
      times.set(sessionId, [...(times.get(sessionId) ?? []), packetsTx])
    }
    const each = this.#today.sessionsABatch
    const count = { stored: [...times.values()].flat().length, twice: 0, lost: 0, wrong: 0 }
    for (let sequence = each; sequence < (this.#today.acknowledged + 1) * each; sequence++) {
      const [first, ...more] = times.get(this.#today.idOf(sequence)) ?? []
      count.twice += more.length
      if (first === undefined) count.lost++
      else if (!this.#today.packetsWanted(sequence).includes(first)) count.wrong++
    }
    return count
  }

  /** Of the months, which have what was deleted, and of the hours. */
  async #wrongSums(rows: number): Promise<string[]> {
    const wrong: string[] = []
    const { usage } = await this.#data<{ usage: { id: string; sessions: number }[] }>(
      '/usage?groupBy=site',
    )
    for (const { siteId, acknowledged, sessionsABatch } of [this.#today, this.#old]) {
      const months = usage.filter(({ id }) => id === String(siteId))
      const sessions = months.reduce((sum, row) => sum + row.sessions, 0)
      if (sessions !== acknowledged * sessionsABatch)
        wrong.push(`usage of site ${siteId}: ${sessions}`)
    }
    const hours = await this.#stored(this.#today)
    if (hours !== rows) wrong.push(`hours: ${hours}`)
    return wrong
  }

  /** Sessions of a site by the sums of the hours. */
  async #stored({ siteId }: Sender): Promise<number> {
    const { groups } = await this.#data<{ groups: { id: string; sessions: number }[] }>(
      `/logs/connection/summary?groupBy=site&${ALL_TIME}`,
    )
    return groups.find(({ id }) => id === String(siteId))?.sessions ?? 0
  }

  /** Numbers that did not come, and what the store did not take. */
  async #gaps(): Promise<number> {
    const { sites } = await this.#data<{ sites: { meters: { gaps: unknown[] }[] }[] }>('/sites')
    const gaps = sites.flatMap(({ meters }) => meters.flatMap((meter) => meter.gaps)).length
    const refused = await this.#metric('tunmeter_server_refused_batches_total')
    return gaps + refused + (await this.#metric('tunmeter_server_log_damaged_places_total'))
  }

  async #data<T>(path: string): Promise<T> {
    const answer = await this.#server.ask('GET', path)
    if (answer?.status !== 200) throw new Error(`GET ${path}: ${answer?.text ?? 'no answer'}`)
    return (JSON.parse(answer.text) as { data: T }).data
  }

  async #metric(name: string): Promise<number> {
    const { text = '' } = (await this.#server.ask('GET', '/metrics')) ?? {}
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
  }
}

class Life {
  ended = false
}
