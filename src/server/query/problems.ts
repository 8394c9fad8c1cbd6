/** Problems of a meter: a code with numbers for programs and the dashboard, and a sentence. */
import { formatCount, plural } from '../../base/quantity.js'
import { inTurns } from '../store/meters/lives.js'
import type { MeterLife, MeterStatus } from '../store/store.js'

const BACKLOG_BATCHES = 60
const SKEW_MS = 60_000

export const PROBLEM_CODES = [
  'silent',
  'clockAhead',
  'packetsDropped',
  'sessionsDropped',
  'backlog',
  'quarantined',
  'idInUse',
  'batchesMissing',
  'interfaceShared',
] as const

export interface Problem {
  readonly code: (typeof PROBLEM_CODES)[number]
  readonly message: string
  /** The number of packets, sessions, batches or meters. */
  readonly count?: number
  readonly seconds?: number
  /** The reason of `sessionsDropped`. */
  readonly reason?: string
  /** Spools (`idInUse`) or other meters (`interfaceShared`). */
  readonly ids?: readonly string[]
}

export interface Moment {
  readonly nowMs: number
  /** A meter that has not reported for this long is silent. */
  readonly silenceMs: number
}

/** A replay of files has ended and delivered its last report. */
export function isFinished({ report }: MeterStatus): boolean {
  return report.replay === 'finished'
}

export function isSilent(meter: MeterStatus, { nowMs, silenceMs }: Moment): boolean {
  return silentMs(meter, nowMs) > silenceMs
}

/** An arrival in the future is of a server's clock that was ahead. It must not hide the silence since. */
export function silentMs({ receivedAt }: MeterStatus, nowMs: number): number {
  return Math.abs(nowMs - Date.parse(receivedAt))
}

/** @param all meters of the site, this one included */
export function problemsOf(
  meter: MeterStatus,
  all: readonly MeterStatus[],
  moment: Moment,
): Problem[] {
  return [
    ...outOfTime(meter, moment),
    ...lostInTheMeter(meter),
    ...stuckInTheSpool(meter),
    ...usedTwice(meter, moment),
    ...missing(meter),
    ...sharedWith(meter, all, moment),
  ]
}

function outOfTime(meter: MeterStatus, moment: Moment): Problem[] {
  const problems: Problem[] = []
  const receivedMs = Date.parse(meter.receivedAt)
  if (isSilent(meter, moment) && !isFinished(meter)) {
    const seconds = Math.round(silentMs(meter, moment.nowMs) / 1e3)
    problems.push({ code: 'silent', message: `Silent for ${spanText(seconds)}.`, seconds })
  }
  const skewMs = Date.parse(meter.report.at) - receivedMs
  if (skewMs > SKEW_MS) {
    const seconds = Math.round(skewMs / 1e3)
    const message = `Its clock is ${spanText(seconds)} ahead of the server's.`
    problems.push({ code: 'clockAhead', message, seconds })
  }
  return problems
}

/** Seconds below 2 min, else whole minutes, hours (from 2 h) or days (from 2 d). */
function spanText(seconds: number): string {
  if (seconds < 120) return plural(seconds, 'second')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 120) return plural(minutes, 'minute')
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? plural(hours, 'hour') : plural(Math.floor(hours / 24), 'day')
}

function lostInTheMeter({ report }: MeterStatus): Problem[] {
  const problems: Problem[] = []
  if (report.packetsDropped > 0) {
    const count = report.packetsDropped
    const message = `${plural(count, 'packet')} ${was(count)} dropped before the meter could read ${count === 1 ? 'it' : 'them'}: sessions of that time may be short.`
    problems.push({ code: 'packetsDropped', message, count })
  }
  for (const [reason, count] of Object.entries(report.sessionsDropped)) {
    if (count === 0) continue
    const message = `${plural(count, 'session')} ${was(count)} lost in the meter (${reason}).`
    problems.push({ code: 'sessionsDropped', message, count, reason })
  }
  return problems
}

function stuckInTheSpool({ report: { spool } }: MeterStatus): Problem[] {
  const problems: Problem[] = []
  if (spool.batches > BACKLOG_BATCHES) {
    const count = spool.batches
    const message = `${formatCount(count)} batches wait in its spool: delivery is behind.`
    problems.push({ code: 'backlog', message, count })
  }
  if (spool.quarantined > 0) {
    const count = spool.quarantined
    const message = `${plural(count, 'batch', 'batches')} ${was(count)} refused and quarantined; see tunmeter spool.`
    problems.push({ code: 'quarantined', message, count })
  }
  return problems
}

const was = (count: number) => (count === 1 ? 'was' : 'were')

function usedTwice({ lives, meterId }: MeterStatus, moment: Moment): Problem[] {
  const ids = spoolsInTurns(lives, moment)
  if (ids.length === 0) return []
  const message = `${ids.length} meters use the id ${meterId} at the same time (spools ${ids.join(', ')}): a copied spool, or one --meter-id on several hosts. Nothing is lost; give each an id of its own.`
  return [{ code: 'idInUse', message, count: ids.length, ids }]
}

function spoolsInTurns(lives: readonly MeterLife[], { nowMs, silenceMs }: Moment): string[] {
  const arrived = lives.map(({ spoolId, returnedAt }) => ({
    spoolId,
    returnedUs: returnedAt === null ? 0 : Date.parse(returnedAt) * 1e3,
  }))
  return inTurns(arrived, nowMs * 1e3, silenceMs * 1e3).map(({ spoolId }) =>
    spoolId === '' ? 'without an id' : spoolId,
  )
}

function missing({ gaps }: MeterStatus): Problem[] {
  const count = gaps
    .filter((g) => g.fromBatch !== null)
    .reduce((n, g) => n + g.toBatch! - g.fromBatch! + 1, 0)
  if (count === 0) return []
  const message = `${plural(count, 'batch', 'batches')} ${count === 1 ? 'has' : 'have'} not come.`
  return [{ code: 'batchesMissing', message, count }]
}

/** Finds other meters of the site that read the same interface of the same machine. */
function sharedWith(meter: MeterStatus, all: readonly MeterStatus[], moment: Moment): Problem[] {
  const isOn = (m: MeterStatus) => !isSilent(m, moment) && !isFinished(m)
  const places = new Set(meter.report.places)
  const ids = all
    .filter((m) => m.meterId !== meter.meterId && isOn(m))
    .filter((m) => m.report.places?.some((place) => places.has(place)))
    .map((m) => m.meterId)
  if (ids.length === 0 || !isOn(meter)) return []
  const message = `It reads the same interface as ${ids.join(', ')}: everything there is counted twice. Stop one.`
  return [{ code: 'interfaceShared', message, ids }]
}
