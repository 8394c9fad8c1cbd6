/** The API's answer about completeness, and its summary in words. */
import { usToIso } from '../../base/instant.js'
import { plural } from '../../base/quantity.js'
import type { Span } from '../store/store.js'
import type { MeterCompleteness, SiteCompleteness } from './completeness.js'
import type { Hole, HoleCause } from './holes.js'

const SITES_SAID_MAX = 10
const HOLES_SAID_MAX = 3

/** The words for a hole, which follow the name of the site. */
export const CAUSE_WORDS: Readonly<Record<HoleCause, string>> = {
  neverReported: 'no meter has ever reported',
  notWatched: 'not watched yet',
  unmetered: 'not metered',
  silent: 'silent',
  interfaceGone: 'interface gone',
  clockStepped: 'passed over by the clock',
  packetsDropped: 'packets dropped before they were metered',
  batchesLost: 'batches that have not come',
  spoolBound: 'spool full',
  spoolDamaged: 'spool damaged',
  diskRefused: 'disk full or failing',
  retentionOff: 'nothing stored (retention is 0)',
  deletedByRetention: 'deleted by retention',
  deletedByOperator: 'deleted by an operator',
  erased: 'erased on request',
  twoMeters: 'counted twice',
  twoRuns: 'claimed by two runs of the meter',
  unexplained: 'packets that the kernel counted and the meter did not',
  other: 'lost',
}

export interface Named {
  readonly names: ReadonlyMap<number, string>
  readonly range: Span
  readonly nowUs: number
  /** A meter whose reports are older is not up to date. */
  readonly silenceUs: number
  /** True if there are more losses than were read. */
  readonly more: boolean
}

export function completenessAnswer(sites: readonly SiteCompleteness[], named: Named) {
  const { range, more, names } = named
  const asked = { ...named, endUs: Math.max(range.fromUs, Math.min(range.toUs, named.nowUs)) }
  const { endUs } = asked
  const meters = sites.flatMap((s) => s.meters)
  return {
    from: usToIso(range.fromUs),
    to: usToIso(endUs),
    // Without a site nothing is known. Unread losses leave completeness unknown, too.
    complete: sites.length > 0 && !more && sites.every((s) => isWhole(s, asked)),
    ...totals(meters, endUs),
    more,
    sentence: sentence(sites, asked),
    sites: sites.map((site) => ({
      siteId: site.siteId,
      siteName: names.get(site.siteId) ?? null,
      complete: isWhole(site, asked),
      ...totals(site.meters, endUs),
      meters: site.meters.map(({ meterId, interface: name, reconciled, holes, ...one }) => ({
        meterId,
        interface: name,
        ...totals([{ ...one, holes }], endUs),
        reconciled,
        holes: holes.map(holeAnswer),
      })),
    })),
  }
}

interface Asked extends Named {
  /** The end of the range, or now. */
  readonly endUs: number
}

/** False if the range begins after the reports of the site. */
function isBegun({ meters }: SiteCompleteness, { range, endUs }: Asked): boolean {
  return untilOf(meters, endUs) > range.fromUs
}

/** A meter that runs is a little behind; of a range that ended before, all must be known. */
function isWhole(site: SiteCompleteness, asked: Asked): boolean {
  const { endUs, nowUs, silenceUs } = asked
  const isKnown = untilOf(site.meters, endUs) >= Math.min(endUs, nowUs - silenceUs)
  return site.complete && isBegun(site, asked) && isKnown
}

type Judged = Pick<MeterCompleteness, 'untilUs' | 'coveredUs' | 'judgedUs' | 'holes'>

function totals(meters: readonly Judged[], endUs: number) {
  const sum = (read: (m: Judged) => number): number => meters.reduce((n, m) => n + read(m), 0)
  const judged = sum((m) => m.judgedUs)
  const lost = sum((m) => m.holes.reduce((n, h) => n + (h.sessions ?? 0), 0))
  return {
    /** Later time is not judged yet. */
    until: usToIso(untilOf(meters, endUs)),
    /** 0 if nothing is judged, because nothing is known then. */
    coveredShare: judged === 0 ? 0 : sum((m) => m.coveredUs) / judged,
    // The sum may exceed the safe integers, because each hole may have the largest count.
    sessionsLost: Math.min(lost, Number.MAX_SAFE_INTEGER),
  }
}

function holeAnswer({ fromUs, toUs, beganUs: _, ...rest }: Hole) {
  return { ...rest, from: usToIso(fromUs), to: usToIso(toUs), seconds: (toUs - fromUs) / 1e6 }
}

