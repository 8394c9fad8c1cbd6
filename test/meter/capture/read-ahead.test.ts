/** A replay whose reader runs ahead of the engine gives the same, to the byte, as one in a single thread. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { FlowMeter } from '../../../src/meter/capture/flow-meter.js'
import { ScenarioArbitrary } from '../../property/arbitrary.js'
import { engineOptions } from '../../property/engine-of.js'
import { type Event, events, INSIDE_SETS, type Scenario } from '../../property/scenario.js'
import { NgBlocks, pcapFile } from '../../support/capture-files.js'
import { run, until } from '../../support/lab.js'
import { ipv4, udp } from '../../support/packets.js'
import { bytes, ScratchFiles } from '../../support/source-dump.js'

const FIXTURES = ['wireguard', 'demo'].map(
  (name) => new URL(`../../../fixtures/${name}/site.pcap`, import.meta.url).pathname,
)
/** More than the ring of decoded batches holds (native/decode/decode_ahead.h), and several windows of the file. */
const MANY = 20_000

const files = new ScratchFiles()
afterAll(() => files.remove())

const second = (at: number) => 1_700_000_000 + at

/** A datagram of a flow of its own each, so that many is also many records. */
const many = Array.from({ length: MANY }, (_, i) => ({
  seconds: second(Math.floor(i / 10)),
  data: Uint8Array.from(
    ipv4({ from: `10.0.${i >> 8}.${i & 255}`, to: '10.9.9.9', protocol: 17 }, udp(1000, 53, [1])),
  ),
}))
const manyFile = pcapFile(many, { linkField: 101 })
const manyPath = files.write('many.pcap', manyFile)

type Options = Partial<ConstructorParameters<typeof FlowMeter>[0]> & {
  readonly inside?: readonly string[]
}

/** All that a replay says: its records as bytes, and its counters. */
async function replay(readAhead: boolean, paths: readonly string[], options: Options = {}) {
  const { inside = [], ...rest } = options
  const meter = new FlowMeter({ ...rest, source: { kind: 'file', paths, readAhead } })
  meter.setInside(inside)
  const records: Uint8Array[] = []
  for await (const batch of meter.records()) records.push(batch.buffer)
  return { records: Buffer.concat(records), counters: meter.counters() }
}

async function bothWays(paths: readonly string[], options: Options = {}) {
  const ahead = await replay(true, paths, options)
  const single = await replay(false, paths, options)
  expect(ahead.counters).toEqual(single.counters)
  expect(ahead.records.equals(single.records)).toBe(true)
  return ahead
}

/** A pcapng of any link types. A packet without a time begins a section, since it belongs to interface 0. */
function pcapngOf(packets: readonly (Event & { kind: 'packet' })[]): Buffer {
  const links = [...new Set(packets.map((packet) => packet.linkType))]
  const parts: Buffer[] = []
  let blocks = new NgBlocks()
  let order: number[] = []
  const section = (bigEndian: boolean, first: number) => {
    blocks = new NgBlocks(bigEndian)
    order = [first, ...links.filter((link) => link !== first)]
    parts.push(blocks.section())
    for (const link of order) parts.push(blocks.interface(link, [blocks.resolution(9)]))
  }
  section(false, links[0] ?? 101)
  for (const { ns, data, wireBytes, linkType } of packets) {
    if (ns === null) section(parts.length % 2 === 0, linkType)
    parts.push(
      ns === null
        ? blocks.simplePacket(data, wireBytes)
        : blocks.packet(order.indexOf(linkType), ns, data, wireBytes),
    )
  }
  return Buffer.concat(parts)
}

function packetsOf(scenario: Scenario) {
  return events(scenario).filter((event) => event.kind === 'packet')
}

