/** How a system is held against the rules and the packets of other traffic. */
import { describe, expect, test } from 'vitest'
import type { FlowRecord } from '../../src/session/session.js'
import type { Scenario } from '../property/scenario.js'
import { COUNTED_LIMITS, type CountedPacket, OTHER_LIMITS } from '../support/ip-limits.js'
import { COUNTED_LINKS, OTHER_LINKS } from '../support/link-traffic.js'
import { COUNTED_TRAFFIC, OTHER_TRAFFIC, type OtherPacket } from '../support/other-traffic.js'
import type { Amount } from '../support/twin/amount.js'
import { CLOCK_RULES } from './clock-rules.js'
import { FRAGMENT_RULES, TIME_RULES, UDP_RULES } from './other-rules.js'
import { PACKET_RULES } from './packet-rules.js'
import { REPEAT_RULES } from './repeat-rules.js'
import { BASE_US, type Rule } from './rule.js'
import { SYN_RULES } from './syn-rules.js'
import { TCP_RULES } from './tcp-rules.js'

export const OTHER_CASES = [...OTHER_TRAFFIC, ...OTHER_LINKS, ...OTHER_LIMITS]
export const COUNTED_CASES: readonly CountedPacket[] = [
  ...COUNTED_TRAFFIC,
  ...COUNTED_LINKS,
  ...COUNTED_LIMITS,
]
export const RULES: readonly Rule[] = [
  ...TCP_RULES,
  ...SYN_RULES,
  ...UDP_RULES,
  ...TIME_RULES,
  ...CLOCK_RULES,
  ...FRAGMENT_RULES,
  ...PACKET_RULES,
  ...REPEAT_RULES,
]

export interface Outcome {
  readonly records: readonly FlowRecord[]
  readonly all: Amount
  readonly inSessions: Amount
  readonly other: Readonly<Record<string, Amount>>
  readonly ended: Readonly<Record<string, number>>
  readonly evictions: number
  readonly fragmentEvictions: number
}

export type PlainPacket = Omit<OtherPacket, 'name' | 'reason' | 'bytes'>

/** What is under test. */
export interface System {
  run(scenario: Scenario): Outcome
  packet(packet: PlainPacket): Outcome
}

/** A record's fields that the rule names; times in seconds after the start. */
function named(record: FlowRecord, want: Rule['records'][number]): object {
  const all: Record<string, unknown> = {
    ...record,
    first: (record.startTimeUs - BASE_US) / 1_000_000,
    last: (record.endTimeUs - BASE_US) / 1_000_000,
  }
  return Object.fromEntries(Object.keys(want).map((field) => [field, all[field]]))
}

function nonZero(other: Outcome['other']): object {
  const entries = Object.entries(other).filter(([, { packets, bytes }]) => packets + bytes > 0)
  return Object.fromEntries(entries.map(([r, { packets, bytes }]) => [r, [packets, bytes]]))
}

export function testSystem(name: string, system: System): void {
  describe(name, () => {
    test.each(RULES.map((rule) => [rule.name, rule] as const))('%s', (_, rule) => {
      const outcome = system.run(rule.scenario)
      const { records, other, ended, evictions, all, inSessions } = outcome
      const ordered = [...records].sort((x, y) => x.sequence - y.sequence)
      expect(ordered.map((r, i) => named(r, rule.records[i] ?? {}))).toEqual(rule.records)
      const { icmp, ...rest } = nonZero(other) as Record<string, unknown>
      expect(rule.other?.icmp === undefined ? rest : { icmp, ...rest }).toEqual(rule.other ?? {})
      if (rule.ended !== undefined) expect(ended).toMatchObject(rule.ended)
      expect(evictions).toBe(rule.evictions ?? 0)
      if (rule.fragmentEvictions !== undefined) {
        expect(outcome.fragmentEvictions).toBe(rule.fragmentEvictions)
      }
      const others = Object.values(other).reduce((sum, { bytes }) => sum + bytes, 0)
      expect(inSessions.bytes + others).toBe(all.bytes)
    })

    test.each(OTHER_CASES.map((p) => [p.name, p] as const))('other traffic: %s', (_, packet) => {
      const { all, inSessions, other, records } = system.packet(packet)
      expect(nonZero(other)).toEqual({ [packet.reason]: [1, packet.bytes] })
      expect(all).toMatchObject({ packets: 1, bytes: packet.bytes })
      expect(inSessions).toMatchObject({ packets: 0, bytes: 0 })
      expect(records).toHaveLength(0)
    })

    test.each(COUNTED_CASES.map((p) => [p.name, p] as const))('counted: %s', (_, packet) => {
      const { records, other } = system.packet(packet)
      expect(nonZero(other)).toEqual({})
      expect(records).toHaveLength(1)
      expect(records[0]).toMatchObject({ packetsTx: 1, bytesTx: packet.bytes, ...packet.record })
    })
  })
}
