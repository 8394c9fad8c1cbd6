/**
 * Finds missing data in a range of time: for each meter the time that it covered, and every hole with its cause and
 * size.
 *
 *   range      |-----------------------------------------------------|  from ... to, or now
 *   runs            |------ run 1 ------|    |------ run 2 -----|
 *   holes      |----|       |--|        |----|                  |----|
 *           notWatched  packetsDropped  unmetered                silent
 *
 * covered = the judged part of the range without the holes. A live meter is judged until its newest report (`until`), a
 * removed one until its removal. Nothing of this is stored, so a hole closes by itself when late batches arrive.
 */
import { groupBy } from '../../base/group-by.js'
import { unexplainedOf } from '../../session/unexplained.js'
import {
  ACCESS_LOG,
  type Coverage,
  type Gap,
  type MeterCoverage,
  type RunSpan,
  type SharedSpan,
  type Span,
} from '../store/store.js'
import { clipped, type Hole, hole, holeOf, lengthOf, union } from './holes.js'

/** One meter in the range. */
export interface MeterCompleteness {
  readonly meterId: string | null
  readonly interface: string | null
  readonly untilUs: number
  readonly coveredUs: number
  readonly judgedUs: number
  /**
   * Packets metered in the newest run, and packets that the kernel counted. Null if the kernel has no comparable
   * counter.
   */
  readonly reconciled: { readonly packets: number; readonly ofPackets: number } | null
  readonly holes: readonly Hole[]
}

export interface SiteCompleteness {
  readonly siteId: number
  readonly complete: boolean
  readonly meters: readonly MeterCompleteness[]
}

export interface CompletenessRequest {
  readonly range: Span
  readonly nowUs: number
  readonly silenceUs: number
  /** Sites that must report; one without any report has a hole. */
  readonly siteIds: readonly number[]
}

/** Nothing was lost: the meter replaced a batch by smaller ones; or sessions came from an access log. */
const NO_LOSS: ReadonlySet<string> = new Set(['split', ACCESS_LOG])

export function completenessOf(coverage: Coverage, asked: CompletenessRequest): SiteCompleteness[] {
  const { deletedBeforeUs } = coverage
  // A site with sessions of an access log must be watched, too, or nothing is known of its time.
  const logged = coverage.gaps.filter((g) => g.reason === ACCESS_LOG).map((g) => g.siteId)
  const request = { ...asked, siteIds: [...new Set([...asked.siteIds, ...logged])] }
  const endUs = Math.max(asked.range.fromUs, Math.min(asked.range.toUs, asked.nowUs))
  const known = coverage.meters.map((m) => removedAtItsEnd(m, request))
  const judged = known.filter(
    ({ removedUs }) => removedUs === undefined || removedUs > request.range.fromUs,
  )
  const metersBySite = groupBy(judged, (m) => m.siteId)
  const sitesBefore = new Set(coverage.meters.map((m) => m.siteId))
  const gapsByMeter = groupBy(
    coverage.gaps.filter((g) => !NO_LOSS.has(g.reason)),
    keyOf,
  )
  const sharedByMeter = groupBy(coverage.shared, keyOf)
  const others = unjudgedLosses(gapsByMeter, known)
  const othersBySite = groupBy(others, ({ gaps: [first] }) => first!.siteId)
  const expected = new Set([...request.siteIds, ...metersBySite.keys()])
  return [...new Set([...expected, ...othersBySite.keys()])]
    .sort((a, b) => a - b)
    .flatMap((siteId) => {
      const own = metersBySite.get(siteId)
      const meters = own?.flatMap((meter) => {
        const losses = [
          ...(gapsByMeter.get(keyOf(meter)) ?? []).map((gap) =>
            gap.reason === 'unmetered' ? afterRun(holeOf(gap), meter.runs) : holeOf(gap),
          ),
          ...twoMeters(sharedByMeter.get(keyOf(meter)) ?? []),
        ]
        const others = known.filter((other) => other.siteId === siteId && other !== meter)
        // Nobody else tells of the time of runs that are not kept.
        const present = meter.forgotRuns ? [] : others.map(presence)
        const its = { losses, deletedBeforeUs, present }
        const answer = meterCompleteness(meter, its, request)
        // A meter that began later is no part of the answer, unless nobody else was there.
        return presence(meter).fromUs >= endUs && answer.holes.length === 0 ? [] : [answer]
      })
      const none = expected.has(siteId)
        ? [unwatched(sitesBefore.has(siteId) ? 'notWatched' : 'neverReported', request)]
        : []
      const all = [
        ...(meters ?? none),
        ...afterRemoval(own, request),
        ...unjudged(othersBySite.get(siteId) ?? [], request),
      ]
      const complete = all.every((m) => m.holes.length === 0)
      return all.length === 0 ? [] : [{ siteId, complete, meters: all }]
    })
}

