/** A row of the server's log as the table shows it. */
import type { ShownSession } from '../meter/output/table.js'
import { isSumRow, NOT_KEPT } from '../session/log-rule.js'

/** The fields of the API's row that the commands for people read. */
export interface LogRow
  extends Pick<
    ShownSession,
    | 'protocol'
    | 'endReason'
    | 'connState'
    | 'interrupted'
    | 'clientName'
    | 'userName'
    | 'userId'
    | 'resourceName'
    | 'sourceAddr'
    | 'destAddr'
    | 'bytesTx'
    | 'bytesRx'
  > {
  readonly sessionId: string
  readonly startTime: string
  /** Seconds; null: open. */
  readonly duration: number | null
}

export function shownOf(row: LogRow): ShownSession {
  const { startTime, duration, sourceAddr } = row
  const isSum = isSumRow(row)
  return {
    ...row,
    ...(isSum && { sourceAddr: NOT_KEPT, destAddr: NOT_KEPT }),
    startTimeMs: Date.parse(startTime),
    seconds: duration,
    sourceIp: isSum ? NOT_KEPT : ipOf(sourceAddr),
  }
}

/** The address in `10.8.0.2:443` and `[fd00::1]:443`. Consolidated access logs have addresses without a port. */
function ipOf(endpoint: string): string {
  const bracketed = /^\[([^\]]+)\]/.exec(endpoint)
  if (bracketed !== null) return bracketed[1]!
  const parts = endpoint.split(':')
  return parts.length === 2 ? parts[0]! : endpoint
}
