/**
 * The version of a report: of all reports of a session the largest stays, whatever their order, repetition or grouping.
 *
 *   127..126  ended (2) before closed as interrupted (1) before open (0)
 *   125       it counts packets
 *   124..71   packets of both directions; without packets the end
 *   70..16    0; without packets the bytes of both directions
 *   15..0     a hash of the record, so that equal ones of two servers have one order
 *
 * The same order as saysMore() of ../../merge.ts.
 */
import { createHash } from 'node:crypto'
import { isOpen } from '../../../../session/session.js'
import { SESSION_FIELD_NAMES } from '../../../../session/session-table.js'
import type { StoredSession } from '../../session-log.js'

export const OPEN = 0
export const CLOSED = 1
export const ENDED = 2

const HASH_BITS = 16n
const AMOUNT_BITS = 55n
const FIRST_AT = HASH_BITS + AMOUNT_BITS
const HAS_PACKETS = 1n << 125n
const KIND_AT = 126n
/** Added to an open one's version it is that of the same as interrupted. */
export const CLOSES = 1n << KIND_AT

export function kindOf(session: StoredSession): number {
  return isOpen(session) ? OPEN : ENDED
}

export function versionOf(session: StoredSession, kind = kindOf(session)): bigint {
  const { packetsTx, packetsRx, bytesTx, bytesRx, endTimeUs } = session
  const packets = BigInt(packetsTx ?? 0) + BigInt(packetsRx ?? 0)
  const amounts =
    packets > 0n
      ? HAS_PACKETS | (packets << FIRST_AT)
      : (BigInt(endTimeUs) << FIRST_AT) |
        ((BigInt(bytesTx ?? 0) + BigInt(bytesRx ?? 0)) << HASH_BITS)
  return (BigInt(kind) << KIND_AT) | amounts | BigInt(hashOf(session))
}

function hashOf(session: StoredSession): number {
  const hash = createHash('md5')
  hash.update(JSON.stringify(SESSION_FIELD_NAMES.map((name) => session[name])))
  hash.update(session.meterId)
  return hash.digest().readUInt16LE(0)
}
