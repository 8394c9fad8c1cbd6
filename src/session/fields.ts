/**
 * The output fields of a session: names, order, types, and how to read each. NDJSON, CSV, the API's
 * rows and its documentation all come from this list.
 *
 * The first eleven are the documented connection-log fields, in their documented order. The others
 * are tunmeter's; new ones are added at the end.
 */
import { communityId } from './community-id.js'
import { getter } from './field-code.js'
import { formatEndpoint, isOpen, type Session } from './session.js'
import { SESSION_FIELDS, type SessionField, type SessionFieldName } from './session-table.js'

/** Fields that come from the server's key of a batch, or from the meter's options. */
export interface Origin {
  readonly orgId: string | null
  readonly siteId: number | null
  readonly meterId: string | null
}

/** Names from the catalog; null when the id is null or not in the catalog. */
export interface Names {
  readonly clientName: string | null
  readonly userName: string | null
  readonly resourceName: string | null
  readonly siteName: string | null
  readonly otherClientName: string | null
}

export interface SessionRow extends Session, Origin, Names {}

/**
 * `integer` and `number` are digits without quotes; `text` has quotes where the format needs them.
 */
export type FieldType = 'integer' | 'number' | 'text' | 'boolean'

export interface Field {
  readonly name: string
  readonly type: FieldType
  readonly nullable: boolean
  /** Other connection logs document a field of this name. */
  readonly documented: boolean
  readonly help: string
  /** People choose these names, so a spreadsheet must not read them as formulas. */
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

/** A field of the session table under its own name. */
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
  nullable('meterId', 'text', 'Meter that recorded it.', (s) => s.meterId),
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
  // Computed when it is shown, because it would be the largest part of a stored session (30 bytes)
  // and adds no information.
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

/** Payload octets without retransmitted ones; null if those were not counted. */
function goodput(payload: number | null, again: number | null): number | null {
  return payload === null || again === null ? null : payload - again
}

/** Seconds to the millisecond, as documented; null while the session is open. */
export function durationSeconds(
  session: Pick<Session, 'startTimeUs' | 'endTimeUs' | 'endReason'>,
): number | null {
  if (isOpen(session)) return null
  return Math.round((session.endTimeUs - session.startTimeUs) / 1e3) / 1e3
}

/**
 * Caches texts by second, because neighbouring sessions start in the same seconds, and Date is
 * slow.
 */
const SECONDS_CACHED = 1024
const cachedSecond = new Float64Array(SECONDS_CACHED).fill(Number.NaN)
const cachedText: string[] = new Array<string>(SECONDS_CACHED).fill('')

/** `2026-11-22T22:37:01.000123Z` for microseconds since the Unix epoch. */
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
