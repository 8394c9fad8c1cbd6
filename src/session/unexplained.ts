/** What a report admits of traffic that nobody has accounted for. */
import type { MeterReport } from './batch.js'

export interface Unexplained {
  /** Absent if only peers' counters show it, which count octets. */
  readonly packets?: number
  readonly bytes?: number
}

/**
 * Packets that the interface counted and the meter neither metered nor counted as dropped, and octets that WireGuard's
 * peers counted and the meter did not; null: none that are certain. The lower bound is certain also while packets flow,
 * so that a busy moment hides none that a quiet one showed.
 */
export function unexplainedOf({ reconciliation = {} }: MeterReport): Unexplained | null {
  const {
    unexplainedPacketsMin = 0,
    unexplainedBytesMin,
    droppedPackets = 0,
    peersUnmeteredBytes = 0,
  } = reconciliation
  const packets = unexplainedPacketsMin - droppedPackets
  // Where the interface can be compared, its counters have the peers' packets, too.
  if (packets > 0)
    return { packets, ...(unexplainedBytesMin !== undefined && { bytes: unexplainedBytesMin }) }
  // Dropped packets are a hole of their own, and peers cannot tell them from others.
  return peersUnmeteredBytes > 0 ? { bytes: peersUnmeteredBytes } : null
}
