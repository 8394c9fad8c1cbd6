/** docs/decisions/collect-less.md: what the catalog says of a session is decided before anything is written. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateRawSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../../src/base/byte-writer.js'
import { Attributor } from '../../../src/meter/attribution/attributor.js'
import { Collector } from '../../../src/meter/attribution/collector.js'
import { Batcher } from '../../../src/meter/spool/batcher.js'
import { writeSession } from '../../../src/meter/spool/session-json.js'
import { checkSession } from '../../../src/server/ingest/check.js'
import { catalogSchema } from '../../../src/session/catalog.js'
import { isHourlySum } from '../../../src/session/log-rule.js'
import { type FlowRecord, isOpen, type Session } from '../../../src/session/session.js'
import { randomOf } from '../../support/office.js'
import { aFlowRecord } from '../../support/sessions.js'
import { aSpool, REPORT } from '../../support/spools.js'

const PREFIX = '01ARYZ6S410000000Z'
const ANNA = `${'A'.repeat(42)}A=`
const ENDPOINT = '198.51.100.77:5001'

const entries = {
  clients: [
    { clientId: 1, name: 'laptop', publicKey: ANNA, addresses: ['10.8.0.2'] },
    { clientId: 2, name: 'clinic', addresses: ['10.8.0.3'], log: 'counts' },
    { clientId: 3, name: 'works council', addresses: ['10.8.0.4'], log: 'off' },
  ],
  resources: [
    { siteResourceId: 10, name: 'wiki', destination: '192.168.7.10' },
    { siteResourceId: 11, name: 'counted', destination: '192.168.7.11', log: 'counts' },
    { siteResourceId: 12, name: 'hotline', destination: '192.168.7.12', log: 'off' },
  ],
  prefixes: [
    { prefix: '172.16.0.0/12', name: 'private', log: 'off' },
    { prefix: '172.16.5.0/24', name: 'but this', log: 'full' },
  ],
}
const RULES = catalogSchema.parse(entries)
const NO_RULES = catalogSchema.parse({
  clients: [{ clientId: 1, name: 'laptop', addresses: ['10.8.0.2'] }],
})

/** A meter's way from record to spool, and what a store would have of it. */
class Way {
  readonly attributor = new Attributor()
  readonly emitted: Session[] = []
  readonly collector = new Collector({
    prefix: PREFIX,
    emit: (session) => this.emitted.push(session),
    earlyReport: true,
  })

  constructor(catalog = RULES) {
    this.attributor.catalogChanged(catalog)
    this.attributor.peersChanged({
      device: {
        interfaceName: 'wg0',
        kind: 'kernel',
        publicKey: null,
        listenPort: null,
        peers: [
          {
            publicKey: ANNA,
            endpoint: ENDPOINT,
            allowedIps: ['10.8.0.2/32'],
            lastHandshakeSeconds: null,
            rxBytes: 0,
            txBytes: 0,
          },
        ],
      },
    })
  }

  take(record: FlowRecord): void {
    const who = this.attributor.attribute(record)
    this.collector.take(record, who, this.attributor.collected(record, who))
  }

  /** Of the reports under one id an ended one stays, then the one with more packets (docs/store.md). */
  stored(): Session[] {
    this.collector.flush()
    const best = new Map<string, Session>()
    for (const session of this.emitted) {
      const before = best.get(session.sessionId)
      const isBetter =
        before === undefined ||
        (isOpen(before) && !isOpen(session)) ||
        (isOpen(before) === isOpen(session) && packets(session) > packets(before))
      if (isBetter) best.set(session.sessionId, session)
    }
    return [...best.values()]
  }

  text(): string {
    this.collector.flush()
    const out = new ByteWriter()
    for (const session of this.emitted) writeSession(out, session)
    return Buffer.from(out.take(out.length)).toString()
  }
}

const packets = (s: Pick<Session, 'packetsTx' | 'packetsRx'>) => s.packetsTx + s.packetsRx
const bytes = (s: Pick<Session, 'bytesTx' | 'bytesRx'>) => s.bytesTx + s.bytesRx
const total = <T>(all: readonly T[], of: (one: T) => number) =>
  all.reduce((n, one) => n + of(one), 0)
