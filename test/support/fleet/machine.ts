/**
 * A simulated machine with a meter: its clock, its flow table and its spool. Each minute has two units of traffic, and
 * each unit knows whether it arrived at the server. The meter makes the reports that the real one makes, with the
 * real one's own WholeUntil, ClockSteps and GapList.
 */
import { ClockSteps } from '../../../src/meter/run/clock-steps.js'
import { unmetered } from '../../../src/meter/run/run-ledger.js'
import { NOTHING_HELD, WholeUntil } from '../../../src/meter/run/whole-until.js'
import { GapList, lossOf } from '../../../src/meter/spool/gaps.js'
import type { BatchGap, MeterReport } from '../../../src/session/batch.js'
import { batch, report } from '../batches.js'
import type { Sent } from './ledger.js'

export const MINUTE_MS = 60_000
export const T0_MS = Date.UTC(2026, 10, 27, 2)
const BOOTED_MS = 3_600_000

/** What flowed in one minute. */
export interface Unit {
  /** The minute by the machine's clock, and by the true one. */
  readonly at: number
  readonly true: number
  /** By the monotonic clock: when it leaves the flow table. */
  readonly dueMs: number
  readonly epoch: number
  /** The meter did not run. */
  readonly down: boolean
  arrived: boolean
  /** The server refused it once. */
  refused?: true
}

export interface Made {
  readonly sent: Sent
  readonly units: readonly Unit[]
  /** The minute of its report by the true clock. */
  readonly true: number
  readonly renumbered?: true
  /** Only the records that the server refused, which wait for an operator. */
  readonly records?: true
}

/** The files of a spool. */
interface Files {
  spoolId: string
  firstBatch: number
  next: number
  readonly waiting: Map<number, Made>
  readonly quarantine: Map<number, Made>
  gaps: readonly BatchGap[]
  /** The last note of an earlier run. Null: none. */
  ran: { readonly atMs: number; readonly bootedMs: number; readonly steadyMs: number } | null
}

interface Run {
  readonly startedMs: number
  readonly startedUptimeMs: number
  readonly whole: WholeUntil
  readonly steps: ClockSteps
  readonly gaps: GapList
  table: Unit[]
  packetsDropped: number
  checkedMs: number
  /** When metering stopped in order. */
  ended: boolean
}

export class Machine {
  readonly meterId: string
  readonly siteId: number
  readonly #activeTimeoutMs: number
  readonly units: Unit[] = []
  /** All batches that it made. */
  readonly batches: { readonly name: string; readonly at: number }[] = []
  /** Minutes by which the clock is ahead. */
  offset = 0
  #asleep = 0
  #bootedMs = -BOOTED_MS
  #epoch = 0
  #spools = 0
  #runs = 0
  files: Files
  #copy: Files | null = null
  run: Run | null = null
  /** It was stopped in order, and sends what it still has. */
  drains = false
  /** When it was booted, and when its clock was set back, by the true clock. */
  readonly boots: number[] = []
  readonly setBacks: number[] = []
  #stoppedAt: number | null = null

  constructor(meterId: string, siteId: number, activeTimeout: number) {
    this.meterId = meterId
    this.siteId = siteId
    this.#activeTimeoutMs = activeTimeout * MINUTE_MS
    this.files = this.#newFiles()
  }