/**
 * A meter that ended in order and was removed before it counted as silent is gone since its end: nothing metered the
 * time between, which must not count as complete.
 */
function removedAtItsEnd(meter: MeterCoverage, request: CompletenessRequest): MeterCoverage {
  const { removedUs } = meter
  if (removedUs === undefined || removedUs > request.nowUs) return meter
  const runs = union(meter.runs)
  const lastUs = runs.at(-1)?.toUs ?? 0
  const left =
    !isWholeUntil(lastUs, meter) || silence(meter, runs, { ...request, nowUs: removedUs })
  return left ? meter : { ...meter, removedUs: Math.min(removedUs, lastUs) }
}

/** Losses of one sender in a time in which it is not judged. */
interface UnjudgedLosses {
  readonly gaps: readonly Gap[]
  readonly fromUs: number
}

/** Those of access logs, and of meters after their removal: its clock was ahead, or sessions were deleted later. */
function unjudgedLosses(
  gapsByMeter: ReadonlyMap<string, readonly Gap[]>,
  meters: readonly MeterCoverage[],
): UnjudgedLosses[] {
  const untilUs = new Map(meters.map((m) => [keyOf(m), m.removedUs ?? Number.POSITIVE_INFINITY]))
  return [...gapsByMeter].map(([key, gaps]) => ({
    gaps,
    fromUs: untilUs.get(key) ?? Number.NEGATIVE_INFINITY,
  }))
}

function keyOf({ siteId, meterId }: Pick<MeterCoverage, 'siteId' | 'meterId'>): string {
  return `${siteId}/${meterId}`
}

/** The entry for an expected site whose meters were all removed during the range. */
function afterRemoval(
  meters: readonly MeterCoverage[] = [],
  request: CompletenessRequest,
): MeterCompleteness[] {
  const { range, nowUs, siteIds } = request
  const gone = meters.map((m) => m.removedUs ?? Number.POSITIVE_INFINITY)
  const fromUs = Math.max(range.fromUs, ...gone)
  const isOver = meters.length > 0 && fromUs < Math.min(range.toUs, nowUs)
  if (!isOver || !siteIds.includes(meters[0]!.siteId)) return []
  return [unwatched('notWatched', { range: { ...range, fromUs }, nowUs })]
}

/** The entry for an expected site without a meter. */
function unwatched(
  cause: 'neverReported' | 'notWatched',
  { range, nowUs }: Pick<CompletenessRequest, 'range' | 'nowUs'>,
): MeterCompleteness {
  const untilUs = Math.max(range.fromUs, Math.min(range.toUs, nowUs))
  const holes = [hole(cause, range.fromUs, untilUs, { sessions: null })]
  const none = { meterId: null, interface: null, coveredUs: 0, reconciled: null }
  return { ...none, untilUs, judgedUs: lengthOf(holes), holes }
}

/** Entries for the time of senders that are not judged. Nothing is known of it but these losses. */
function unjudged(
  others: readonly UnjudgedLosses[],
  { range, nowUs }: CompletenessRequest,
): MeterCompleteness[] {
  const untilUs = Math.max(range.fromUs, Math.min(range.toUs, nowUs))
  return others.flatMap((one) => {
    const { gaps } = one
    const fromUs = Math.max(range.fromUs, one.fromUs)
    const holes = gaps
      .map(holeOf)
      .flatMap((hole) => clipped(hole, { fromUs, toUs: untilUs }, range.toUs))
      .sort((a, b) => a.fromUs - b.fromUs)
    if (holes.length === 0) return []
    const none = { interface: null, coveredUs: 0, reconciled: null }
    const judgedUs = lengthOf(union(holes))
    return [{ ...none, meterId: gaps[0]!.meterId, untilUs, judgedUs, holes }]
  })
}

interface KnownBeside extends Pick<Coverage, 'deletedBeforeUs'> {
  readonly losses: readonly Hole[]
  /** When other meters of the site were there. */
  readonly present: readonly Span[]
}

