/**
 * The engine's counters in JavaScript. All are whole numbers, exact up to 2^53 (9 petabytes).
 *
 * Invariant, in packets and in bytes: sessions + other + pending = all.
 */
import { EXCLUDED } from '../../session/log-rule.js'
import { END_REASON_NAMES, type EndReason } from '../../session/session.js'

/** Reasons why a packet belongs to no session, in the order of `OtherReason` in native/decode/decoded_packet.h. */
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
  /** `activeTimeout` counts interim records; the sum of the others is opened - open sessions. */
  readonly sessionsEnded: Readonly<Record<EndReason, number>>
  /** Flows in the table, closed ones in their linger included. */
  readonly openSessions: number
  readonly openSessionsMax: number
  /** Flows removed because the table was full, with any end reason. */
  readonly evictions: number
  /** Fragmented datagrams removed because their table was full. */
  readonly fragmentEvictions: number
  /** SYNs counted into the existing session because 4,096 others were already waiting for their answer. */
  readonly waitingSynsFull: number
  /** Out-of-order TCP segments missing in the retransmits, because no place was free to keep their numbers. */
  readonly repeatsFull: number
  readonly recordsMade: number
  /** Records dropped because the queue to JavaScript was full (live only). */
  readonly recordsDropped: number
  /** Microseconds since the epoch; never decreases. Null before the first packet. */
  readonly engineTimeUs: number | null
}

/** Moves sessions that the catalog's rules drop to other traffic, under the reason EXCLUDED. */
export function withExcluded<T extends Pick<EngineCounters, 'sessions' | 'other'>>(
  counters: T,
  excluded: Traffic,
): T {
  if (excluded.packets === 0) return counters
  const { sessions, other } = counters
  return {
    ...counters,
    sessions: {
      packets: sessions.packets - excluded.packets,
      bytes: sessions.bytes - excluded.bytes,
    },
    other: { ...other, [EXCLUDED]: excluded },
  }
}

/** @param values the addon's numbers, in the order of COUNTER_NAMES */
export function readCounters(values: Float64Array): EngineCounters {
  let at = 0
  return countersFrom(() => values[at++]!)
}

/** Must have the order of each_counter() in native/engine/engine_counters.h; checked when the addon is loaded. */
export const COUNTER_NAMES: readonly string[] = namesOfCounters()

function namesOfCounters(): string[] {
  const names: string[] = []
  countersFrom((name) => names.push(name))
  return names
}

/** @param next returns the next number; `name` is the number's name */
function countersFrom(next: (name: string) => number): EngineCounters {
  const traffic = (group: string): Traffic => ({
    packets: next(`${group}packets`),
    bytes: next(`${group}bytes`),
  })
  const all = traffic('')
  const sessions = traffic('sessions.')
  const pending = { ...traffic('pending.'), datagrams: next('pending.datagrams') }
  const sessionsOpened = next('sessionsOpened')
  const openSessions = next('openSessions')
  const openSessionsMax = next('openSessionsMax')
  const evictions = next('evictions')
  const fragmentEvictions = next('fragmentEvictions')
  const waitingSynsFull = next('waitingSynsFull')
  const repeatsFull = next('repeatsFull')
  const recordsMade = next('recordsMade')
  const recordsDropped = next('recordsDropped')
  const hasTime = next('hasTime') === 1
  const engineTime = next('engineTimeUs')
  const sessionsEnded = Object.fromEntries(
    END_REASON_NAMES.map((name) => [name, next(`ended.${name}`)]),
  ) as Record<EndReason, number>
  const other = Object.fromEntries(
    OTHER_REASONS.map((name) => [name, traffic(`${name}.`)]),
  ) as Record<OtherReason, Traffic>
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
    repeatsFull,
    recordsMade,
    recordsDropped,
    engineTimeUs: hasTime ? engineTime : null,
  }
}
