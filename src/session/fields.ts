/**
 * The fields of a session as people get it: names, order, types, and how each is read. NDJSON, CSV, the API's rows
 * and its documentation all come from this list.
 *
 * The first eleven are the documented connection-log fields, in their documented order; the
 * others are ours and only ever grow at the end.
 */
import { communityId } from './community-id.js'
import { getter } from './field-code.js'
import { formatEndpoint, isOpen, type Session } from './session.js'
import { SESSION_FIELDS, type SessionField, type SessionFieldName } from './session-table.js'

/** What only the two ends know: the server from the key a batch came with, the meter from its options. */
export interface Origin {
  readonly orgId: string | null
  readonly siteId: number | null
  readonly meterId: string | null
}

/** Names by the catalog; null when the id is null or the catalog does not hold it. */
export interface Names {
  readonly clientName: string | null
  readonly userName: string | null
  readonly resourceName: string | null
  readonly siteName: string | null
  readonly otherClientName: string | null
}

export interface SessionRow extends Session, Origin, Names {}

/** `integer` and `number` are written as digits, never quoted; `text` is where it must be. */
export type FieldType = 'integer' | 'number' | 'text' | 'boolean'

export interface Field {
  readonly name: string
  readonly type: FieldType
  readonly nullable: boolean
  /** Other connection logs document it under the same name. */
  readonly documented: boolean
  readonly help: string
  /** Made up by people, for people: a spreadsheet must not take it for a formula. */
  readonly isName?: true
  readonly read: (row: SessionRow) => string | number | boolean | null
}

type Read = Field['read']

function field(name: string, type: FieldType, help: string, read: Read): Field {
  return { name, type, nullable: false, documented: false, help, read }
}

function nullable(name: string, type: FieldType, help: string, read: Read): Field {
  return { ...field(name, type, help, read), nullable: true }
}

function nameOf(id: string, name: keyof Names): Field {
  const field = nullable(name, 'text', `Name of ${id}.`, (s) => s[name])
  return { ...field, isName: true }
}

/** A field of the table under its own name. */
function same(name: SessionFieldName): Field {
  const { type, nullable, help }: SessionField = SESSION_FIELDS[name]
  const plain = type === 'integer' || type === 'boolean' ? type : 'text'
  const read = getter<SessionRow, typeof name>(name)
  return { name, type: plain, nullable, documented: false, help, read }
}

const DOCUMENTED: readonly Field[] = [
  field('timestamp', 'integer', 'Unix seconds at the start.', (s) =>
    Math.floor(s.startTimeUs / 1e6),
  ),
  same('protocol'),
  same('siteResourceId'),
  same('clientId'),
  same('clientEndpoint'),
  same('userId'),
  field('sourceAddr', 'text', 'Initiator, ip:port.', (s) =>
    formatEndpoint(s.sourceIp, s.sourcePort),
  ),
  field('destAddr', 'text', 'Responder, ip:port.', (s) => formatEndpoint(s.destIp, s.destPort)),
  nullable('duration', 'number', 'Seconds, to the millisecond; null while open.', durationSeconds),
  same('bytesTx'),
  same('bytesRx'),
].map((f) => ({ ...f, documented: true }))

const OURS: readonly Field[] = [
  same('sessionId'),
  nullable('orgId', 'text', 'Organisation.', (s) => s.orgId),
  nullable('siteId', 'integer', 'Site.', (s) => s.siteId),
  nullable('meterId', 'text', 'Meter that saw it.', (s) => s.meterId),
  field('startTime', 'text', 'First packet, ISO 8601, microseconds.', (s) => isoUs(s.startTimeUs)),
  field('endTime', 'text', 'Latest packet, ISO 8601, microseconds.', (s) => isoUs(s.endTimeUs)),
  same('packetsTx'),
  same('packetsRx'),
  same('payloadTx'),
  same('payloadRx'),
  same('endReason'),
  same('connState'),
  same('tcpFlagsTx'),
  same('tcpFlagsRx'),
  same('handshakeRttUs'),
  same('directionBasis'),
  same('midstream'),
  same('connectionCount'),
  same('peerPublicKey'),
  nameOf('clientId', 'clientName'),
  nameOf('userId', 'userName'),
  nameOf('siteResourceId', 'resourceName'),
  nameOf('siteId', 'siteName'),
  same('unattributed'),
  // Made where it is shown: 30 bytes that say nothing new would be the largest part of a stored session.
  nullable('communityId', 'text', 'Community ID v1 of the five-tuple.', communityId),
  same('retransmitsTx'),
  same('retransmitsRx'),
  same('retransmittedBytesTx'),
  same('retransmittedBytesRx'),
  nullable('goodputTx', 'integer', 'payloadTx less retransmittedBytesTx.', (s) =>
    goodput(s.payloadTx, s.retransmittedBytesTx),
  ),
  nullable('goodputRx', 'integer', 'payloadRx less retransmittedBytesRx.', (s) =>
    goodput(s.payloadRx, s.retransmittedBytesRx),
  ),
  same('otherClientId'),
  same('otherUserId'),
  same('seenTwice'),
  nameOf('otherClientId', 'otherClientName'),
]

export const FIELDS: readonly Field[] = [...DOCUMENTED, ...OURS]

/** Octets of payload that were here for the first time; null where that was not counted. */
function goodput(payload: number | null, again: number | null): number | null {
  return payload === null || again === null ? null : payload - again
}

/** Millisecond precision, as documented; null while the session is open. */
export function durationSeconds(
  session: Pick<Session, 'startTimeUs' | 'endTimeUs' | 'endReason'>,
): number | null {
  if (isOpen(session)) return null
  return Math.round((session.endTimeUs - session.startTimeUs) / 1e3) / 1e3
}

/** Direct-mapped by second: neighbouring sessions start in the same seconds, and Date is slow. */
const SECONDS_CACHED = 1024
const cachedSecond = new Float64Array(SECONDS_CACHED).fill(Number.NaN)
const cachedText: string[] = new Array<string>(SECONDS_CACHED).fill('')

/** `2026-11-22T22:37:01.000123Z` of microseconds since the Unix epoch. */
export function isoUs(us: number): string {
  const second = Math.floor(us / 1e6)
  const slot = ((second % SECONDS_CACHED) + SECONDS_CACHED) % SECONDS_CACHED
  if (cachedSecond[slot] !== second) {
    cachedSecond[slot] = second
    // A packet's time can be any 64-bit number; Date ends at the year 275760.
    const date = new Date(second * 1e3)
    cachedText[slot] = Number.isNaN(date.getTime())
      ? '9999-12-31T23:59:59'
      : date.toISOString().slice(0, -5)
  }
  return `${cachedText[slot]}.${String(us - second * 1e6).padStart(6, '0')}Z`
}