function meterCompleteness(
  meter: MeterCoverage,
  { losses, deletedBeforeUs, present }: KnownBeside,
  request: CompletenessRequest,
): MeterCompleteness {
  const runs = union(meter.runs)
  const { removedUs = Number.POSITIVE_INFINITY } = meter
  const { fromUs } = request.range
  const nowUs = Math.min(request.nowUs, removedUs)
  const endUs = Math.max(fromUs, Math.min(request.range.toUs, nowUs))
  const lastUs = runs.at(-1)?.toUs ?? 0
  const isSilent =
    (removedUs <= request.nowUs && !isWholeUntil(lastUs, meter)) ||
    silence(meter, runs, { ...request, nowUs })
  const untilUs = isSilent ? endUs : Math.max(fromUs, Math.min(endUs, lastUs))
  const all = [
    ...before(runs, { fromUs, toUs: endUs }, present),
    ...between(meter.runs),
    ...(isSilent && lastUs < endUs ? [hole('silent', lastUs, endUs, { sessions: null })] : []),
    ...deletedByRetention(runs, deletedBeforeUs),
    ...twoRuns(meter.runs),
    ...unexplained(meter, runs),
    ...losses,
  ]
  // A known loss is a hole also in a time of which nothing else is known yet.
  const known = new Set(losses)
  const holes = withSizes(all)
    .flatMap((one) =>
      clipped(one, { fromUs, toUs: known.has(one) ? endUs : untilUs }, request.range.toUs),
    )
    .sort((a, b) => a.fromUs - b.fromUs)
  const watched = { fromUs: Math.max(fromUs, runs[0]?.fromUs ?? endUs), toUs: untilUs }
  const unmetered = union(holes.flatMap((one) => clipped(one, watched, untilUs)))
  const coveredUs = Math.max(0, watched.toUs - watched.fromUs) - lengthOf(unmetered)
  return {
    meterId: meter.meterId,
    interface: meter.interface,
    // A removed meter must not hold back `until`, because no further report is expected.
    untilUs: removedUs <= endUs ? Math.min(request.range.toUs, request.nowUs) : untilUs,
    coveredUs,
    judgedUs: coveredUs + lengthOf(union(holes)),
    reconciled: reconciled(meter),
    holes,
  }
}

function reconciled({ report }: MeterCoverage): MeterCompleteness['reconciled'] {
  const { unexplainedPacketsMax: missing, droppedPackets = 0 } = report.reconciliation ?? {}
  if (missing === undefined) return null
  const { packets, packetsDropped } = report
  return { packets, ofPackets: packets + packetsDropped + Math.max(0, missing - droppedPackets) }
}

/**
 * True if nothing has arrived for longer than silenceUs. If the meter is caught up, the arrival of its last report
 * counts too, because a meter whose clock is behind must not get a hole. A report from a spool with a backlog says
 * nothing about the present, so then only the reported time counts.
 */
function silence(
  meter: MeterCoverage,
  runs: readonly Span[],
  { nowUs, silenceUs }: CompletenessRequest,
): boolean {
  const lastUs = runs.at(-1)?.toUs ?? 0
  const { caughtUp, receivedUs, report } = meter
  const reportedUs = Math.min(Date.parse(report.at) * 1e3, receivedUs)
  // An arrival in the future is of a server's clock that was ahead.
  const toldUs = caughtUp && receivedUs <= nowUs ? receivedUs : Math.min(reportedUs, nowUs)
  const heardUs = Math.max(lastUs, toldUs)
  return nowUs - heardUs > silenceUs
}

/** False if a later report would have told of something; after a removal none follows. */
function isWholeUntil(lastUs: number, { caughtUp, report }: MeterCoverage): boolean {
  return caughtUp && lastUs >= Date.parse(report.at) * 1e3
}

/** From the meter's first start to its removal it was there, and its own holes tell of that time. */
function presence({ runs, removedUs = Number.POSITIVE_INFINITY }: MeterCoverage): Span {
  return { fromUs: Math.min(...runs.map((run) => run.fromUs)), toUs: removedUs }
}

