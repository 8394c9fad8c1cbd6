/**
 * The table of session fields: type, bound, nulls, origin and meaning of each. Derived from it:
 *
 *   Session, FlowRecord, Attribution (session.ts)   StoredSession (server/store/session-log.ts)        by types
 *   the checks of ingest (server/ingest/session-fields.ts), in this order
 *   SQL types of the columns (server/store/duckdb/schema/columns.ts)
 *   spool and wire: names in this order (meter/spool/session-json.ts); code that copies sessions (field-code.ts)
 *   type, nullability and help of each output field of the same name (fields.ts), and so of CSV, NDJSON, Parquet, OpenAPI
 */
import { TIME_US_MAX, TIME_US_MIN } from './bounds.js'
import {
  CONN_STATES,
  DIRECTION_BASES,
  END_REASON_NAMES,
  PROTOCOLS,
  UNATTRIBUTED_REASONS,
} from './words.js'

interface Common {
  /**
   * `engine`: measured by the engine. `attribution`: the owner. `meter`: added when the session is
   * made.
   */
  readonly from: 'engine' | 'attribution' | 'meter'
  readonly nullable: boolean
  /** False: access logs lack it, so it is null in a stored session from an access log. */
  readonly inAccessLogs: boolean
  readonly help: string
  /** Added in a later version. Null in data of earlier meters, spools and stores. */
  readonly later?: true
}
type Kind =
  | {
      readonly type: 'integer'
      readonly min: number
      readonly max: number
      readonly means: string
      readonly sums?: true
    }
  | { readonly type: 'text'; readonly maxLength: number }
  | { readonly type: 'enum'; readonly words: readonly string[]; readonly means?: string }
  | { readonly type: 'ip' | 'sessionId' | 'boolean' }
export type SessionField = Common & Kind

const COUNT = { type: 'integer', min: 0, max: Number.MAX_SAFE_INTEGER, means: 'a count' } as const
/** A count that merged sessions add up (consolidate.ts). */
const AMOUNT = { ...COUNT, sums: true } as const
const ID = { type: 'integer', min: 1, max: Number.MAX_SAFE_INTEGER, means: 'an id' } as const
const PORT = { type: 'integer', min: 0, max: 65_535, means: 'a port' } as const
const TCP_FLAGS = { type: 'integer', min: 0, max: 255, means: 'a number up to 255' } as const
const TIME_US = {
  type: 'integer',
  min: TIME_US_MIN,
  max: TIME_US_MAX,
  means: 'microseconds since 1970',
} as const

const MEASURED = { from: 'engine', nullable: false, inAccessLogs: true } as const
/** Measured from packets, which access logs do not have. */
const PACKETS_ONLY = { from: 'engine', nullable: false, inAccessLogs: false } as const
const ATTRIBUTED = { from: 'attribution', nullable: true, inAccessLogs: true } as const
/** About the end that is not `clientId`'s. Access logs do not have it. */
const ATTRIBUTED_LATER = { ...ATTRIBUTED, inAccessLogs: false, later: true } as const
const ADDED = { from: 'meter', nullable: false, inAccessLogs: true } as const

