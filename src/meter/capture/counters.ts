/**
 * The engine's counters as JavaScript sees them. All are whole numbers, exact up to 2^53 (9 petabytes).
 *
 * What always holds, in packets and in bytes: session + other + pending = all.
 */
import { END_REASON_NAMES, type EndReason } from '../../session/session.js'

/** Why a packet is no part of a session, in the order of `OtherReason` in native/decode/decoded_packet.h. */
export const OTHER_REASONS = [
  'icmp',
  'icmpv6',
  'igmp',
  'esp',
  'gre',
  'sctp',
  'otherIp',
  'arp',
  'nonIp',
  'unknownLink',
  'truncated',
  'badHeader',
  'fragment',
  'extensionLimit',
  'stray',
] as const
export type OtherReason = (typeof OTHER_REASONS)[number]

export interface Traffic {
  readonly packets: number
  readonly bytes: number
}

export interface EngineCounters {
  readonly packets: number
  readonly bytes: number
  readonly sessions: Traffic
  readonly other: Readonly<Record<OtherReason, Traffic>>
  /** Later fragments whose first fragment has not come yet. */
  readonly pending: Traffic & { readonly datagrams: number }
  readonly sessionsOpened: number
  /** `activeTimeout` counts interim records; the others sum to opened - open. */
  readonly sessionsEnded: Readonly<Record<EndReason, number>>
  /** Flows in the table, closed ones in their linger included. */
  readonly openSessions: number
  readonly openSessionsMax: number
  /** Flows put out because the table was full, whatever their end reason. */
  readonly evictions: number
  /** Fragmented datagrams put out because their table was full. */
  readonly fragmentEvictions: number
  /** SYNs that could not wait for their answer since 4,096 did: counted into the session that was there. */
  readonly waitingSynsFull: number
  readonly recordsMade: number
  /** Records that found the queue to JavaScript full (live only). */
  readonly recordsDropped: number
  /** Microseconds since the epoch; never decreases. Null before the first packet. */
  readonly engineTimeUs: number | null
}

/** What the addon hands over: numbers in the order of `EngineCounters` in native/engine/engine_counters.h. */
export function readCounters(values: Float64Array): EngineCounters {
  let at = 0
  const next = (): number => values[at++] ?? 0
  const traffic = (): Traffic => ({ packets: next(), bytes: next() })
  const all = traffic()
  const sessions = traffic()
  const pending = { ...traffic(), datagrams: next() }
  const sessionsOpened = next()
  const openSessions = next()
  const openSessionsMax = next()
  const evictions = next()
  const fragmentEvictions = next()
  const waitingSynsFull = next()
  const recordsMade = next()
  const recordsDropped = next()
  const hasTime = next() === 1
  const engineTime = next()
  const sessionsEnded = Object.fromEntries(
    END_REASON_NAMES.map((name) => [name, next()]),
  ) as Record<EndReason, number>
  const other = Object.fromEntries(OTHER_REASONS.map((name) => [name, traffic()])) as Record<
    OtherReason,
    Traffic
  >
  return {
    ...all,
    sessions,
    other,
    pending,
    sessionsOpened,
    sessionsEnded,
    openSessions,
    openSessionsMax,
    evictions,
    fragmentEvictions,
    waitingSynsFull,
    recordsMade,
    recordsDropped,
    engineTimeUs: hasTime ? engineTime : null,
  }
}
