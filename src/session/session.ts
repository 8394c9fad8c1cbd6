/**
 * The session: the data that the meter half and the server half share.
 *
 * A `FlowRecord` is a decoded record of the engine (native/engine/session_record.h). A `Session` is
 * a FlowRecord with its owner; the spool, the wire and the store have this form. It has no `orgId`
 * and `siteId`: the server takes them from the batch's key, so that no meter can write for another
 * organisation.
 *
 * Several records with one `sessionId` are reports of one session. The ended one replaces the
 * others, else the one with more packets does (interim records). session-table.ts has the fields.
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

/** The engine's measurements. */
export interface FlowRecord extends FieldsFrom<'engine'> {
  /** Unique in one engine run, in order of opening; shared by all reports of one session. */
  readonly sequence: number
  /** The epoch in force when it opened: its state of peers and catalog; see Attributor. */
  readonly epoch: number
}

/** The owner of a session, by the state at its start. */
export interface Attribution extends FieldsFrom<'attribution'> {}

/** A session as stored, spooled and sent. `sequence` is part of `sessionId`. */
export interface Session extends FieldsFrom<'engine' | 'attribution' | 'meter'> {}

/** An interim record: the session is open, and the engine will report it again. */
export function isOpen(session: Pick<Session, 'endReason'>): boolean {
  return session.endReason === 'activeTimeout'
}

/** `ip:port`, IPv6 as `[ip]:port` (RFC 5952 section 6). */
export function formatEndpoint(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`
}