describe('the same as in a single thread', () => {
  test.each(FIXTURES)('%s: whole, gzip’d, cut at the end and within', async (path) => {
    const whole = readFileSync(path)
    const { counters } = await bothWays([path])
    expect(counters).toMatchObject({ state: 'ended', errors: [] })
    const cuts = [
      files.write('packed.gz', gzipSync(whole)),
      files.write('packed-cut.gz', gzipSync(whole).subarray(0, -20)),
      files.write('cut.pcap', whole.subarray(0, -1)),
      files.write('cut-within.pcap', whole.subarray(0, whole.length >> 1)),
    ]
    for (const cut of cuts) await bothWays([cut])
  })

  test('random packets of all kinds and links, in sections, sometimes cut: records and counters', async () => {
    await fc.assert(
      fc.asyncProperty(
        new ScenarioArbitrary(300),
        fc.double({ min: 0.5, max: 1, noNaN: true }),
        async (scenario, part) => {
          const file = pcapngOf(packetsOf(scenario))
          const path = files.write('random.pcapng', file.subarray(0, Math.ceil(file.length * part)))
          const inside = INSIDE_SETS[scenario.options.inside]!
          await bothWays([path], { ...engineOptions(scenario.options), inside })
        },
      ),
      { numRuns: 40, endOnFailure: true },
    )
  })

  test('many packets, a clock that steps, a damaged record: each fault at its place, in its words', async () => {
    const stepped = many.map((one, i) => ({
      ...one,
      seconds: one.seconds + (i > 9000 ? -7200 : 0),
    }))
    const steppedPath = files.write('stepped.pcap', pcapFile(stepped, { linkField: 101 }))
    const damaged = Buffer.from(manyFile)
    const recordBytes = (manyFile.length - 24) / MANY
    const record = 24 + 12_345 * recordBytes
    damaged.writeUInt32LE(0xffff_ffff, record + 8)
    const damagedPath = files.write('damaged.pcap', damaged)
    const missing = join(files.directory, 'missing.pcap')
    const empty = files.write('empty.pcap', Buffer.alloc(0))
    const text = files.write('text.pcap', bytes(100))
    const paths = [missing, manyPath, damagedPath, empty, steppedPath, text]
    const { counters } = await bothWays(paths)
    expect(counters).toMatchObject({
      state: 'damaged',
      packets: 2 * MANY + 12_345,
      errors: [
        { file: 0, code: 'FILE_MISSING' },
        { file: 2, code: 'FILE_DAMAGED', byteOffset: record },
        { file: 3, code: 'NOT_A_CAPTURE' },
        { file: 5, code: 'NOT_A_CAPTURE' },
      ],
    })
    expect(counters.errors[1]!.message).toContain('(12345) were read')
    await bothWays([missing, empty])
    await bothWays([])
  })

  test('records that wait to be taken hold the engine and its reader, and none is lost', async () => {
    const { counters } = await bothWays([manyPath, manyPath], { recordQueueBytes: 128 * 1024 })
    expect(counters).toMatchObject({ recordsDropped: 0, packets: 2 * MANY })
  })
})

describe.each([true, false])('in the middle, reader ahead: %s', (readAhead) => {
  test('a pipe that pauses: what has come is counted, then the rest', async () => {
    const fifo = join(files.directory, `pausing-${readAhead}`)
    await run('mkfifo', [fifo])
    const meter = new FlowMeter({ source: { kind: 'file', paths: [fifo], readAhead } })
    const records = (async () => {
      let count = 0
      for await (const batch of meter.records()) count += batch.count
      return count
    })()
    const writer = openSync(fifo, 'w')
    const half = 24 + ((manyFile.length - 24) / MANY) * 700
    writeSync(writer, manyFile.subarray(0, half + 5))
    await until('the packets before the pause', () => meter.counters().packets === 700)
    expect(meter.counters()).toMatchObject({ state: 'running', bytesRead: half + 5 })
    writeSync(writer, manyFile.subarray(half + 5, 2 * half - 24))
    closeSync(writer)
    expect(await records).toBe(1400)
    expect(meter.counters()).toMatchObject({ state: 'ended', packets: 1400, errors: [] })
  })

  test('stop(): the input is over, what was counted comes out, nothing is a fault', async () => {
    const fifo = join(files.directory, `endless-${readAhead}`)
    await run('mkfifo', [fifo])
    const paths = [manyPath, fifo, manyPath]
    const meter = new FlowMeter({ source: { kind: 'file', paths, readAhead } })
    const records = (async () => {
      let count = 0
      for await (const batch of meter.records()) count += batch.count
      return count
    })()
    const writer = openSync(fifo, 'w')
    // In the middle of a record, for which its reader waits.
    writeSync(writer, manyFile.subarray(0, 200))
    await until('some of the pipe', () => meter.counters().packets > MANY)
    await meter.stop()
    closeSync(writer)
    const { state, errors, packets, recordsMade, openSessions } = meter.counters()
    expect({ state, errors, openSessions }).toEqual({ state: 'ended', errors: [], openSessions: 0 })
    expect(packets).toBeLessThan(MANY + 10)
    expect(await records).toBe(recordsMade)
  })

  test('left by its reader while records wait: its threads end', async () => {
    const meter = new FlowMeter({
      source: { kind: 'file', paths: new Array(20).fill(manyPath), readAhead },
      recordQueueBytes: 128 * 1024,
    })
    for await (const batch of meter.records()) {
      expect(batch.count).toBeGreaterThan(0)
      break
    }
    const { packets } = meter.counters()
    expect(packets).toBeLessThan(20 * MANY)
  })
})
