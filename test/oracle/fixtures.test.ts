/**
 * The golden capture of a real tunnel: the engine (from the file, as the product reads it) and the twin report the
 * sessions that tshark and the servers' sockets say (fixtures/wireguard/README.md), and no octet of the kernel's
 * counters is missing. Of the demo's capture the same totals, and that both tell the same sessions.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { FlowMeter } from '../../src/meter/capture/flow-meter.js'
import { type FlowRecord, formatEndpoint } from '../../src/session/session.js'
import type { Amount } from '../support/twin/amount.js'
import { readCapture } from '../support/twin/capture.js'
import { Twin } from '../support/twin/meter.js'

const FIXTURES = join(import.meta.dirname, '../../fixtures')
const json = (fixture: string, name: string) =>
  JSON.parse(readFileSync(join(FIXTURES, fixture, name), 'utf8'))

interface ExpectedSession {
  readonly sourceAddr: string
  readonly destAddr: string
  readonly startTimeUs: number
}

interface Run {
  /** The last one of each session. */
  readonly records: FlowRecord[]
  readonly inSessions: Amount
  readonly other: readonly Amount[]
}

function inside(fixture: string): string[] {
  const { peers } = json(fixture, 'peers.json')
  return peers.flatMap((peer: { allowedIps: readonly string[] }) => peer.allowedIps)
}

function lastOfEach(records: Iterable<FlowRecord>): FlowRecord[] {
  const bySequence = new Map<number, FlowRecord>()
  for (const record of records) bySequence.set(record.sequence, record)
  return [...bySequence.values()].sort((a, b) => a.sequence - b.sequence)
}

async function runTwin(fixture: string): Promise<Run> {
  const twin = new Twin({ inside: inside(fixture) })
  const { packets, damage } = readCapture(readFileSync(join(FIXTURES, fixture, 'site.pcap')))
  expect(damage).toBeNull()
  for (const packet of packets) twin.packet(packet)
  twin.finish()
  const { inSessions, other } = twin
  return { records: lastOfEach(twin.records), inSessions, other: Object.values(other) }
}

async function runEngine(fixture: string): Promise<Run> {
  const paths = [join(FIXTURES, fixture, 'site.pcap')]
  const meter = new FlowMeter({ source: { kind: 'file', paths } })
  meter.setInside(inside(fixture))
  const records: FlowRecord[] = []
  for await (const batch of meter.records()) records.push(...batch)
  const { sessions, other, errors } = meter.counters()
  expect(errors).toEqual([])
  return { records: lastOfEach(records), inSessions: sessions, other: Object.values(other) }
}

/** A record with the fields of one expected session. */
function asExpected(record: FlowRecord, want: ExpectedSession): object {
  const all: Record<string, unknown> = {
    ...record,
    sourceAddr: formatEndpoint(record.sourceIp, record.sourcePort),
    destAddr: formatEndpoint(record.destIp, record.destPort),
  }
  return Object.fromEntries(Object.keys(want).map((field) => [field, all[field]]))
}

/** Who a session belongs to is not the meter's business. */
const ATTRIBUTION = [
  'peerPublicKey',
  'clientEndpoint',
  'clientId',
  'userId',
  'siteResourceId',
  'unattributed',
]

function measured(session: object): ExpectedSession {
  const fields = Object.entries(session).filter(([field]) => !ATTRIBUTION.includes(field))
  return Object.fromEntries(fields) as unknown as ExpectedSession
}

function kernelTotal(fixture: string): Amount {
  const { before, after } = json(fixture, 'counters.json')
  return {
    packets: after.rxPackets + after.txPackets - before.rxPackets - before.txPackets,
    bytes: after.rxBytes + after.txBytes - before.rxBytes - before.txBytes,
  }
}

describe.each([
  ['engine', runEngine],
  ['twin', runTwin],
])('%s', (_, run) => {
  test('sessions of the golden capture', async () => {
    const { records } = await run('wireguard')
    const expected: ExpectedSession[] = json('wireguard', 'expected.json').sessions.map(measured)
    const sessions = records.map((record) => ({
      key: `${formatEndpoint(record.sourceIp, record.sourcePort)} ${record.startTimeUs}`,
      record,
    }))
    expect(sessions).toHaveLength(expected.length)
    for (const want of expected) {
      const found = sessions.find(({ key }) => key === `${want.sourceAddr} ${want.startTimeUs}`)
      expect(found && asExpected(found.record, want), want.sourceAddr).toEqual(want)
    }
  })

  test.each(['wireguard', 'demo'])('everything that the kernel counted: %s', async (fixture) => {
    const { inSessions, other } = await run(fixture)
    const sum = { packets: inSessions.packets, bytes: inSessions.bytes }
    for (const { packets, bytes } of other) {
      sum.packets += packets
      sum.bytes += bytes
    }
    expect(sum).toEqual(kernelTotal(fixture))
  })
})

test('the total beside the golden sessions is that of the kernel', () => {
  expect(json('wireguard', 'expected.json').total).toEqual(kernelTotal('wireguard'))
})

test("engine and twin tell the same sessions of the demo's capture", async () => {
  const [engine, twin] = [await runEngine('demo'), await runTwin('demo')]
  expect(engine.records.length).toBeGreaterThan(100)
  expect(engine.records.map((record) => ({ ...record, icmpError: false }))).toEqual(
    twin.records.map((record) => ({ ...record, icmpError: false })),
  )
})
