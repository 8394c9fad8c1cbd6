/** What is known of one meter: its newest report, its spools, and the losses that its next report may extend. */
import { isoToUs } from '../../../base/instant.js'
import type { MeterReport } from '../../../session/batch.js'
import type { Life } from './lives.js'
import type { EndedRun, GoingLoss } from './losses.js'

export interface Meter {
  readonly orgId: string
  readonly siteId: number
  readonly meterId: string
  readonly lives: Map<string, Life>
  /** The spool of the newest report. */
  spoolId: string
  lastBatch: number
  runStartedUs: number
  receivedUs: number
  report: MeterReport
  historyUs: number
  /** Losses that the next report may extend, by reason. */
  readonly going: Map<string, GoingLoss[]>
  /** The newest report of the last ended runs, by the start of the run. */
  readonly ended: Map<number, EndedRun>
  /** The start of the run that reported last, and its places in the table. */
  placed: { readonly runUs: number; readonly places: Set<string> }
}

export type MeterName = Pick<Meter, 'orgId' | 'siteId' | 'meterId'>

const NOT_PLACED: Meter['placed'] = { runUs: -1, places: new Set() }

export function newMeter(name: MeterName, report: MeterReport): Meter {
  const { orgId, siteId, meterId } = name
  return {
    ...{ orgId, siteId, meterId, report },
    lives: new Map(),
    spoolId: '',
    lastBatch: 0,
    runStartedUs: isoToUs(report.startedAt),
    receivedUs: 0,
    historyUs: 0,
    going: new Map(),
    ended: new Map(),
    placed: NOT_PLACED,
  }
}

export function keyOf({ orgId, siteId, meterId }: MeterName): string {
  return `${orgId}/${siteId}/${meterId}`
}
