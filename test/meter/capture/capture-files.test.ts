/** Files that overlap in time, merged as they are read. */
import { afterAll, expect, test } from 'vitest'
import { FlowMeter } from '../../../src/meter/capture/flow-meter.js'
import { type PcapRecord, pcapFile } from '../../support/capture-files.js'
import { ipv4, udp } from '../../support/packets.js'
import { ScratchFiles } from '../../support/source-dump.js'

const files = new ScratchFiles()
afterAll(() => files.remove())

const record = (seconds: number, port: number): PcapRecord => ({
  seconds,
  data: Uint8Array.from(
    ipv4({ from: '10.8.0.2', to: '10.0.0.9', protocol: 17 }, udp(port, 53, Array(20).fill(0))),
  ),
})

async function read(parts: readonly (readonly PcapRecord[])[], readAhead: boolean) {
  const paths = parts.map((part, i) => files.write(`part-${i}.pcap`, pcapFile(part)))
  const meter = new FlowMeter({ source: { kind: 'file', paths, readAhead }, activeTimeoutMs: 0 })
  const records = []
  for await (const batch of meter.records()) for (const one of batch) records.push(one)
  return { records, counters: meter.counters() }
}

function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

test.each([true, false])(
  'a capture dealt out to files reads as itself (read ahead: %s)',
  async (readAhead) => {
    const seed = Number(process.env.SEED ?? Date.now() % 1e6)
    const below = random(seed)
    // More than one window of 256 KiB each; every second a packet of one of five sessions that live on and off.
    const whole = Array.from({ length: 20_000 }, (_, i) =>
      record(1_764_000_000 + i, 40_000 + below(5) + 5 * Math.floor(i / 4_000)),
    )
    const parts: PcapRecord[][] = [[], [], [], []]
    for (const one of whole)
      parts[
        below(100) < 95 ? Math.floor(((one.seconds! - 1_764_000_000) / 20_000) * 4) : below(4)
      ]!.push(one)
    parts.sort((a, b) => a[0]!.seconds! - b[0]!.seconds!)
    const expected = await read([whole], readAhead)
    const merged = await read(parts, readAhead)
    expect({ seed, records: merged.records }).toEqual({ seed, records: expected.records })
    expect(merged.counters).toMatchObject({ state: 'ended', errors: [], packets: whole.length })
    expect(merged.counters.filesOverlapping).toBeGreaterThan(0)
    expect(expected.counters.filesOverlapping).toBe(0)
  },
)

test('a clock set back, or one stamp far ahead, holds no file up', async () => {
  const one = [record(1_000_000_000, 1), record(4_000_000_000, 9), record(1_000_000_004, 1)]
  const other = [record(1_000_000_001, 1), record(1_000_000_002, 1), record(1_000_000_100, 2)]
  const { records } = await read([one, other], true)
  const packets = records.map(({ sourcePort, packetsTx }) => `${sourcePort}: ${packetsTx}`)
  expect(packets.sort()).toEqual(['1: 4', '2: 1', '9: 1'])
})

test('more files at once than are merged: each beyond is named, the others are read', async () => {
  const parts = Array.from({ length: 70 }, (_, i) => [
    record(1_000_000_000 + i, i),
    record(1_000_001_000 + i, i),
  ])
  const { counters } = await read(parts, true)
  expect(counters.errors.map(({ code, file }) => [code, file])).toEqual(
    [64, 65, 66, 67, 68, 69].map((file) => ['FILES_OVERLAP', file]),
  )
  expect([counters.packets, counters.state]).toEqual([128, 'damaged'])
})
