/** Classic pcap: every variant, with packets worked out by hand. */
import { describe, expect, test } from 'vitest'
import {
  MAGIC,
  type PcapOptions,
  pcapFile,
  pcapHeader,
  pcapRecord,
} from '../../support/capture-files.js'
import {
  bytes,
  dumpFile,
  packetText,
  STATUS,
  sourceFiles,
  twinLines,
} from '../../support/source-dump.js'

const files = sourceFiles()

describe('classic pcap', () => {
  const data = bytes(45)
  const record = { seconds: 1_700_000_000, fraction: 123_456, data, wire: 1500 }
  const micro = 1_700_000_000_123_456_000n
  const nano = 1_700_000_000_000_123_456n
  const cases: [string, PcapOptions, bigint][] = [
    ['microseconds', {}, micro],
    ['microseconds, big endian', { bigEndian: true }, micro],
    ['nanoseconds', { magic: MAGIC.nano }, nano],
    ['nanoseconds, big endian', { magic: MAGIC.nano, bigEndian: true }, nano],
    ['Kuznetzov', { magic: MAGIC.kuznetzov }, micro],
    ['Kuznetzov, big endian', { magic: MAGIC.kuznetzov, bigEndian: true }, micro],
    ['version 2.2: lengths the other way round', { version: [2, 2] }, micro],
    ['version 2.3', { version: [2, 3] }, micro],
    ['frame check sequence in the link field', { linkField: 0x5400_0065 }, micro],
    ['a snaplen that lies', { snaplen: 4 }, micro],
  ]
  test.each(cases)('%s', async (name, options, ns) => {
    const path = files.write(
      `${name.replaceAll(/\W/g, '-')}.bin`,
      pcapFile([record, record], options),
    )
    const want = packetText(ns, 101, data, 1500)
    expect(await dumpFile(path)).toMatchObject({
      packets: [want, want],
      status: STATUS.end,
      code: 'OK',
    })
  })

  test('version 2.3 with the lengths the other way round', async () => {
    const swapped = { ...record, captured: 1500, wire: data.length }
    const path = files.write('v23', pcapFile([swapped], { version: [2, 3] }))
    expect((await dumpFile(path)).packets).toEqual([packetText(micro, 101, data, 1500)])
  })

  test('a fraction of a second or more is held at the most that it can be', async () => {
    const far = [
      { seconds: 10, fraction: 1_000_000, data },
      { seconds: 10, fraction: 0x8000_0000, data },
    ]
    const micro = await dumpFile(files.write('clamp', pcapFile(far)))
    expect(micro.packets).toEqual([
      packetText(10_999_999_999n, 101, data),
      packetText(10_999_999_999n, 101, data),
    ])
    const nanos = [999_999_999, 1_000_000_000].map((fraction) => ({ seconds: 10, fraction, data }))
    const nano = await dumpFile(files.write('clamp-ns', pcapFile(nanos, { magic: MAGIC.nano })))
    expect(nano.packets).toEqual([
      packetText(10_999_999_999n, 101, data),
      packetText(10_999_999_999n, 101, data),
    ])
  })

  test('seconds are unsigned; an unassigned link type stays unknown', async () => {
    const path = files.write(
      'far',
      pcapFile([{ seconds: 0xffff_ffff, data }], { linkField: 0x0001_0065 }),
    )
    expect((await dumpFile(path)).packets).toEqual([
      packetText(4_294_967_295_000_000_000n, 65_535, data),
    ])
  })

  test('no packets', async () => {
    expect(await dumpFile(files.write('none', pcapHeader()))).toMatchObject({
      packets: [],
      status: STATUS.end,
    })
  })

  test('records of every size pass the borders of the buffer', async () => {
    const sizes = Array.from({ length: 4000 }, (_, i) => (i * i) % 1700)
    sizes.push(262_144, 0, 200_000, 262_144, 262_144, 1)
    const path = files.write(
      'sizes',
      pcapFile(sizes.map((size, i) => ({ fraction: i, data: bytes(size, i) }))),
    )
    const twin = twinLines(path)
    expect(twin.packets).toHaveLength(sizes.length)
    expect(await dumpFile(path)).toMatchObject({ packets: twin.packets, status: STATUS.end })
  })

  test('a packet longer than any is damage, with its offset, and what came before is kept', async () => {
    // The longest packet that there can be makes the buffer large enough for the one that is too long, and the next
    // one ends where that buffer does, so that the one too long is whole when it is first seen.
    const longest = bytes(262_144)
    const filler = bytes(262_112)
    const good = pcapFile([record, { data: longest }, { data: filler }])
    const path = files.write('long', Buffer.concat([good, pcapRecord({ data: bytes(262_145) })]))
    expect(await dumpFile(path)).toMatchObject({
      packets: [
        packetText(micro, 101, data, 1500),
        packetText(0n, 101, longest),
        packetText(0n, 101, filler),
      ],
      status: STATUS.damaged,
      code: 'FILE_DAMAGED',
      byteOffset: good.length,
      message: expect.stringMatching(/byte 524373: a packet claims 262145 captured bytes/),
    })
  })

  test('an unknown version', async () => {
    const path = files.write('version', pcapFile([record], { version: [3, 0] }))
    expect(await dumpFile(path)).toMatchObject({
      packets: [],
      status: STATUS.damaged,
      code: 'FILE_DAMAGED',
      byteOffset: 0,
    })
  })
})
