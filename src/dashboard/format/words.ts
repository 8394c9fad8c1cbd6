/** Fields of a session in words, for the details and the table. */

import { isSumRow, type SumEndpoints } from '../../session/log-rule.js'
import { outcomeOf } from '../../session/outcome.js'
import type { DirectionBasis, EndReason, UnattributedReason } from '../../session/session.js'
import { format } from '../texts/format.js'
import { session } from '../texts/session.js'

/** In the order of the TCP header's bits, lowest first. */
const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'] as const

/** `FIN SYN ACK`. */
export function flagNames(flags: number | null): string | null {
  if (flags === null) return null
  const names = FLAGS.filter((_, bit) => flags & (1 << bit))
  return names.length === 0 ? session().noFlags : names.join(' ')
}

export function basisText(basis: DirectionBasis): string {
  return `${basis}: ${session().basis[basis]}`
}

export function unattributedText(reason: UnattributedReason): string {
  return session().unattributed[reason]
}

/** Label and detail of an outcome. */
export function outcomeWords(row: Parameters<typeof outcomeOf>[0]) {
  return session().outcomes[outcomeOf(row).key]
}

/** An unknown state is shown as its code. */
export function connStateText(state: string): string {
  const { connStates } = session()
  return connStates[state as keyof typeof connStates] ?? state
}

export function endReasonText(reason: EndReason): string {
  return `${reason}: ${session().endReasons[reason]}`
}

export function sourceText(row: SumEndpoints): string {
  return isSumRow(row) ? format().notKept : row.sourceAddr
}

export function destText(row: SumEndpoints): string {
  return isSumRow(row) ? format().notKept : row.destAddr
}
