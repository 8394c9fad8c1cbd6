/** The sessions that replay() and openMeter() yield. */
import { FIELDS, type Names, type Origin, type SessionRow } from '../session/fields.js'
import type { Session } from '../session/session.js'

/** A session with the fields of a line of NDJSON: docs/api.md. */
export interface LoggedSession
  extends Omit<
      Session,
      'startTimeUs' | 'endTimeUs' | 'sourceIp' | 'sourcePort' | 'destIp' | 'destPort'
    >,
    Origin,
    Names {
  /** Unix seconds at the start. */
  readonly timestamp: number
  /** Initiator, ip:port. */
  readonly sourceAddr: string
  /** Responder, ip:port. */
  readonly destAddr: string
  /** Seconds, to the millisecond; null while open. */
  readonly duration: number | null
  /** First packet, ISO 8601, microseconds. */
  readonly startTime: string
  /** Latest packet, ISO 8601, microseconds. */
  readonly endTime: string
  /** Community ID v1 of the five-tuple. */
  readonly communityId: string | null
  /** Payload without retransmitted octets; null if those were not counted. */
  readonly goodputTx: number | null
  readonly goodputRx: number | null
}

const NOWHERE: Origin = { orgId: null, siteId: null, meterId: null }

export function logged(session: Session, names: Names): LoggedSession {
  const row: SessionRow = { ...session, ...NOWHERE, ...names }
  const entries = FIELDS.map(({ name, read }) => [name, read(row)] as const)
  return Object.fromEntries(entries) as unknown as LoggedSession
}
