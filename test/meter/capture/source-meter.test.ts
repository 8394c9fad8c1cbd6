/** The sources behind FlowMeter: several files, damage, waiting and stopping, a live interface's errors. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FlowMeter } from '../../../src/meter/capture/flow-meter.js'
import { run, until } from '../../support/lab.js'
import { ScratchFiles } from '../../support/source-dump.js'

const SITE = new URL('../../../fixtures/wireguard/site.pcap', import.meta.url).pathname
const EXPECTED = new URL('../../../fixtures/wireguard/expected.json', import.meta.url).pathname

const files = new ScratchFiles()
afterAll(() => files.remove())

/** Reads files to their end; how many final records came out, and the counters. */
async function read(paths: readonly string[]) {
  const meter = new FlowMeter({ source: { kind: 'file', paths }, activeTimeoutMs: 0 })
  let records = 0
  for await (const batch of meter.records()) records += batch.count
  return { records, counters: meter.counters() }
}

describe('files', () => {
  test("plain and gzip'd give the same, and progress is in bytes as stored", async () => {
    const packed = files.write('site.gz', gzipSync(readFileSync(SITE)))
    const plain = await read([SITE])
    const inflated = await read([packed])
    expect(plain.records).toBe(JSON.parse(readFileSync(EXPECTED, 'utf8')).sessions.length)
    expect(plain.counters).toMatchObject({
      state: 'ended',
      errors: [],
      bytesRead: statSync(SITE).size,
    })
    expect(plain.counters.bytesTotal).toBe(statSync(SITE).size)
    const bytes = statSync(packed).size
    expect(inflated).toEqual({
      records: plain.records,
      counters: { ...plain.counters, bytesRead: bytes, bytesTotal: bytes },
    })
  })

  test('damaged, missing and good files: what is good comes out, and every fault is told', async () => {
    const whole = readFileSync(SITE)
    const cut = files.write('cut.pcap', whole.subarray(0, whole.length - 1))
    const text = files.write('text.pcap', Buffer.from('no capture'))
    const missing = join(files.directory, 'missing.pcap')
    const good = await read([SITE])
    const all = await read([cut, missing, text, SITE])
    expect(all.counters.packets).toBe(2 * good.counters.packets - 1)
    expect(all.counters.state).toBe('damaged')
    expect(all.counters.errors).toMatchObject([
      {
        file: 0,
        code: 'FILE_TRUNCATED',
        message: expect.stringContaining('cut.pcap ends in the middle'),
      },
      { file: 1, code: 'FILE_MISSING', byteOffset: 0 },
      { file: 2, code: 'NOT_A_CAPTURE', byteOffset: 0 },
    ])
    // The last record begins less than a whole packet before the end.
    const offset = all.counters.errors[0]!.byteOffset
    expect(offset).toBeLessThan(whole.length)
    expect(offset).toBeGreaterThan(whole.length - 16 - 128 - 1)
  })

  test('nothing that can be read: failed', async () => {
    const { records, counters } = await read([join(files.directory, 'missing.pcap')])
    expect(records).toBe(0)
    expect(counters).toMatchObject({
      state: 'failed',
      packets: 0,
      errors: [{ code: 'FILE_MISSING' }],
    })
  })

  test('a FIFO that nobody writes to does not keep a meter from stopping', async () => {
    const fifo = join(files.directory, 'silent')
    await run('mkfifo', [fifo])
    const meter = new FlowMeter({ source: { kind: 'file', paths: [fifo] } })
    const records = meter.records()[Symbol.asyncIterator]()
    const first = records.next()
    // Opening for writing succeeds only once the meter has opened it for reading.
    openSync(fifo, 'w')
    await meter.stop()
    expect((await first).done).toBe(true)
    expect(meter.counters()).toMatchObject({ packets: 0, errors: [] })
  })
})

describe('live', () => {
  test('an interface that is not there', async () => {
    const meter = new FlowMeter({ source: { kind: 'live', interface: 'nope0' } })
    for await (const batch of meter.records()) expect(batch.count).toBe(0)
    expect(meter.counters()).toMatchObject({
      state: 'failed',
      errors: [
        { code: 'INTERFACE_MISSING', message: expect.stringMatching(/There are: .*\blo\b/) },
      ],
    })
  })

  const isRoot = process.getuid?.() === 0
  describe.skipIf(!isRoot)(`on loopback${isRoot ? '' : ' (skipped: needs root)'}`, () => {
    const socket = createSocket('udp4')
    let port = 0
    beforeAll(async () => {
      socket.bind(0, '127.0.0.1')
      await once(socket, 'listening')
      port = socket.address().port
    })
    afterAll(() => socket.close())

    test('packets are metered, and those of the last moment are not lost', async () => {
      const meter = new FlowMeter({
        source: { kind: 'live', interface: 'lo', filter: `udp dst port ${port}` },
      })
      const records: { bytes: number; packets: number; end: string }[] = []
      const reading = (async () => {
        for await (const batch of meter.records()) {
          for (const one of batch) {
            records.push({ bytes: one.bytesTx, packets: one.packetsTx, end: one.endReason })
          }
        }
      })()
      const send = (text: string) =>
        new Promise((sent) => socket.send(text, port, '127.0.0.1', sent))
      // Whether it has opened is seen by the first packet that it counts.
      await until('the first packet', async () => {
        await send('12345')
        return meter.counters().packets > 0
      })
      for (let i = 0; i < 50; i++) await send('12345')
      // All are 33 octets but the last: when that is counted, every one is.
      await send('123456')
      await until('the last packet', () => meter.counters().bytes % 33 === 1)
      await meter.stop()
      await reading
      const { packets, kernelReceived, kernelDropped, state } = meter.counters()
      expect({ state, kernelDropped }).toEqual({ state: 'ended', kernelDropped: 0 })
      expect(packets).toBeGreaterThan(51)
      // Each of a loopback packet's two appearances passes the filter; libpcap gives us one.
      expect(kernelReceived).toBe(2 * packets)
      expect(records).toEqual([{ packets, bytes: packets * 33 + 1, end: 'forcedEnd' }])
    })
  })
})