const flow = (sourceIp: string, destIp: string, more: Partial<FlowRecord> = {}) =>
  aFlowRecord({ sourceIp, destIp, packetsTx: 2, packetsRx: 1, bytesTx: 200, bytesRx: 50, ...more })

describe('which level', () => {
  const [LAPTOP, CLINIC, COUNCIL] = ['10.8.0.2', '10.8.0.3', '10.8.0.4']
  const [WIKI, COUNTED, HOTLINE] = ['192.168.7.10', '192.168.7.11', '192.168.7.12']
  test.each([
    ['no rule', LAPTOP, WIKI, 'full'],
    ['the client', CLINIC, WIKI, 'counts'],
    ['the client, off', COUNCIL, WIKI, 'off'],
    ['the resource', LAPTOP, COUNTED, 'counts'],
    ['the resource, off', LAPTOP, HOTLINE, 'off'],
    ['the stricter one: the resource', CLINIC, HOTLINE, 'off'],
    ['the stricter one: the client', COUNCIL, COUNTED, 'off'],
    ['a session that came to the client', WIKI, COUNCIL, 'off'],
    ['the other end is a client that is off', LAPTOP, COUNCIL, 'off'],
    ['a prefix', LAPTOP, '172.20.0.1', 'off'],
    ['a narrower prefix', LAPTOP, '172.16.5.1', 'full'],
    ['a prefix at the source', '172.20.0.1', LAPTOP, 'off'],
  ])('%s', (_, source, dest, want) => {
    const way = new Way()
    way.take(flow(source, dest))
    const [stored, ...rest] = way.stored()
    expect(rest).toEqual([])
    const is = stored === undefined ? 'off' : isHourlySum(stored) ? 'counts' : 'full'
    expect(is).toBe(want)
    expect(way.collector.excluded.packets).toBe(want === 'off' ? 3 : 0)
  })

  test('a session keeps the level of the catalog that held when it opened', () => {
    const way = new Way(NO_RULES)
    const opened = flow('10.8.0.4', '192.168.7.10', { endReason: 'activeTimeout' })
    way.take(opened)
    way.attributor.catalogChanged(RULES)
    way.take({ ...opened, packetsTx: 20, endReason: 'endOfFlowDetected' })
    way.take(flow('10.8.0.4', '192.168.7.10', { epoch: way.attributor.epoch }))
    expect(way.stored().map((s) => [s.sourceIp, s.packetsTx])).toEqual([['10.8.0.4', 20]])
    expect(way.collector.excluded.packets).toBe(3)
    // Rules that are taken away hold for what opened under them.
    const under = flow('10.8.0.4', '192.168.7.10', { epoch: way.attributor.epoch })
    way.attributor.catalogChanged(NO_RULES)
    way.take(under)
    way.take(flow('10.8.0.4', '192.168.7.10', { epoch: way.attributor.epoch }))
    expect(way.collector.excluded.packets).toBe(6)
    expect(way.stored()).toHaveLength(2)
  })
})

describe('sums', () => {
  const HOUR_US = 3_600_000_000
  test('one for each hour, client, resource, protocol and outcome; no address, port, peer or time', () => {
    const way = new Way()
    const at = (us: number) => ({ startTimeUs: us, endTimeUs: us })
    way.take(flow('10.8.0.2', '192.168.7.11', at(HOUR_US + 5)))
    way.take(flow('10.8.0.2', '192.168.7.11', at(HOUR_US + 9)))
    way.take(flow('10.8.0.2', '192.168.7.11', { ...at(HOUR_US + 9), connState: 'REJ' }))
    way.take(flow('10.8.0.2', '192.168.7.11', at(2 * HOUR_US)))
    const sums = way.stored()
    expect(
      sums.map((s) => [s.startTimeUs / HOUR_US, s.connState, s.connectionCount, packets(s)]),
    ).toEqual([
      [1, 'SF', 2, 6],
      [1, 'REJ', 1, 3],
      [2, 'SF', 1, 3],
    ])
    for (const sum of sums)
      expect(sum).toMatchObject({
        endTimeUs: sum.startTimeUs + HOUR_US - 1,
        sourceIp: '0.0.0.0',
        sourcePort: 0,
        destIp: '0.0.0.0',
        destPort: 0,
        clientId: 1,
        siteResourceId: 11,
        peerPublicKey: null,
        clientEndpoint: null,
        handshakeRttUs: null,
      })
  })

  test('grow under their id, and are what a server of before takes', () => {
    const way = new Way()
    way.take(flow('10.8.0.2', '192.168.7.11'))
    way.collector.flush()
    way.take(flow('10.8.0.2', '192.168.7.11'))
    way.collector.flush()
    way.collector.flush()
    expect(way.emitted.map((s) => [s.connectionCount, packets(s)])).toEqual([
      [1, 3],
      [2, 6],
    ])
    expect(new Set(way.emitted.map((s) => s.sessionId)).size).toBe(1)
    const place = { orgId: 'acme', siteId: 1, meterId: 'm' }
    for (const sum of way.emitted)
      expect(checkSession(JSON.parse(JSON.stringify(sum)), place, 1e15, 0)).toMatchObject({
        sessionId: sum.sessionId,
        connectionCount: sum.connectionCount,
      })
  })
})

