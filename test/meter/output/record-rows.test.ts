import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RecordBatch } from '../../../src/meter/capture/record-decode.js'
import {
  RECORD_OFFSETS as AT,
  NO_RTT,
  RECORD_BYTES,
  RECORD_COUNTERS,
} from '../../../src/meter/capture/record-layout.js'
import { PrintedRow } from '../../../src/meter/output/printed-row.js'
import { RecordRows } from '../../../src/meter/output/record-rows.js'
import { CsvWriter, NdjsonWriter } from '../../../src/meter/output/row-writer.js'
import { makeSession, UNATTRIBUTED } from '../../../src/session/make-session.js'
import { NO_NAMES } from '../../../src/session/names.js'
import { CONN_STATES, DIRECTION_BASES } from '../../../src/session/session.js'

const PREFIX = '01KG02AGFTEEHZC43G'
const TIME_MAX = 4_000_000_000_000_000
const COUNTERS = RECORD_COUNTERS
/** No more than the payload can have been sent again. */
const PAYLOAD_OF: Readonly<Record<string, number>> = {
  retransmittedBytesTx: COUNTERS.indexOf('payloadTx'),
  retransmittedBytesRx: COUNTERS.indexOf('payloadRx'),
}

/** What the writers in JavaScript make of the records. */
function byWriter(writer: NdjsonWriter | CsvWriter, records: Uint8Array): string {
  const row = new PrintedRow()
  for (const record of new RecordBatch(records))
    writer.row(row.of(makeSession(record, UNATTRIBUTED, PREFIX), NO_NAMES))
  return Buffer.from(writer.take()).toString()
}

function byAddon(format: 'ndjson' | 'csv', records: Uint8Array): string | null {
  const rows = new RecordRows(format, PREFIX, NO_NAMES).write(records)
  return rows === null ? null : Buffer.from(rows).toString()
}

const group = fc.oneof(fc.constant(0), fc.constant(0), fc.constant(0xffff), fc.nat(0xffff))
const ipv6 = fc
  .array(group, { minLength: 8, maxLength: 8 })
  .map((groups) => groups.flatMap((g) => [g >> 8, g & 255]))
const ipv4 = fc.array(fc.nat(255), { minLength: 4, maxLength: 4 })
const count = fc.oneof(fc.nat(2000), fc.maxSafeInteger().map(Math.abs))

const facts = fc.record({
  sequence: fc.integer({ min: 1, max: 2 ** 40 - 1 }),
  firstUs: fc.oneof(
    fc.integer({ min: 0, max: TIME_MAX - 2 ** 43 }),
    fc.integer({ min: 1.7e15, max: 1.7e15 + 1e7 }),
  ),
  lasted: fc.oneof(fc.nat(4_000_000), fc.integer({ min: 0, max: 2 ** 43 - 1 })),
  counters: fc
    .array(count, { minLength: COUNTERS.length, maxLength: COUNTERS.length })
    .map((all) => all.map((n, i) => Math.min(n, all[PAYLOAD_OF[COUNTERS[i]!] ?? i]!))),
  addresses: fc.oneof(fc.tuple(ipv4, ipv4), fc.tuple(ipv6, ipv6)),
  sameAddress: fc.boolean(),
  ports: fc.tuple(fc.nat(0xffff), fc.nat(0xffff)),
  protocol: fc.constantFrom(6, 17),
  endReason: fc.integer({ min: 1, max: 5 }),
  connState: fc.nat(CONN_STATES.length - 1),
  basis: fc.nat(DIRECTION_BASES.length - 1),
  flags: fc.tuple(fc.nat(255), fc.nat(255), fc.nat(3)),
  rtt: fc.oneof(fc.constant(NO_RTT), fc.nat(NO_RTT - 1)),
})
type Facts = typeof facts extends fc.Arbitrary<infer T> ? T : never

function binary(f: Facts): Buffer {
  const record = Buffer.alloc(RECORD_BYTES)
  const u64 = (at: number, value: number): unknown => record.writeBigUInt64LE(BigInt(value), at)
  u64(AT.sequence, f.sequence)
  u64(AT.startTimeUs, f.firstUs)
  u64(AT.endTimeUs, f.firstUs + f.lasted)
  for (const [i, name] of COUNTERS.entries()) u64(AT[name], f.counters[i] ?? 0)
  const [source, dest] = f.addresses
  record.set(source, AT.sourceIp)
  record.set(f.sameAddress ? source : dest, AT.destIp)
  record.writeUInt16LE(f.ports[0], AT.sourcePort)
  record.writeUInt16LE(f.ports[1], AT.destPort)
  record[AT.protocol] = f.protocol
  record[AT.family] = source.length === 4 ? 4 : 6
  record[AT.endReason] = f.endReason
  record[AT.connState] = f.connState
  record[AT.tcpFlagsTx] = f.flags[0]
  record[AT.tcpFlagsRx] = f.flags[1]
  record[AT.flags] = f.flags[2]
  record[AT.directionBasis] = f.basis
  record.writeUInt32LE(f.rtt, AT.handshakeRttUs)
  return record
}

const PLAIN: Facts = {
  sequence: 1,
  firstUs: 1_700_000_000_000_000,
  lasted: 1_500,
  counters: [1, 2, 3, 4, 5, 6],
  addresses: [
    [10, 0, 0, 1],
    [192, 0, 2, 1],
  ],
  sameAddress: false,
  ports: [40_000, 443],
  protocol: 6,
  endReason: 3,
  connState: 2,
  basis: 0,
  flags: [27, 27, 0],
  rtt: 1_000,
}

describe('rows made by the addon', () => {
  test('are, byte for byte, those of the writers', () => {
    fc.assert(
      fc.property(fc.array(facts, { minLength: 1, maxLength: 20 }), (all) => {
        const records = Buffer.concat(all.map(binary))
        expect(byAddon('ndjson', records)).toBe(byWriter(new NdjsonWriter(), records))
        expect(byAddon('csv', records)).toBe(byWriter(new CsvWriter(), records))
      }),
      { numRuns: 500 },
    )
  })

  test('an address of IPv4 in IPv6, one of zeros, and equal endpoints', () => {
    const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1]
    const zeros = new Array<number>(16).fill(0)
    for (const addresses of [[mapped, zeros] as const, [zeros, zeros] as const]) {
      const records = binary({ ...PLAIN, addresses: [[...addresses[0]], [...addresses[1]]] })
      expect(byAddon('ndjson', records)).toBe(byWriter(new NdjsonWriter(), records))
    }
  })

  test.each([
    ['a counter above 2^53', { counters: [2 ** 53, 0, 0, 0, 0, 0] }],
    ['a time after 2096', { firstUs: TIME_MAX + 1 }],
    ['a session of a hundred days', { lasted: 2 ** 43 }],
    ['a sequence of more than 40 bits', { sequence: 2 ** 40 }],
  ])('%s is left to the writers', (_, change) => {
    const records = Buffer.concat([binary(PLAIN), binary({ ...PLAIN, ...change })])
    expect(byAddon('ndjson', records)).toBeNull()
  })
})
