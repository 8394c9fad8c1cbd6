/** Makes the report on the meter's state that each batch carries. */

import type { MeterReport, ReplayState } from '../../session/batch.js'
import { joinNames, REPORT_PLACES_MAX } from '../../session/bounds.js'
import type { Traffic } from '../capture/counters.js'
import type { FlowMeterCounters } from '../capture/flow-meter.js'
import type { SpoolDepth } from '../spool/spool.js'

export type ReportedCounters = Pick<
  FlowMeterCounters,
  'packets' | 'bytes' | 'other' | 'openSessions' | 'kernelDropped' | 'interfaceDropped'
>

export interface ReportInput {
  readonly version: string
  readonly interfaces: readonly string[]
  readonly startedAt: string
  /** One for each interface, and one for the sum of the forgotten interfaces. */
  readonly counters: readonly ReportedCounters[]
  readonly sessionsDropped: Readonly<Record<string, number>>
  readonly spool: SpoolDepth
  readonly reconciliation?: Readonly<Record<string, number>> | undefined
  readonly wholeUntilMs?: number
  readonly startedUptimeMs?: number
  readonly watchingSince?: string
  readonly places?: readonly string[]
  readonly replay?: ReplayState
}

export function meterReport(input: ReportInput): MeterReport {
  const { counters, spool } = input
  const sum = (read: (c: ReportedCounters) => number): number =>
    counters.reduce((total, c) => total + read(c), 0)
  return {
    version: input.version,
    interface: joinNames(input.interfaces),
    startedAt: input.startedAt,
    at: new Date().toISOString(),
    packets: sum((c) => c.packets),
    bytes: sum((c) => c.bytes),
    other: otherOf(counters),
    openSessions: sum((c) => c.openSessions),
    packetsDropped: sum((c) => c.kernelDropped + c.interfaceDropped),
    sessionsDropped: input.sessionsDropped,
    spool: { batches: spool.batches, bytes: spool.bytes, quarantined: spool.quarantined },
    ...(input.reconciliation && { reconciliation: input.reconciliation }),
    ...wholeUntilOf(input),
    ...(input.startedUptimeMs !== undefined && {
      uptimeMs: { startedAt: input.startedUptimeMs, at: uptimeMs() },
    }),
    ...(input.watchingSince && { watchingSince: input.watchingSince }),
    ...(input.places && { places: input.places.slice(0, REPORT_PLACES_MAX) }),
    ...(input.replay && { replay: input.replay }),
  }
}

function wholeUntilOf({ wholeUntilMs, startedAt }: ReportInput): Pick<MeterReport, 'wholeUntil'> {
  if (wholeUntilMs === undefined) return {}
  const wholeUntil = new Date(wholeUntilMs).toISOString()
  // ISO 8601 in UTC sorts as text.
  return { wholeUntil: wholeUntil > startedAt ? wholeUntil : startedAt }
}

/** Milliseconds since the boot: comparable between processes of a machine, also when its clock is set. */
export function uptimeMs(): number {
  return Math.floor(Number(process.hrtime.bigint() / 1_000_000n))
}

/** Sums by reason, without reasons that did not occur. */
function otherOf(counters: readonly Pick<ReportedCounters, 'other'>[]): Record<string, Traffic> {
  const sums: Record<string, Traffic> = {}
  for (const { other } of counters) {
    for (const [reason, { packets, bytes }] of Object.entries(other)) {
      if (packets === 0) continue
      const before = sums[reason] ?? { packets: 0, bytes: 0 }
      sums[reason] = { packets: before.packets + packets, bytes: before.bytes + bytes }
    }
  }
  return sums
}

/** Adds the counters of an interface that is forgotten, because a report's sums must never fall. */
export function addCounters(past: ReportedCounters, gone: ReportedCounters): ReportedCounters {
  return {
    packets: past.packets + gone.packets,
    bytes: past.bytes + gone.bytes,
    other: otherOf([past, gone]) as ReportedCounters['other'],
    openSessions: 0,
    kernelDropped: past.kernelDropped + gone.kernelDropped,
    interfaceDropped: past.interfaceDropped + gone.interfaceDropped,
  }
}

export const NOTHING_COUNTED: ReportedCounters = {
  packets: 0,
  bytes: 0,
  other: {} as ReportedCounters['other'],
  openSessions: 0,
  kernelDropped: 0,
  interfaceDropped: 0,
}
