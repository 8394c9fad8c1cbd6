/** The state of each site and its meters, with what is wrong in words. */

import type { KeyRecord } from '../control/control.js'
import type { MeterLife, MeterStatus } from '../store/store.js'

const BACKLOG_BATCHES = 60
const SKEW_MS = 60_000
const REPORTS_SHOWN_MS = 7 * 86400e3

/** `finished`: a replay of files that has said its last. */
export const METER_STATUSES = ['ok', 'warning', 'silent', 'finished'] as const
export type MeterState = (typeof METER_STATUSES)[number]
export const SITE_STATUSES = [...METER_STATUSES, 'neverReported'] as const

export interface Moment {
  readonly nowMs: number
  /** A meter that has not reported for this long is silent. */
  readonly silenceMs: number
}

export interface SiteView {
  readonly siteId: number
  readonly siteName: string | null
  readonly status: (typeof SITE_STATUSES)[number]
  readonly meters: readonly MeterView[]
}

export type MeterView = ReturnType<typeof meterView>

/** Sites that reported, that have a key, or that the catalog names; a meter that is long silent is left out when another reports. */
export function siteViews(
  meters: readonly MeterStatus[],
  keys: readonly KeyRecord[],
  named: readonly { readonly siteId: number; readonly name: string }[],
  moment: Moment,
): SiteView[] {
  const { nowMs } = moment
  const names = new Map(named.map((s) => [s.siteId, s.name]))
  const ids = new Set([
    ...meters.map((m) => m.siteId),
    ...keys.flatMap((k) => (k.siteId === null || k.revokedAt !== null ? [] : [k.siteId])),
    ...names.keys(),
  ])
  return [...ids]
    .sort((a, b) => a - b)
    .map((siteId) => {
      const own = meters.filter((m) => m.siteId === siteId)
      const recent = own.filter((m) => nowMs - Date.parse(m.receivedAt) < REPORTS_SHOWN_MS)
      const views = (recent.length > 0 ? recent : own.slice(0, 1)).map((m) =>
        meterView(m, own, moment),
      )
      return { siteId, siteName: names.get(siteId) ?? null, status: worst(views), meters: views }
    })
}

function worst(views: readonly MeterView[]): SiteView['status'] {
  if (views.length === 0) return 'neverReported'
  // A replay says nothing about whether the site is being metered.
  const live = views.filter((v) => v.status !== 'finished')
  if (live.length === 0) return 'finished'
  if (live.every((v) => v.status === 'silent')) return 'silent'
  return live.some((v) => v.status === 'warning') ? 'warning' : 'ok'
}

function meterView(meter: MeterStatus, all: readonly MeterStatus[], moment: Moment) {
  const { nowMs } = moment
  const { report, history, gaps, lives, openSessions, lastBatch, meterId, receivedAt } = meter
  const problems = [...problemsOf(meter, moment), ...sharedWith(meter, all, moment)]
  const status: MeterState = isFinished(meter)
    ? 'finished'
    : isSilent(meter, moment)
      ? 'silent'
      : problems.length > 0
        ? 'warning'
        : 'ok'
  return {
    meterId,
    status,
    receivedAt,
    lagSeconds: Math.max(0, (nowMs - Date.parse(receivedAt)) / 1e3),
    lastBatch,
    version: report.version,
    interface: report.interface,
    startedAt: report.startedAt,
    openSessions,
    packets: report.packets,
    bytes: report.bytes,
    packetsDropped: report.packetsDropped,
    sessionsDropped: sum(report.sessionsDropped),
    spool: report.spool,
    problems,
    lives,
    gaps,
    history,
    report,
  }
}

/** Other meters of the site that read the same interface of the same machine. */
function sharedWith(meter: MeterStatus, all: readonly MeterStatus[], moment: Moment): string[] {
  const isOn = (m: MeterStatus) => !isSilent(m, moment) && !isFinished(m)
  const places = new Set(meter.report.places)
  const others = all.filter(
    (m) =>
      m.meterId !== meter.meterId && isOn(m) && m.report.places?.some((place) => places.has(place)),
  )
  if (others.length === 0 || !isOn(meter)) return []
  const ids = others.map((m) => m.meterId).join(', ')
  return [`It reads the same interface as ${ids}: everything there is counted twice. Stop one.`]
}

/** Spools whose runs overlap: each began before the other's last report. */
function livesAtOnce(lives: readonly MeterLife[], { nowMs, silenceMs }: Moment): string[] {
  const heard = lives.filter((l) => nowMs - Date.parse(l.receivedAt) <= silenceMs)
  const overlaps = (a: MeterLife, b: MeterLife): boolean =>
    a.runStartedAt !== b.runStartedAt &&
    Date.parse(a.runStartedAt) < Date.parse(b.reportedAt) &&
    Date.parse(b.runStartedAt) < Date.parse(a.reportedAt)
  return heard
    .filter((a) => heard.some((b) => overlaps(a, b)))
    .map((l) => (l.spoolId === '' ? 'without an id' : l.spoolId))
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0)
}

export function isFinished({ report }: MeterStatus): boolean {
  return report.replay === 'finished'
}

function isSilent({ receivedAt }: MeterStatus, { nowMs, silenceMs }: Moment): boolean {
  return nowMs - Date.parse(receivedAt) > silenceMs
}

function problemsOf(meter: MeterStatus, moment: Moment): string[] {
  const { report, receivedAt, gaps } = meter
  const problems: string[] = []
  const silentMs = moment.nowMs - Date.parse(receivedAt)
  if (isSilent(meter, moment) && !isFinished(meter))
    problems.push(`Silent for ${Math.round(silentMs / 60_000)} minutes.`)
  const skewMs = Date.parse(report.at) - Date.parse(receivedAt)
  if (skewMs > SKEW_MS)
    problems.push(`Its clock is ${Math.round(skewMs / 1e3)} s ahead of the server's.`)
  if (report.packetsDropped > 0) {
    problems.push(
      `${report.packetsDropped} packets were dropped before the meter could read them: sessions of that time may be short.`,
    )
  }
  for (const [reason, count] of Object.entries(report.sessionsDropped)) {
    if (count > 0) problems.push(`${count} sessions were lost in the meter (${reason}).`)
  }
  if (report.spool.batches > BACKLOG_BATCHES) {
    problems.push(`${report.spool.batches} batches wait in its spool: delivery is behind.`)
  }
  if (report.spool.setAside > 0)
    problems.push(
      `${report.spool.setAside} batches were refused and set aside; see tunmeter spool.`,
    )
  const twins = livesAtOnce(meter.lives, moment)
  if (twins.length > 1)
    problems.push(
      `${twins.length} meters use the id ${meter.meterId} at the same time (spools ${twins.join(', ')}): a copied spool, or one --meter-id on several hosts. Nothing is lost; give each an id of its own.`,
    )
  const missing = gaps.filter((g) => g.fromBatch !== null)
  if (missing.length > 0) {
    const count = missing.reduce((n, g) => n + g.toBatch! - g.fromBatch! + 1, 0)
    problems.push(`${count} batches have not come.`)
  }
  return problems
}
