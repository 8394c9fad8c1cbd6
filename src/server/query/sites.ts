/** The state of each site and its meters, with their problems. */

import type { KeyRecord } from '../control/control.js'
import type { MeterStatus } from '../store/store.js'
import { isFinished, isSilent, type Moment, problemsOf } from './problems.js'

const REPORTS_SHOWN_MS = 7 * 86400e3

/** `finished`: a replay of files that has ended. */
export const METER_STATUSES = ['ok', 'warning', 'silent', 'finished'] as const
export type MeterState = (typeof METER_STATUSES)[number]
export const SITE_STATUSES = [...METER_STATUSES, 'neverReported'] as const

export interface SiteView {
  readonly siteId: number
  readonly siteName: string | null
  readonly status: (typeof SITE_STATUSES)[number]
  readonly meters: readonly MeterView[]
}

export type MeterView = ReturnType<typeof meterView>

/**
 * Sites that reported, have a key, or are in the catalog. Meters that have been silent for 7 days are left out; if that
 * leaves none, the latest one is shown.
 */
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
  // A replay does not show that the site is metered now.
  const live = views.filter((v) => v.status !== 'finished')
  if (live.length === 0) return 'finished'
  if (live.every((v) => v.status === 'silent')) return 'silent'
  return live.some((v) => v.status === 'warning') ? 'warning' : 'ok'
}

function meterView(meter: MeterStatus, all: readonly MeterStatus[], moment: Moment) {
  const { nowMs } = moment
  const { report, history, gaps, lives, openSessions, lastBatch, meterId, receivedAt } = meter
  const problems = problemsOf(meter, all, moment)
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

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0)
}
