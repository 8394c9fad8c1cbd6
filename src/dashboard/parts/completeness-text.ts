/** Completeness in words: what is missing, worst first. Times are in the chosen zone, as on every page. */

import type { Completeness, Hole, SiteCompleteness } from '../api/types.js'
import { formatBytes } from '../format/bytes.js'
import { formatDateTime, formatDay, formatMinute } from '../format/time.js'
import { common } from '../texts/common.js'
import { completeness as texts } from '../texts/completeness.js'

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
  return name ?? common().unnamed.site(siteId)
}

/** `1 site silent, 2 with losses` */
export function badgeText({ sites, more }: Completeness): string {
  if (sites.length === 0) return texts().nothingMetered
  const kinds = worstFirst(sites).map(worstKind)
  if (kinds.length === 0) return more ? texts().notAllLooked : texts().complete
  if (isUnknown(sites)) return texts().nothingKnown
  const told = KINDS.map((kind) => ({ kind, count: kinds.filter((one) => one === kind).length }))
    .filter(({ count }) => count > 0)
    .map(({ kind, count }, i) => (i === 0 ? texts().sitesOf : texts().alsoOf)[kind](count))
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
  const { noSite, unknownFrom, oneComplete, oneIncomplete, ...of } = texts()
  if (sites.length === 0) return noSite
  if (isUnknown(sites)) return unknownFrom(minuteOf(from))
  const whole = sites.filter(({ complete }) => complete).length
  const all = whole === sites.length
  const time = of.fromTo(minuteOf(from), minuteOf(all ? until : to))
  const [first, ...others] = sites
  const sentence =
    others.length === 0
      ? (all ? oneComplete : oneIncomplete)(siteName(first!), time)
      : all
        ? of.allComplete(sites.length, time)
        : of.someComplete(whole, sites.length, time)
  return more ? `${sentence} ${of.moreLosses}` : sentence
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
  if (said.length === 0) return texts().siteUnknown(siteName(site))
  return texts().siteHoles(siteName(site), said.join('; '), holes.length - said.length)
}

/** @param reason the server's or the meter's name for the loss */
function otherCause(reason: string | undefined): string {
  const { otherCauses, lostBecause, causes } = texts()
  if (reason === undefined) return causes.other
  return otherCauses[reason as keyof typeof otherCauses] ?? lostBecause(reason)
}

export function holeText({ cause, reason, from, to, ...sizes }: Hole): string {
  const when = (iso: string) => formatDateTime(Date.parse(iso))
  const of = texts()
  const said = cause === 'other' ? otherCause(reason) : of.causes[cause]
  const { sessions, batches, packets, bytes, otherMeter } = sizes
  const size = [
    sessions !== null && sessions > 0 ? of.sessionsLost(sessions) : null,
    batches === undefined ? null : of.batches(batches),
    packets === undefined ? null : of.packets(packets),
    bytes === undefined ? null : of.passed(formatBytes(bytes)),
    otherMeter === undefined ? null : of.alsoBy(otherMeter),
  ].filter((text) => text !== null)
  const span =
    cause === 'silent'
      ? of.since(when(from))
      : when(from) === when(to)
        ? when(from)
        : of.fromTo(when(from), when(to))
  return `${span}: ${said}${size.length > 0 ? ` (${size.join(', ')})` : ''}`
}

function minuteOf(iso: string): string {
  const ms = Date.parse(iso)
  return `${formatDay(ms)}, ${formatMinute(ms)}`
}
