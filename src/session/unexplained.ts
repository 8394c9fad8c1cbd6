/** What a report admits of packets that nobody has accounted for. */
import type { MeterReport } from './batch.js'

export interface Unexplained {
  readonly packets: number
  readonly bytes?: number
}

/**
 * Packets that the interface counted and the meter neither metered nor counted as dropped, beyond what a comparison can
 * be wrong by; null: none that are certain.
 */
export function unexplainedOf({ reconciliation = {} }: MeterReport): Unexplained | null {
  const {
    exact,
    unexplainedPacketsMin = 0,
    unexplainedBytesMin,
    droppedPackets = 0,
  } = reconciliation
  const packets = unexplainedPacketsMin - droppedPackets
  if (exact !== 1 || packets <= 0) return null
  return { packets, ...(unexplainedBytesMin !== undefined && { bytes: unexplainedBytesMin }) }
}