  #newFiles(): Files {
    const spoolId = `${this.meterId}-${++this.#spools}`
    const empty = { waiting: new Map(), quarantine: new Map(), gaps: [], ran: null }
    return { spoolId, firstBatch: 1, next: 1, ...empty }
  }

  nowMs(minute: number): number {
    return T0_MS + (minute + this.offset) * MINUTE_MS
  }

  #steadyMs(minute: number): number {
    return (minute - this.#asleep) * MINUTE_MS
  }

  start(minute: number): void {
    // No two runs begin in the same millisecond.
    const nowMs = this.nowMs(minute) + ++this.#runs
    const steadyMs = this.#steadyMs(minute)
    this.run = {
      startedMs: nowMs,
      startedUptimeMs: steadyMs - this.#bootedMs,
      whole: new WholeUntil(this.#activeTimeoutMs, nowMs),
      steps: new ClockSteps(nowMs, steadyMs),
      gaps: new GapList(this.files.gaps),
      table: [],
      packetsDropped: 0,
      checkedMs: nowMs,
      ended: false,
    }
    const { ran } = this.files
    if (ran !== null) {
      const elapsedMs = ran.bootedMs === this.#bootedMs ? steadyMs - ran.steadyMs : 0
      const gap = unmetered(ran.atMs, nowMs, elapsedMs)
      this.run.gaps.add({ ...gap, sessions: 0, interface: 'wg0' })
    }
    this.#note(minute)
    this.#append([], minute)
  }

  #note(minute: number): void {
    const [atMs, steadyMs] = [this.nowMs(minute), this.#steadyMs(minute)]
    this.files.ran = { atMs, steadyMs, bootedMs: this.#bootedMs }
  }

  /** The minute's traffic. @param open minutes that one of its sessions stays open; interim reports come earlier */
  flow(minute: number, open: number, gone: boolean): void {
    const run = gone ? null : this.run
    this.#epoch++
    run?.whole.epochBegins(this.#epoch, this.nowMs(minute))
    const most = this.#activeTimeoutMs > 0 ? this.#activeTimeoutMs / MINUTE_MS : open
    for (const stays of [0, Math.min(open, most)]) {
      const dueMs = this.#steadyMs(minute) + (1 + stays) * MINUTE_MS
      const unit: Unit = {
        at: minute + this.offset,
        true: minute,
        dueMs,
        epoch: this.#epoch,
        down: this.run === null,
        arrived: false,
      }
      this.units.push(unit)
      run?.table.push(unit)
    }
  }

  /** Traffic of the minute that the kernel dropped. */
  drop(minute: number, packets: number): boolean {
    if (this.run === null || packets === 0) return false
    this.run.packetsDropped += packets
    const [at, dueMs] = [minute + this.offset, 0]
    const lost = { down: false, arrived: false }
    this.units.push({ at, true: minute, dueMs, epoch: 0, ...lost })
    return true
  }

  /** A record of the oldest open session finds the queue full. */
  dropRecord(minute: number): boolean {
    const { run } = this
    if (run === null || run.table.length === 0) return false
    run.table.shift()
    const nowMs = this.nowMs(minute)
    const from = iso(Math.min(run.whole.reachedMs, run.checkedMs))
    run.gaps.add({ reason: 'recordQueueFull', sessions: 1, from, to: iso(nowMs) })
    return true
  }

  /** What the meter does each second. */
  check(minute: number, gone = false): void {
    const { run } = this
    if (run === null) return
    const nowMs = this.nowMs(minute)
    const step = run.steps.check(nowMs, this.#steadyMs(minute))
    if (step !== null) run.gaps.add(step)
    if (gone) {
      const span = { from: iso(run.checkedMs), to: iso(nowMs) }
      run.gaps.add({ reason: 'interfaceGone', sessions: 0, ...span })
    }
    run.checkedMs = nowMs
    this.#note(minute)
  }

  /** Makes a batch of the sessions that are due. @param failing the disk refuses it */
  cut(minute: number, failing = false): void {
    const { run } = this
    if (run === null) return
    const steadyMs = this.#steadyMs(minute)
    const due = run.table.filter((unit) => run.ended || unit.dueMs <= steadyMs)
    run.table = run.table.filter((unit) => !due.includes(unit))
    if (failing && due.length > 0) {
      run.gaps.add(lossOf('spoolWriteFailed', { sessions: due.length, ...spanOf(due) }))
      return
    }
    if (due.length > 0 || this.files.waiting.size === 0 || run.ended) this.#append(due, minute)
  }

  #append(units: readonly Unit[], minute: number): void {
    const run = this.run!
    const { files } = this
    const gaps = run.gaps.take()
    this.#put({ sent: this.#numbered(this.#report(minute), gaps), units, true: minute })
    files.gaps = run.gaps.untaken()
    run.gaps.settle()
  }

  #numbered(its: MeterReport, gaps: readonly BatchGap[]): Sent {
    const { spoolId, firstBatch, next } = this.files
    const head = { meterId: this.meterId, spoolId, firstBatch, report: its, gaps }
    const at = (Date.parse(its.at) - T0_MS) / MINUTE_MS
    const crc = this.batches.push({ name: `${spoolId}/${next}`, at })
    return { ...batch(next, [], head), crc }
  }

  #put(made: Made): void {
    const { batch: number } = made.sent
    this.files.waiting.set(number, made)
    this.files.next = number + 1
  }

  #report(minute: number): MeterReport {
    const run = this.run!
    const [nowMs, steadyMs] = [this.nowMs(minute), this.#steadyMs(minute)]
    const reachesMs = run.whole.reaches({
      givenMs: run.ended ? Number.POSITIVE_INFINITY : nowMs,
      nowMs,
      steadyMs,
      lossUnsaid: false,
      openSessions: run.table.length,
      oldestEpoch: run.table.reduce((least, { epoch }) => Math.min(least, epoch), this.#epoch),
      held: NOTHING_HELD,
      sumsFromMs: Number.POSITIVE_INFINITY,
    })
    const wholeMs = Math.max(run.startedMs, Math.min(run.checkedMs, reachesMs))
    return report({
      startedAt: iso(run.startedMs),
      at: iso(nowMs),
      openSessions: run.table.length,
      packetsDropped: run.packetsDropped,
      wholeUntil: iso(wholeMs),
      uptimeMs: { startedAt: run.startedUptimeMs, at: steadyMs - this.#bootedMs },
      spool: {
        batches: this.files.waiting.size,
        bytes: 0,
        quarantined: this.files.quarantine.size,
      },
    })
  }

  /** Ends in order; what it made still has to be sent. */
  stop(minute: number): void {
    if (this.run === null) return
    this.check(minute)
    this.run.ended = true
    this.cut(minute)
    this.files.gaps = this.run.gaps.list()
    this.run = null
    this.drains = true
    this.#stoppedAt = minute
  }

  /** When it ended in order, unless it runs or was killed. */
  get stoppedAt(): number | null {
    return this.run === null ? this.#stoppedAt : null
  }

  kill(): void {
    this.run = null
    this.drains = false
    this.#stoppedAt = null
  }

  reboot(minute: number): void {
    this.#bootedMs = this.#steadyMs(minute)
    this.boots.push(minute)
  }

  sleep(): void {
    this.#asleep++
  }

  setClock(offset: number, minute: number): void {
    if (offset < this.offset) this.setBacks.push(minute)
    this.offset = offset
  }

  /** The disk is new. */
  loseFiles(): void {
    this.files = this.#newFiles()
  }

  copyFiles(): void {
    this.#copy = copied(this.files)
  }

  restoreFiles(): void {
    if (this.#copy !== null) this.files = copied(this.#copy)
  }

  spoolFull(): boolean {
    const [oldest] = this.files.waiting
    if (this.run === null || oldest === undefined) return false
    const [number, { sent, units }] = oldest
    this.files.waiting.delete(number)
    const entry = { sessions: units.length, ...spanOf(units), spoolId: sent.spoolId! }
    const loss = lossOf('spoolFull', { ...entry, madeAtMs: Date.parse(sent.report.at) }, number)
    const { gaps } = this.run
    this.files.gaps = [...gaps.list(), ...sent.gaps, loss]
    for (const gap of [...sent.gaps, loss]) gaps.add(gap)
    return true
  }

  quarantine(number: number, records?: readonly Unit[]): void {
    const made = this.files.waiting.get(number)!
    this.files.waiting.delete(number)
    const its = records === undefined ? made : { ...made, units: records, records: true as const }
    this.files.quarantine.set(number, its)
  }

  /** `tunmeter spool resend`; records are made again, for which the meter must not run. */
  resend(): void {
    for (const [number, { records, ...made }] of [...this.files.quarantine]) {
      if (records === true && this.run !== null) continue
      this.files.quarantine.delete(number)
      if (records === true) this.#remake(made, [])
      else this.files.waiting.set(number, made)
    }
  }

  #remake({ sent, ...made }: Made, gaps: readonly BatchGap[]): void {
    this.#put({ ...made, sent: { ...this.#numbered(sent.report, gaps), remade: true } })
  }

  /** The server says that the batch is too large. */
  split(number: number): void {
    const made = this.files.waiting.get(number)!
    const { sent, units } = made
    const its = { sessions: 0, ...spanOf(units), spoolId: sent.spoolId! }
    const usedUp = lossOf('split', { ...its, madeAtMs: Date.parse(sent.report.at) }, number)
    const middle = Math.ceil(units.length / 2)
    this.#remake({ ...made, units: units.slice(0, middle) }, [...sent.gaps, usedUp])
    this.#remake({ ...made, units: units.slice(middle) }, [])
    this.files.waiting.delete(number)
  }

  /** The server has another batch of this name. */
  renumber(number: number): void {
    const { files } = this
    const made = files.waiting.get(number)!
    if (made.sent.spoolId === files.spoolId) {
      files.spoolId = `${this.meterId}-${++this.#spools}`
      files.firstBatch = files.next
    }
    files.waiting.delete(number)
    this.#remake({ ...made, renumbered: true }, made.sent.gaps)
  }
}

function copied(files: Files): Files {
  return { ...files, waiting: new Map(files.waiting), quarantine: new Map(files.quarantine) }
}

export const iso = (ms: number) => new Date(ms).toISOString()

function spanOf(units: readonly Unit[]) {
  if (units.length === 0) return { fromUs: 0, toUs: 0, madeAtMs: 0 }
  const minutes = units.map((unit) => unit.at)
  const [from, to] = [Math.min(...minutes), Math.max(...minutes) + 1]
  const us = (minute: number) => (T0_MS + minute * MINUTE_MS) * 1e3
  return { fromUs: us(from), toUs: us(to), madeAtMs: us(to) / 1e3 }
}