export const SESSION_FIELDS = {
  /** ULID-shaped, unique over all meters and runs; see sessionId(). */
  sessionId: { ...ADDED, type: 'sessionId', help: 'Unique; shared by all reports of a session.' },
  /** Microseconds since the Unix epoch (exact up to the year 2255). */
  startTimeUs: { ...MEASURED, ...TIME_US, help: 'First packet, microseconds since 1970.' },
  /** The latest packet seen so far, microseconds since the Unix epoch. */
  endTimeUs: { ...MEASURED, ...TIME_US, help: 'Latest packet, microseconds since 1970.' },
  protocol: { ...MEASURED, type: 'enum', words: PROTOCOLS, help: 'tcp or udp.' },
  /** Initiator. Canonical text: dotted IPv4, RFC 5952 IPv6 without brackets. */
  sourceIp: { ...MEASURED, type: 'ip', help: 'Initiator.' },
  sourcePort: { ...MEASURED, ...PORT, help: 'Port of the initiator.' },
  destIp: { ...MEASURED, type: 'ip', help: 'Responder.' },
  destPort: { ...MEASURED, ...PORT, help: 'Port of the responder.' },
  /** IP octets, headers included (IPFIX octetDeltaCount); Tx is initiator to responder. */
  bytesTx: { ...PACKETS_ONLY, ...AMOUNT, help: 'IP octets, initiator to responder.' },
  bytesRx: { ...PACKETS_ONLY, ...AMOUNT, help: 'IP octets, responder to initiator.' },
  packetsTx: { ...PACKETS_ONLY, ...AMOUNT, help: 'Packets, initiator to responder.' },
  packetsRx: { ...PACKETS_ONLY, ...AMOUNT, help: 'Packets, responder to initiator.' },
  /** Octets without IP and TCP/UDP headers (IPFIX initiatorOctets, responderOctets). */
  payloadTx: { ...PACKETS_ONLY, ...AMOUNT, help: 'bytesTx less IP and TCP/UDP headers.' },
  payloadRx: { ...PACKETS_ONLY, ...AMOUNT, help: 'bytesRx less IP and TCP/UDP headers.' },
  endReason: {
    ...MEASURED,
    type: 'enum',
    words: END_REASON_NAMES,
    help: 'IPFIX flowEndReason; activeTimeout: still open.',
  },
  connState: {
    ...PACKETS_ONLY,
    type: 'enum',
    words: CONN_STATES,
    help: "Zeek's word for how it went.",
  },
  /** OR of all TCP flags seen (IPFIX tcpControlBits, low octet); 0 for UDP. */
  tcpFlagsTx: {
    ...PACKETS_ONLY,
    ...TCP_FLAGS,
    help: 'All TCP flags of the initiator’s packets (OR).',
  },
  tcpFlagsRx: {
    ...PACKETS_ONLY,
    ...TCP_FLAGS,
    help: 'All TCP flags of the responder’s packets (OR).',
  },
  /** SYN to SYN-ACK at this interface; null if not seen. */
  handshakeRttUs: {
    ...PACKETS_ONLY,
    ...COUNT,
    nullable: true,
    help: 'SYN to SYN-ACK as seen here.',
  },
  directionBasis: {
    ...PACKETS_ONLY,
    type: 'enum',
    words: DIRECTION_BASES,
    help: 'Which rule chose the initiator.',
  },
  midstream: {
    ...MEASURED,
    type: 'boolean',
    help: 'The first packet seen came after the handshake.',
  },
  /** TCP: segments with sequence numbers seen before (docs/accuracy.md). 0 for UDP. */
  retransmitsTx: {
    ...PACKETS_ONLY,
    ...AMOUNT,
    later: true,
    help: 'TCP segments seen again, initiator to responder.',
  },
  retransmitsRx: {
    ...PACKETS_ONLY,
    ...AMOUNT,
    later: true,
    help: 'TCP segments seen again, responder to initiator.',
  },
  retransmittedBytesTx: {
    ...PACKETS_ONLY,
    ...AMOUNT,
    later: true,
    help: 'Octets of payloadTx seen again.',
  },
  retransmittedBytesRx: {
    ...PACKETS_ONLY,
    ...AMOUNT,
    later: true,
    help: 'Octets of payloadRx seen again.',
  },
  peerPublicKey: { ...ATTRIBUTED, type: 'text', maxLength: 64, help: 'WireGuard public key.' },
  /** The peer's outer address when the session started, `ip:port`. */
  clientEndpoint: {
    ...ATTRIBUTED,
    type: 'text',
    maxLength: 64,
    help: "The peer's outer address, ip:port.",
  },
  clientId: { ...ATTRIBUTED, ...ID, help: 'Client.' },
  userId: { ...ATTRIBUTED, type: 'text', maxLength: 255, help: 'User of the client.' },
  siteResourceId: { ...ATTRIBUTED, ...ID, help: 'Private resource.' },
  /** Null when clientId is known. */
  unattributed: {
    ...ATTRIBUTED,
    type: 'enum',
    words: UNATTRIBUTED_REASONS,
    means: 'a reason',
    help: 'Why there is no client.',
  },
  /** Client to client through the hub. Null also if the other end is no client. */
  otherClientId: { ...ATTRIBUTED_LATER, ...ID, help: 'Client at the other end.' },
  otherUserId: {
    ...ATTRIBUTED_LATER,
    type: 'text',
    maxLength: 255,
    help: 'User of the client at the other end.',
  },
  /** Null: unknown (docs/accuracy.md). */
  seenTwice: {
    ...ATTRIBUTED_LATER,
    type: 'boolean',
    help: 'From one peer to another: each packet passed the interface in and out, and counts twice.',
  },
  /** 1, or the number of sessions that `consolidate` merged. */
  connectionCount: {
    ...ADDED,
    ...AMOUNT,
    min: 1,
    means: 'a count from 1',
    help: 'Connections merged into this session.',
  },
} as const satisfies Readonly<Record<string, SessionField>>

type Table = typeof SESSION_FIELDS
export type SessionFieldName = keyof Table

type ValueOf<F extends SessionField> = F extends { words: readonly (infer Word)[] }
  ? Word
  : F['type'] extends 'integer'
    ? number
    : F['type'] extends 'boolean'
      ? boolean
      : string
type OrNull<F extends SessionField> = ValueOf<F> | (F['nullable'] extends true ? null : never)

/** The fields that one party fills. */
export type FieldsFrom<From extends SessionField['from']> = {
  readonly [N in SessionFieldName as Table[N]['from'] extends From ? N : never]: OrNull<Table[N]>
}

/** The fields of a session from an access log that are always null. */
export const UNKNOWN_TO_ACCESS_LOGS = Object.fromEntries(
  Object.entries<SessionField>(SESSION_FIELDS).flatMap(([name, { inAccessLogs }]) =>
    inAccessLogs ? [] : [[name, null]],
  ),
) as {
  readonly [N in SessionFieldName as Table[N]['inAccessLogs'] extends false ? N : never]: null
}

/** All fields; null also if access logs lack the field. */
export type FieldsOrUnknown = {
  readonly [N in SessionFieldName]:
    | OrNull<Table[N]>
    | (Table[N]['inAccessLogs'] extends false ? null : never)
}

export const SESSION_FIELD_NAMES = Object.keys(SESSION_FIELDS) as SessionFieldName[]

type SummedField = {
  [N in SessionFieldName]: Table[N] extends { readonly sums: true } ? N : never
}[SessionFieldName]

export const SUMMED_FIELDS = SESSION_FIELD_NAMES.filter(
  (name) => 'sums' in SESSION_FIELDS[name],
) as SummedField[]

export function fieldsFrom<From extends SessionField['from']>(
  from: From,
): (keyof FieldsFrom<From>)[] {
  return SESSION_FIELD_NAMES.filter((name) => SESSION_FIELDS[name].from === from) as never[]
}
