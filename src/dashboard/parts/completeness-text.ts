/** Completeness in words: what is missing, worst first. Times are in the chosen zone, as on every page. */
import type { Completeness, Hole, SiteCompleteness } from '../api/types.js'
import { formatBytes, plural } from '../format/bytes.js'
import { formatDateTime, formatDay, formatMinute } from '../format/time.js'

const CAUSES: Readonly<Record<Hole['cause'], string>> = {
  neverReported: 'no meter has ever reported',
  notWatched: 'not watched yet',
  unmetered: 'the meter was not running',
  silent: 'silent; its sessions since then are not here',
  interfaceGone: 'the interface was gone or could not be read',
  clockStepped: 'the clock passed over it: it was set forward, or the machine slept',
  packetsDropped: 'packets were dropped before they were metered',
  batchesLost: 'batches that never arrived',
  spoolBound: 'the spool was full',
  spoolDamaged: 'the spool was damaged',
  diskRefused: 'the disk was full or failing',
  retentionOff: 'nothing was stored, because retention was off',
  deletedByRetention: 'deleted by retention',
  deletedByOperator: 'deleted by an operator',
  erased: 'erased on request',
  twoMeters: 'counted twice, by two meters',
  unexplained: 'packets that the kernel counted and the meter did not',
  other: 'lost',
}

/**
 * Worst first. `unwatched` is a time before the first report, `deleted` a loss that somebody wanted, `unknown` no hole: a
 * time that is later than all reports.
 */
const KINDS = ['silent', 'lost', 'unwatched', 'deleted', 'unknown'] as const
type Kind = (typeof KINDS)[number]

export function kindOf({ cause }: Hole): Exclude<Kind, 'unknown'> {
  if (cause === 'silent') return 'silent'
  if (cause === 'neverReported' || cause === 'notWatched') return 'unwatched'
  const isWanted = ['deletedByRetention', 'retentionOff', 'deletedByOperator', 'erased'].includes(
    cause,
  )
  return isWanted ? 'deleted' : 'lost'
}

export function holesOf(site: SiteCompleteness): readonly Hole[] {
  return site.meters.flatMap(({ holes }) => holes)
}

function worstKind(site: SiteCompleteness): Kind {
  const kinds = new Set<Kind>(holesOf(site).map(kindOf))
  return KINDS.find((kind) => kinds.has(kind)) ?? 'unknown'
}

/** The incomplete sites. */
export function worstFirst(sites: readonly SiteCompleteness[]): SiteCompleteness[] {
  return sites
    .filter(({ complete }) => !complete)
    .sort(
      (a, b) =>
        KINDS.indexOf(worstKind(a)) - KINDS.indexOf(worstKind(b)) ||
        b.sessionsLost - a.sessionsLost ||
        a.coveredShare - b.coveredShare,
    )
}

export function siteName({ siteId, siteName: name }: SiteCompleteness): string {
  return name ?? `Site ${siteId}`
}

/** `1 site silent, 2 with losses` */
export function badgeText({ sites, more }: Completeness): string {
  if (sites.length === 0) return 'Nothing metered'
  const kinds = worstFirst(sites).map(worstKind)
  if (kinds.length === 0) return more ? 'Not all looked at' : 'Complete'
  if (isUnknown(sites)) return 'Nothing known yet'
  const words = {
    silent: 'silent',
    lost: 'with losses',
    unwatched: 'not watched',
    deleted: 'deleted',
    unknown: 'not known yet',
  }
  const told = KINDS.map((kind) => ({ kind, count: kinds.filter((one) => one === kind).length }))
    .filter(({ count }) => count > 0)
    .map(({ kind, count }, i) =>
      i === 0 ? `${plural(count, 'site')} ${words[kind]}` : `${count} ${words[kind]}`,
    )
  return told.join(', ')
}

/** As the server has it: of none of them anything is known yet. */
function isUnknown(sites: readonly SiteCompleteness[]): boolean {
  return sites.every((site) => !site.complete && worstKind(site) === 'unknown')
}

export function toneOf({ sites, more }: Completeness): 'ok' | 'warn' | 'wrong' {
  const kinds = worstFirst(sites).map(worstKind)
  if (kinds.includes('silent') || kinds.includes('lost')) return 'wrong'
  return kinds.length > 0 || sites.length === 0 || more ? 'warn' : 'ok'
}

/** `4 of 6 sites are complete, 27 Nov, 10:00 to 28 Nov, 10:00.` */
export function sentenceOf({ sites, from, to, until, more }: Completeness): string {
  if (sites.length === 0) return 'No site has a meter or a key yet: nothing is metered.'
  if (isUnknown(sites))
    return `Nothing is known yet of the time from ${minuteOf(from)}: the newest reports are older.`
  const whole = sites.filter(({ complete }) => complete).length
  const all = whole === sites.length
  const end = all ? until : to
  const which =
    sites.length === 1
      ? `${siteName(sites[0]!)} is ${all ? '' : 'not '}complete`
      : all
        ? `All ${sites.length} sites are complete`
        : `${whole} of ${sites.length} sites are complete`
  const unseen = more ? ' There are more losses than these: choose a shorter time.' : ''
  return `${which}, ${minuteOf(from)} to ${minuteOf(end)}.${unseen}`
}

const HOLES_SAID_MAX = 2

/** `Berlin: 27 Nov, 18:40:10 to 27 Nov, 19:22:00: batches that never arrived (2 batches).` */
export function siteText(site: SiteCompleteness): string {
  const holes = [...holesOf(site)].sort(
    (a, b) =>
      KINDS.indexOf(kindOf(a)) - KINDS.indexOf(kindOf(b)) ||
      (b.sessions ?? 0) - (a.sessions ?? 0) ||
      b.seconds - a.seconds,
  )
  const said = holes.slice(0, HOLES_SAID_MAX).map(holeText)
  if (said.length === 0) return `${siteName(site)}: nothing is known yet.`
  const rest = holes.length - said.length
  return `${siteName(site)}: ${said.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}.`
}

export function holeText({ cause, reason, from, to, ...sizes }: Hole): string {
  const when = (iso: string) => formatDateTime(Date.parse(iso))
  const said = cause === 'other' && reason !== undefined ? `lost: ${reason}` : CAUSES[cause]
  const { sessions, batches, packets, bytes, otherMeter } = sizes
  const size = [
    sessions !== null && sessions > 0 ? `${plural(sessions, 'session')} lost` : null,
    batches === undefined ? null : plural(batches, 'batch', 'batches'),
    packets === undefined ? null : plural(packets, 'packet'),
    bytes === undefined ? null : `${formatBytes(bytes)} passed`,
    otherMeter === undefined ? null : `also by ${otherMeter}`,
  ].filter((text) => text !== null)
  const span =
    cause === 'silent'
      ? `since ${when(from)}`
      : when(from) === when(to)
        ? when(from)
        : `${when(from)} to ${when(to)}`
  return `${span}: ${said}${size.length > 0 ? ` (${size.join(', ')})` : ''}`
}

function minuteOf(iso: string): string {
  const ms = Date.parse(iso)
  return `${formatDay(ms)}, ${formatMinute(ms)}`
}
