/**
 * Compares the server's answer with what the simulated meters know: no loss is called complete, no whole time a hole.
 * What cannot be known, or is a hole on purpose, is in excused() and isOnPurpose(), each with its sentence of
 * docs/completeness.md.
 */
import {
  completenessOf,
  type MeterCompleteness,
  type SiteCompleteness,
} from '../../../src/server/query/completeness.js'
import type { Hole } from '../../../src/server/query/holes.js'
import type { Coverage, Span } from '../../../src/server/store/store.js'
import type { Observed } from './history.js'
import type { Ledger } from './ledger.js'
import { MINUTE_MS, T0_MS, type Unit } from './machine.js'

const SILENCE_US = 600e6
const usOf = (minute: number): number => Math.round(T0_MS + minute * MINUTE_MS) * 1e3
const minuteOf = (us: number): number => Math.round((us / 1e3 - T0_MS) / (MINUTE_MS / 100)) / 100

/** @returns what is wrong with the answer about all time, and about a part of it */
export async function faultsOf(
  ledger: Ledger,
  minute: number,
  members: readonly Observed[],
  random: () => number,
): Promise<string[]> {
  const known = members.filter(isKnown)
  const all = { fromUs: usOf(-60), toUs: usOf(minute + 60) }
  const from = random() * minute
  const part = { fromUs: usOf(from), toUs: usOf(from + 0.5 + random() * 5) }
  const [ofAll, ofPart] = [
    await asked(ledger, minute, known, all),
    await asked(ledger, minute, known, part),
  ]
  return known.flatMap((one) => [
    ...claims(one, members, ofAll, { range: all, minute }),
    ...shouts(one, ofAll),
    ...counts(one, ofAll),
    ...[
      ...claims(one, members, ofPart, { range: part, minute }),
      ...added(one, ofPart, ofAll),
      ...counts(one, ofPart),
    ].map((said) => `of a part, ${said}`),
  ])
}

async function asked(
  ledger: Ledger,
  minute: number,
  members: readonly Observed[],
  range: Span,
): Promise<readonly SiteCompleteness[]> {
  const coverage = await ledger.coverage(range)
  return completenessOf(withRemovals(coverage, members), {
    ...{ range, nowUs: usOf(minute), silenceUs: SILENCE_US },
    siteIds: [...new Set(members.map(({ machine }) => machine.siteId))],
  })
}

function withRemovals(coverage: Coverage, members: readonly Observed[]): Coverage {
  const meters = coverage.meters.map((meter) => {
    const its = members.find(({ machine }) => machine.meterId === meter.meterId)
    return its?.removed == null ? meter : { ...meter, removedUs: usOf(its.removed) }
  })
  return { ...coverage, meters }
}

/** "The server knows the runs of each meter": of one that has never delivered it knows nothing. */
function isKnown({ arrived }: Observed): boolean {
  return arrived.size > 0
}

interface Asked {
  readonly range: Span
  readonly minute: number
}

function claims(
  one: Observed,
  members: readonly Observed[],
  sites: readonly SiteCompleteness[],
  { range, minute }: Asked,
): string[] {
  const { machine } = one
  const site = sites.find(({ siteId }) => siteId === machine.siteId)
  const entries = site?.meters.filter((m) => m.meterId === machine.meterId || m.meterId === null)
  const isHole = (us: number): boolean =>
    entries?.some(({ holes }) => holes.some((h) => h.fromUs <= us && us < h.toUs)) === true
  const untilUs = site?.meters.reduce((us, m) => Math.min(us, m.untilUs), range.toUs) ?? range.toUs
  const isClaimed = (us: number): boolean =>
    us > range.fromUs && us < Math.min(untilUs, range.toUs, usOf(minute)) && !isHole(us)
  const lost = machine.units.filter((unit) => !unit.arrived && !excused(unit, one, members))
  return lost
    .filter((unit) => isClaimed(usOf(unit.at + 0.5)))
    .filter((unit) => !isAhead(unit) || isClaimed(usOf(unit.true + 0.5)))
    .map((unit) => `${machine.meterId}: ${unit.at} is claimed and has not arrived${said(unit)}`)
}

const said = (unit: Unit): string =>
  (unit.true === unit.at ? '' : `, at ${unit.true} by the true clock`) + (unit.down ? ', down' : '')

/** "Times are those of the meter's clock", but a clock that is ahead covers at most the time until a report arrives. */
function isAhead(unit: Unit): boolean {
  return unit.at > unit.true
}