/** Names the least covered sites first: at most SITES_SAID_MAX sites with HOLES_SAID_MAX holes each. */
function sentence(sites: readonly SiteCompleteness[], its: Asked): string {
  const { range, names, more, endUs } = its
  const asked = `${spanSaid(range.fromUs, endUs)} UTC`
  if (sites.length === 0) return `No site has a meter or a key: nothing is metered, ${asked}.`
  const holed = sites.filter((s) => !isWhole(s, its))
  if (holed.length === 0 && !more) {
    const which =
      sites.length === 1 ? `${nameOf(sites[0]!.siteId, names)} is` : `All ${sites.length} sites are`
    const until = untilOf(
      sites.flatMap((s) => s.meters),
      endUs,
    )
    return `${which} complete, ${spanSaid(range.fromUs, until)} UTC.`
  }
  if (sites.every((s) => s.complete && !isBegun(s, its)))
    return `Nothing is known yet of the time from ${day(usToIso(range.fromUs))} ${usToIso(range.fromUs).slice(11, 16)} UTC: the newest reports are older.`
  const coveredOf = (s: SiteCompleteness): number => s.meters.reduce((n, m) => n + m.coveredUs, 0)
  const worst = [...holed].sort((a, b) => coveredOf(a) - coveredOf(b))
  const said = worst.slice(0, SITES_SAID_MAX).map((s) => siteSaid(s, its))
  const rest = holed.length - said.length
  const others = rest > 0 ? ` ${rest} more sites are incomplete.` : ''
  const unseen = more ? ' There are more losses than are counted here: ask for a shorter time.' : ''
  const whole = sites.length - holed.length
  return `${whole} of ${sites.length} ${sites.length === 1 ? 'site is' : 'sites are'} complete, ${asked}. ${said.join(' ')}${others}${unseen}`
}

function siteSaid(site: SiteCompleteness, its: Asked): string {
  const { siteId, meters } = site
  const { names, endUs } = its
  const holes = meters.flatMap((m) => m.holes)
  if (holes.length === 0) {
    const untilUs = untilOf(meters, endUs)
    const since = isBegun(site, its) ? `${spanSaid(untilUs, endUs)}: ` : ''
    return `${nameOf(siteId, names)}: ${since}nothing is known yet.`
  }
  const biggest = [...holes].sort(
    (a, b) => (b.sessions ?? 0) - (a.sessions ?? 0) || b.toUs - b.fromUs - (a.toUs - a.fromUs),
  )
  const said = biggest.slice(0, HOLES_SAID_MAX).map(holeSaid)
  const rest = holes.length - said.length
  return `${nameOf(siteId, names)}: ${said.join(', ')}${rest > 0 ? `, and ${rest} more` : ''}.`
}

function holeSaid(hole: Hole): string {
  const { cause, fromUs, toUs, sessions, packets, batches, bytes, reason, otherMeter } = hole
  const sizes = [
    sessions !== null && sessions > 0 ? plural(sessions, 'session') : null,
    batches === undefined ? null : plural(batches, 'batch', 'batches'),
    packets === undefined ? null : plural(packets, 'packet'),
    bytes === undefined ? null : `${volume(bytes)} moved`,
    otherMeter === undefined ? null : `also by ${otherMeter}`,
  ].filter((part) => part !== null)
  const what =
    cause === 'other' && reason !== undefined
      ? `${CAUSE_WORDS.other} (${reason})`
      : CAUSE_WORDS[cause]
  return `${what} ${spanSaid(fromUs, toUs)}${sizes.length > 0 ? ` (${sizes.join(', ')})` : ''}`
}

function nameOf(siteId: number, names: ReadonlyMap<number, string>): string {
  return names.get(siteId) ?? `Site ${siteId}`
}

/** For example `5.1 MB`. */
function volume(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  const step = Math.min(
    units.length - 1,
    Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)),
  )
  const value = bytes / 1000 ** step
  return `${step === 0 ? value : value.toFixed(1)} ${units[step]}`
}

/** The time until which all meters are judged. */
function untilOf(meters: readonly Judged[], endUs: number): number {
  return meters.reduce((until, m) => Math.min(until, m.untilUs), endUs)
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** For example `27 Nov 2026 18:40 to 19:22`. Times within the same minute are shown with seconds. */
function spanSaid(fromUs: number, toUs: number): string {
  const [from, to] = [usToIso(fromUs), usToIso(toUs)]
  const end = from.slice(0, 16) === to.slice(0, 16) ? 19 : 16
  const isSameDay = from.slice(0, 10) === to.slice(0, 10)
  return `${day(from)} ${from.slice(11, end)} to ${isSameDay ? '' : `${day(to)} `}${to.slice(11, end)}`
}

/** `27 Nov 2026` */
function day(time: string): string {
  const [year, month, date] = time.slice(0, 10).split('-').map(Number)
  return `${date} ${MONTHS[month! - 1]} ${year}`
}