/** The time before the meter's first start, unless another meter of the site was there: it was replaced, or joined. */
function before(runs: readonly Span[], range: Span, present: readonly Span[]): Hole[] {
  const first = Math.min(runs[0]?.fromUs ?? range.toUs, range.toUs)
  const holes: Hole[] = []
  let { fromUs } = range
  for (const other of [...union(present), { fromUs: first, toUs: first }]) {
    const toUs = Math.min(other.fromUs, first)
    if (fromUs < toUs) holes.push(hole('notWatched', fromUs, toUs, { sessions: null }))
    fromUs = Math.max(fromUs, other.toUs)
  }
  return holes
}

/** An earlier run may claim the time as well, if the clock was set back since. */
function between(runs: readonly RunSpan[]): Hole[] {
  return runs.flatMap(({ toUs, nextUs }) =>
    nextUs === null || nextUs <= toUs ? [] : [hole('unmetered', toUs, nextUs, { sessions: null })],
  )
}

function deletedByRetention(runs: readonly Span[], beforeUs: number): Hole[] {
  const first = runs[0]?.fromUs
  if (first === undefined || first >= beforeUs) return []
  return [hole('deletedByRetention', first, beforeUs, { sessions: null })]
}

/** Two meters counted the same traffic, so nothing is lost. Adjoining times with the same other meter make one hole. */
function twoMeters(shared: readonly SharedSpan[]): Hole[] {
  return [...groupBy(shared, (one) => one.otherMeter)].flatMap(([otherMeter, spans]) =>
    union(spans).map(({ fromUs, toUs }) =>
      hole('twoMeters', fromUs, toUs, { sessions: 0, otherMeter }),
    ),
  )
}

/**
 * Times that two runs claim, because the clock was set back between them, or two machines use the meter's id. A time in
 * which neither ran may have no place on such a clock, or the other machine's run may hide it.
 */
function twoRuns(runs: readonly RunSpan[]): Hole[] {
  const twice: Span[] = []
  let claimedUs = Number.NEGATIVE_INFINITY
  for (const run of [...runs].sort((a, b) => a.fromUs - b.fromUs)) {
    const toUs = Math.min(run.claimedUs, claimedUs)
    if (run.fromUs < toUs) twice.push({ fromUs: run.fromUs, toUs })
    claimedUs = Math.max(claimedUs, run.claimedUs)
  }
  return union(twice).map(({ fromUs, toUs }) => hole('twoRuns', fromUs, toUs, { sessions: null }))
}

/** Unexplained packets of the newest run. For earlier runs the store has a gap. */
function unexplained({ report }: MeterCoverage, runs: readonly Span[]): Hole[] {
  const found = unexplainedOf(report)
  const startedUs = Date.parse(report.startedAt) * 1e3
  // An old spool may deliver a run that is not the last one. Date.parse cuts to milliseconds.
  const run = runs.findLast(({ fromUs }) => fromUs < startedUs + 1e3) ?? runs.at(-1)
  if (found === null || run === undefined) return []
  const from = Math.max(run.fromUs, startedUs)
  return [hole('unexplained', from, run.toUs, { sessions: null, ...found })]
}

/**
 * A killed meter reports `unmetered` from its last saved note, which may be seconds before the end of the run's
 * reports, and long before it in a restored spool. The hole must begin at the end of the run.
 */
function afterRun(one: Hole, runs: readonly Span[]): Hole {
  const before = runs.filter(({ fromUs }) => fromUs < one.toUs)
  const last = before.reduce<Span | null>((a, b) => (a && a.fromUs > b.fromUs ? a : b), null)
  if (last === null || last.toUs <= one.fromUs || last.toUs >= one.toUs) return one
  return { ...one, fromUs: last.toUs }
}

/** Joins a hole between two runs with the meter's own report of it, which has the size. They must not count twice. */
function withSizes(holes: readonly Hole[]): Hole[] {
  const isUnmetered = (one: Hole): boolean => one.cause === 'unmetered'
  const groups: Hole[] = []
  for (const one of holes.filter(isUnmetered).sort((a, b) => a.fromUs - b.fromUs)) {
    const last = groups.at(-1)
    if (last === undefined || one.fromUs > last.toUs) groups.push(one)
    else groups[groups.length - 1] = together(last, one)
  }
  return [...holes.filter((one) => !isUnmetered(one)), ...groups]
}

function together(a: Hole, b: Hole): Hole {
  const bytes = [a.bytes, b.bytes].filter((n) => n !== undefined)
  return {
    ...a,
    toUs: Math.max(a.toUs, b.toUs),
    ...(bytes.length > 0 && { bytes: bytes.reduce((sum, n) => sum + n, 0) }),
  }
}
