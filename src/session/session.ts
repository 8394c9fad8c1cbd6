/**
 * The session: the one thing the meter half and the server half share.
 *
 * A `FlowRecord` is what the engine measured (native/engine/session_record.h, decoded). A `Session` is a FlowRecord
 * plus who it belongs to; it is what the spool holds, the wire carries and the store keeps. `orgId` and `siteId`
 * are not in it: the server takes them from the key a batch came with, so that no meter can write for another.
 *
 * Several records with one `sessionId` are reports of one session: the one that has ended, else the one with
 * more packets, replaces the others (an interim record). Their fields are those of the table in session-table.ts.
 */

import type { FieldsFrom } from './session-table.js'

export {
  CONN_STATES,
  type ConnState,
  DIRECTION_BASES,
  type DirectionBasis,
  END_REASON_NAMES,
  END_REASONS,
  type EndReason,
  PROTOCOLS,
  type Protocol,
  UNATTRIBUTED_REASONS,
  type UnattributedReason,
} from './words.js'

/** What the engine measured. */
export interface FlowRecord extends FieldsFrom<'engine'> {
  /** Unique in one engine run, in order of opening; shared by all reports of one session. */
  readonly sequence: number
  /** In force when it opened: which state of peers and catalog it belongs to; see Attributor. */
  readonly epoch: number
}

/** Who a session belongs to, by the state that held when it started. */
export interface Attribution extends FieldsFrom<'attribution'> {}

/** As stored, spooled and sent. `sequence` has become part of `sessionId`. */
export interface Session extends FieldsFrom<'engine' | 'attribution' | 'meter'> {}

/** Open sessions are interim records: the engine will report them again. */
export function isOpen(session: Pick<Session, 'endReason'>): boolean {
  return session.endReason === 'activeTimeout'
}

/** `ip:port`, IPv6 as `[ip]:port` (RFC 5952 section 6). */
export function formatEndpoint(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}