test('nothing of the addresses of a session that is not kept in full is in what is spooled', () => {
  const way = new Way()
  for (const endReason of ['activeTimeout', 'endOfFlowDetected'] as const) {
    for (const [source, dest] of [
      ['10.8.0.4', '192.168.7.10'],
      ['10.8.0.3', '192.168.7.10'],
      ['10.8.0.2', '192.168.7.11'],
      ['10.8.0.2', '172.20.0.1'],
    ] as const)
      way.take(flow(source, dest, { endReason, sourcePort: 45_678 }))
  }
  const text = way.text()
  for (const secret of ['10.8.0.', '192.168.7.', '172.20.', '45678', ANNA, '198.51.100.'])
    expect(text).not.toContain(secret)
  expect(text).toContain('"connectionCount":1')
})

/** All bytes of the files, and what is packed in them. */
function bytesIn(directory: string): Buffer {
  const files = readdirSync(directory).map((name) => readFileSync(join(directory, name)))
  return Buffer.concat([...files, ...files.flatMap(packedIn)])
}

const GZIP = Buffer.from([0x1f, 0x8b, 8])
const GZIP_HEADER_BYTES = 10

function packedIn(file: Buffer): Buffer[] {
  const bodies: Buffer[] = []
  for (let at = file.indexOf(GZIP); at !== -1; at = file.indexOf(GZIP, at + 1)) {
    try {
      bodies.push(inflateRawSync(file.subarray(at + GZIP_HEADER_BYTES)))
    } catch {
      // Bytes that only look like the beginning of a body.
    }
  }
  return bodies
}

test('nor in the bytes of a spool’s files, packed or not', async () => {
  const { spool, directory } = await aSpool()
  const batcher = new Batcher({ spool, report: () => REPORT, ageMs: null })
  const fields = { address: 'drop', port: 'drop', endpoint: 'drop', publicKey: 'drop' }
  const guest = { clientId: 4, name: 'guest', addresses: ['10.8.0.5'], fields }
  const way = new Way(catalogSchema.parse({ ...entries, clients: [...entries.clients, guest] }))
  for (const endReason of ['activeTimeout', 'endOfFlowDetected'] as const) {
    for (const [source, dest] of [
      ['10.8.0.4', '192.168.7.10'],
      ['10.8.0.3', '192.168.7.10'],
      ['10.8.0.2', '192.168.7.11'],
      ['10.8.0.2', '172.20.0.1'],
      ['10.8.0.5', '192.168.7.10'],
    ] as const)
      way.take(flow(source, dest, { endReason, sourcePort: 45_678 }))
  }
  way.take(flow('10.8.0.2', '192.168.7.10', { sourcePort: 41_234 }))
  way.collector.flush()
  for (const session of way.emitted) batcher.add(session)
  await batcher.flush()
  const found = bytesIn(directory)
  const isThere = (text: string) => found.includes(text)
  // What is kept is found: the search is one.
  for (const kept of ['"10.8.0.2"', '192.168.7.10', '41234', ANNA]) expect(kept).toSatisfy(isThere)
  for (const secret of ['10.8.0.3', '10.8.0.4', '10.8.0.5', '192.168.7.11', '172.20.0.1', '45678'])
    expect(secret).not.toSatisfy(isThere)
})

