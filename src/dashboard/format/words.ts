/** Fields of a session in words, for the details and the table. */
import { isSumRow, type SumEndpoints } from '../../session/log-rule.js'
import type { DirectionBasis, UnattributedReason } from '../../session/session.js'
import { format } from '../texts/format.js'

/** In the order of the TCP header's bits, lowest first. */
const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'] as const

/** `FIN SYN ACK`. */
export function flagNames(flags: number | null): string | null {
  if (flags === null) return null
  const names = FLAGS.filter((_, bit) => flags & (1 << bit))
  return names.length === 0 ? 'none' : names.join(' ')
}

const BASIS: Readonly<Record<DirectionBasis, string>> = {
  syn: 'sent the SYN',
  synAck: 'received the SYN-ACK',
  peer: 'is inside a WireGuard peer',
  firstPacket: 'sent the first packet seen',
}

export function basisText(basis: DirectionBasis): string {
  return `${basis}: the source ${BASIS[basis]}`
}

const UNATTRIBUTED: Readonly<Record<UnattributedReason, string>> = {
  noPeers: 'the WireGuard peers could not be read, and no catalog names clients',
  noMatch: 'no WireGuard peer holds the source address',
  unknownPeer: 'the catalog has no client with this public key',
  historyLost: 'the session began before the oldest state of peers that its meter kept',
}

export function unattributedText(reason: UnattributedReason): string {
  return UNATTRIBUTED[reason]
}

export function sourceText(row: SumEndpoints): string {
  return isSumRow(row) ? format().notKept : row.sourceAddr
}

export function destText(row: SumEndpoints): string {
  return isSumRow(row) ? format().notKept : row.destAddr
}
