/**
 * The session rules of docs/accuracy.md as traffic, with what must come out of it worked out by hand. Run through
 * the engine and through the twin, so that neither is believed because of the other.
 *
 * `a` is 10.0.0.1:1000, `b` is 10.9.9.9:443. A TCP packet is 40 octets and its payload, UDP 28 and its payload.
 */
import type { EndReason, FlowRecord } from '../../src/session/session.js'
import type {
  Act,
  Command,
  Conversation,
  Scenario,
  ScenarioOptions,
  Side,
  Tweak,
} from '../property/scenario.js'
import { FLAG } from '../support/packets.js'
import type { OtherReason } from '../support/twin/reader.js'

export interface Rule {
  readonly name: string
  readonly scenario: Scenario
  /** In order of sequence; only the fields that the rule is about. Times are seconds after the start. */
  readonly records: readonly (Partial<FlowRecord> & {
    readonly first?: number
    readonly last?: number
  })[]
  readonly other?: Partial<Record<OtherReason, readonly [packets: number, bytes: number]>>
  readonly ended?: Partial<Record<EndReason, number>>
  readonly evictions?: number
  /** Datagrams put out of the full table; checked where named. */
  readonly fragmentEvictions?: number
}

export const BASE_US = 1_700_000_000_000_000
export const SECOND = 1_000_000
export const RULE_OPTIONS: ScenarioOptions = {
  handshakeUs: 30 * SECOND,
  establishedUs: 7440 * SECOND,
  halfClosedUs: 240 * SECOND,
  udpUs: 60 * SECOND,
  lingerUs: 5 * SECOND,
  activeUs: 0,
  flowsMax: 100_000,
  fragmentsMax: 4096,
  earlyReport: false,
  inside: 0,
}

export const { fin: F, syn: S, rst: R, psh: P, ack: A } = FLAG
export const [a, b] = [0, 1] as const

/** Waits are in seconds. */
export function command(waitSeconds: number, act: Act, tweak?: Tweak): Command {
  const waitUs = Math.round(waitSeconds * SECOND)
  return tweak === undefined ? { waitUs, act } : { waitUs, act, tweak }
}
export function t(wait: number, from: Side, flags: number, length = 0, sequence = 7): Command {
  return command(wait, { do: 'tcp', from, flags, sequence, length })
}
/** A SYN-ACK that acknowledges the SYN of that number. */
export const answer = (wait: number, from: Side, synNumber: number): Command => {
  const acknowledgement = (synNumber + 1) >>> 0
  return command(wait, { do: 'tcp', from, flags: S | A, sequence: 90, acknowledgement, length: 0 })
}
export const u = (wait: number, from: Side, length = 0): Command =>
  command(wait, { do: 'udp', from, length })
export const head = (wait: number, from: Side, length: number, flags: number = P | A): Command =>
  command(wait, { do: 'head', from, id: 5, flags, length })
export const later = (wait: number, from: Side, offset: number, length: number): Command =>
  command(wait, { do: 'later', from, id: 5, offset, length })
export const icmp = (wait: number, from: Side, type = 3, code = 3): Command =>
  command(wait, { do: 'icmp', from, type, code, cut: 48 })
export const passes = (wait: number): Command => command(wait, { do: 'advance' })
export const clock = (seconds: number, alone = false): Command =>
  command(0, { do: 'clock', us: seconds * SECOND, alone })

export const OPEN = [t(0, a, S), t(0.02, b, S | A), t(0.001, a, A)]
export const TINY = 0.000001

export function rule(
  name: string,
  commands: readonly Command[],
  records: Rule['records'],
  more: Partial<Omit<Rule, 'name' | 'records'>> & {
    readonly options?: Partial<ScenarioOptions>
    readonly also?: readonly Partial<Conversation>[]
    readonly ipv6?: boolean
  } = {},
): Rule {
  const { options, also = [], ipv6 = false, ...rest } = more
  const transport = commands.some(({ act }) => act.do === 'udp') ? 'udp' : 'tcp'
  const first: Conversation = {
    tuple: 0,
    ipv6,
    transport,
    link: 'raw',
    startUs: 0,
    commands,
  }
  const scenario: Scenario = {
    options: { ...RULE_OPTIONS, ...options },
    baseUs: BASE_US,
    feedPackets: 1000,
    conversations: [first, ...also.map((conversation) => ({ ...first, ...conversation }))],
  }
  return { name, scenario, records, ...rest }
}