describe('field rules', () => {
  const withFields = (fields: object, addresses = ['10.8.0.2', 'fd00:1:2:3::9']) =>
    new Way(
      catalogSchema.parse({
        clients: [{ clientId: 1, name: 'laptop', publicKey: ANNA, addresses, fields }],
      }),
    )

  test.each([
    [{ address: 'truncate' }, { sourceIp: '10.8.0.0', sourcePort: 40_000, destIp: '192.168.7.10' }],
    [{ address: 'drop' }, { sourceIp: '0.0.0.0', destIp: '192.168.7.10' }],
    [{ port: 'drop' }, { sourceIp: '10.8.0.2', sourcePort: 0, destPort: 80 }],
    [{ endpoint: 'truncate' }, { clientEndpoint: '198.51.100.0:0', peerPublicKey: ANNA }],
    [{ endpoint: 'drop' }, { clientEndpoint: null }],
    [{ publicKey: 'drop' }, { peerPublicKey: null, clientId: 1 }],
  ])('%o', (fields, want) => {
    const way = withFields(fields)
    way.take(flow('10.8.0.2', '192.168.7.10'))
    expect(way.stored()).toMatchObject([want])
  })

  test('IPv6, and the side that is the client', () => {
    const way = withFields({ address: 'truncate', port: 'drop' })
    way.take(flow('2001:db8::1', 'fd00:1:2:3::9', { sourcePort: 20 }))
    expect(way.stored()).toMatchObject([
      { sourceIp: '2001:db8::1', sourcePort: 20, destIp: 'fd00:1:2::', destPort: 0 },
    ])
  })

  test('hidden addresses are not taken for a sum', () => {
    const way = withFields({ address: 'drop' })
    way.take(flow('10.8.0.2', '192.168.7.10'))
    expect(way.stored().map(isHourlySum)).toEqual([false])
  })
})

const SEED = Number(process.env.TUNMETER_SEED ?? Date.now() % 1e9)
test(`sessions, sums and what is excluded are all traffic, seed ${SEED}`, () => {
  const random = randomOf(SEED)
  const below = (n: number) => Math.floor(random() * n)
  for (let round = 0; round < 20; round++) {
    const way = new Way(round % 2 === 0 ? RULES : NO_RULES)
    const truth: FlowRecord[] = []
    const open = new Set<FlowRecord>()
    for (let step = 0; step < 300; step++) {
      if (below(40) === 0) way.attributor.catalogChanged(below(2) === 0 ? RULES : NO_RULES)
      const old = [...open][below(open.size)]
      let record = old ?? flow('10.8.0.1', '192.168.7.10')
      if (old === undefined || below(3) === 0)
        record = flow(
          `10.8.0.${1 + below(5)}`,
          below(5) === 0 ? '172.20.0.1' : `192.168.7.${10 + below(4)}`,
          {
            epoch: way.attributor.epoch,
            protocol: below(2) === 0 ? 'tcp' : 'udp',
            endTimeUs: below(4) * 3_600_000_000,
          },
        )
      else open.delete(old)
      const isLate = old === record && record.endReason !== 'activeTimeout'
      const next = {
        ...record,
        packetsTx: record.packetsTx + 1 + below(9),
        bytesTx: record.bytesTx + 40 + below(9_000),
        endReason:
          below(3) === 0 && !isLate ? ('activeTimeout' as const) : ('idleTimeout' as const),
      }
      way.take(next)
      // Open ones go on, and a closed TCP session may be reported once more.
      if (next.endReason === 'activeTimeout') open.add(next)
      else if (!isLate && next.protocol === 'tcp' && below(3) === 0) open.add(next)
      else truth.push(next)
    }
    for (const last of open) {
      const ended = { ...last, packetsTx: last.packetsTx + 1, endReason: 'forcedEnd' as const }
      way.take(ended)
      truth.push(ended)
    }
    const stored = way.stored()
    const { excluded } = way.collector
    expect(total(stored, packets) + excluded.packets).toBe(total(truth, packets))
    expect(total(stored, bytes) + excluded.bytes).toBe(total(truth, bytes))
  }
})
