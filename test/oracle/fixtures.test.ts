/**
 * The golden capture of a real tunnel: the twin reports the sessions that tshark and the servers' sockets say
 * (fixtures/wireguard/README.md), and no octet of the kernel's counters is missing.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { formatEndpoint } from '../../src/session/session.js'
import { readCapture } from '../support/twin/capture.js'
import type { TwinRecord } from '../support/twin/flow.js'
import { Twin } from '../support/twin/meter.js'

const DIRECTORY = join(import.meta.dirname, '../../fixtures/wireguard')
const json = (name: string) => JSON.parse(readFileSync(join(DIRECTORY, name), 'utf8'))

interface ExpectedSession {
  readonly sourceAddr: string
  readonly destAddr: string
  readonly startTimeUs: number
}

function runTwin(): Twin {
  const inside = json('peers.json').peers.flatMap(
    (peer: { allowedIps: readonly string[] }) => peer.allowedIps,
  )
  const twin = new Twin({ inside })
  const { packets, damage } = readCapture(readFileSync(join(DIRECTORY, 'site.pcap')))
  expect(damage).toBeNull()
  for (const packet of packets) twin.packet(packet)
  twin.finish()
  return twin
}

/** A record with the fields of one expected session. */
function asExpected(record: TwinRecord, want: ExpectedSession): object {
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

test('sessions of the golden capture', () => {
  const { records } = runTwin()
  const expected: ExpectedSession[] = json('expected.json').sessions.map(measured)
  const bySequence = new Map(records.map((record) => [record.sequence, record]))
  const sessions = [...bySequence.values()].map((record) => ({
    key: `${formatEndpoint(record.sourceIp, record.sourcePort)} ${record.startTimeUs}`,
    record,
  }))
  expect(sessions).toHaveLength(expected.length)
  for (const want of expected) {
    const found = sessions.find(({ key }) => key === `${want.sourceAddr} ${want.startTimeUs}`)
    expect(found && asExpected(found.record, want), want.sourceAddr).toEqual(want)
  }
})

test('everything that the kernel counted', () => {
  const twin = runTwin()
  const { before, after } = json('counters.json')
  const bytes = after.rxBytes + after.txBytes - before.rxBytes - before.txBytes
  const packets = after.rxPackets + after.txPackets - before.rxPackets - before.txPackets
  const others = Object.values(twin.other)
  expect(twin.inSessions.bytes + others.reduce((sum, o) => sum + o.bytes, 0)).toBe(bytes)
  expect(twin.inSessions.packets + others.reduce((sum, o) => sum + o.packets, 0)).toBe(packets)
  expect(json('expected.json').total).toEqual({ packets, bytes })
})