function excused(unit: Unit, one: Observed, members: readonly Observed[]): boolean {
  const { boots, setBacks, stoppedAt } = one.machine
  const before = Math.max(0, ...[...one.reported].filter((minute) => minute <= unit.true))
  const after = Math.min(...[...one.reported].filter((minute) => minute > unit.true))
  const between = (minute: number): boolean => before <= minute && minute <= after
  // "Its clock was set back between them, and after a boot nobody knows how long neither ran."
  if (boots.some(between) && setBacks.some(between)) return true
  // "Until a report tells of it": a clock that is set back makes time pass again that has been reported.
  if (setBacks.some(between) && after === Number.POSITIVE_INFINITY) return true
  // "From now on", a removed meter is not expected. "One that ended in order less than --silence-after ago is gone since
  // its end."
  const { removed } = one
  if (removed === null || members.length === 1) return false
  const goneAt = stoppedAt !== null && removed - stoppedAt <= 10 ? stoppedAt : removed
  return unit.true >= goneAt
}

function shouts(one: Observed, sites: readonly SiteCompleteness[]): string[] {
  const { machine } = one
  const own = sites.flatMap(({ meters }) => meters).filter((m) => m.meterId === machine.meterId)
  const bad = [
    ...machine.units.filter((unit) => !unit.arrived || unit.refused === true),
    ...machine.batches
      .filter(({ name }) => !one.arrived.has(name))
      .map(({ at }) => ({ at, true: at })),
  ]
  const slack = 2 + one.longest
  return own
    .flatMap(({ holes }: MeterCompleteness) => holes)
    .filter((h) => !isOnPurpose(h, one))
    .filter(
      (h) =>
        !bad.some((b) =>
          [b.at, b.true].some((at) => h.fromUs < usOf(at + 1 + slack) && usOf(at - slack) < h.toUs),
        ),
    )
    .map((h) => `${machine.meterId}: ${shown(h)} is a hole, but all of it has arrived`)
}

/** A narrower question finds no hole that the wider one does not have. */
function added(
  { machine }: Observed,
  ofPart: readonly SiteCompleteness[],
  ofAll: readonly SiteCompleteness[],
): string[] {
  const holesIn = (sites: readonly SiteCompleteness[]) =>
    sites
      .flatMap(({ meters }) => meters)
      .filter((m) => m.meterId === machine.meterId)
      .flatMap(({ holes }) => holes)
  const wide = holesIn(ofAll)
  return holesIn(ofPart)
    .filter(
      (h) => !wide.some((w) => w.cause === h.cause && w.fromUs <= h.fromUs && h.toUs <= w.toUs),
    )
    .map((h) => `${machine.meterId}: ${shown(h)} is no hole of all time`)
}

function isOnPurpose({ cause, fromUs, toUs }: Hole, { wasAhead, machine }: Observed): boolean {
  // Before its first start.
  if (cause === 'notWatched') return true
  // "After a kill, from the run's wholeUntil": whatever was open then.
  if (toUs - fromUs < 90e6) return true
  // "Its clock was set back between them."
  if (cause === 'twoRuns') return machine.setBacks.length > 0
  // "After a boot with a clock that was set back", what two runs claim may be time in which it did not run.
  if (cause === 'unmetered' && machine.boots.length > 0 && machine.setBacks.length > 0) return true
  // "A clock that is behind by more than --silence-after" is never up to date.
  if (cause === 'silent' && machine.offset * MINUTE_MS * 1e3 <= -SILENCE_US) return true
  // "The meter's clock passed over this time."
  return (cause === 'clockStepped' || cause === 'unmetered' || cause === 'silent') && wasAhead
}

function counts({ machine, ...one }: Observed, sites: readonly SiteCompleteness[]): string[] {
  const holes = sites
    .flatMap(({ meters }) => meters)
    .filter((m) => m.meterId === machine.meterId)
    .flatMap((m) => m.holes)
  const sum = (read: (h: Hole) => number): number => holes.reduce((n, h) => n + read(h), 0)
  const lost = machine.batches.length - one.arrived.size
  const faults: [string, number, number][] = [
    ['sessions', sum((h) => h.sessions ?? 0), one.counted],
    ['packets', sum((h) => h.packets ?? 0), one.packets],
    ['batches', sum((h) => h.batches ?? 0), lost],
  ]
  return faults
    .filter(([, told, most]) => told < 0 || told > most)
    .map(([what, told, most]) => `${machine.meterId}: ${told} ${what} lost, at most ${most}`)
}

export const shown = ({ cause, reason, fromUs, toUs }: Hole): string =>
  `${reason ?? cause} ${minuteOf(fromUs)} to ${minuteOf(toUs)}`
