/** pcapng: sections, interfaces, packet blocks and damage, with packets worked out by hand. */
import { describe, expect, test } from 'vitest'
import { NgBlocks } from '../../support/capture-files.js'
import { bytes, dumpFile, packetText, STATUS, sourceFiles } from '../../support/source-dump.js'

const files = sourceFiles()

describe('pcapng', () => {
  const data = bytes(61)
  for (const bigEndian of [false, true]) {
    const ng = new NgBlocks(bigEndian)
    const order = bigEndian ? 'big endian' : 'little endian'
    test(`every packet block, several interfaces and resolutions, ${order}`, async () => {
      const path = files.write(
        `ng-${bigEndian}.gz`,
        Buffer.concat([
          ng.section(),
          ng.interface(1),
          ng.interface(228, [ng.resolution(9), ng.timeOffset(1_000n)]),
          ng.interface(101, [
            { code: 2, value: Buffer.from('wg0') },
            ng.resolution(0x8a),
            ng.timeOffset(-2n),
          ]),
          ng.interface(113, [ng.resolution(3)]),
          ng.interface(12, [ng.resolution(12)]),
          ng.packet(0, 1_700_000_000_123_456n, data, 1500),
          ng.block(0x0bad, bytes(33)),
          ng.packet(
            1,
            5_000_000_007n,
            data,
            data.length,
            ng.options([{ code: 1, value: Buffer.from('comment') }]),
          ),
          ng.packet(2, 4096n + 512n, data.subarray(0, 60)),
          ng.packet(3, 77n, data.subarray(0, 1)),
          ng.packet(4, 1_234_567_899n, Buffer.alloc(0), 40),
          ng.obsoletePacket(1, 1n, data, 99),
          ng.simplePacket(data),
        ]),
      )
      expect(await dumpFile(path)).toMatchObject({
        packets: [
          packetText(1_700_000_000_123_456_000n, 1, data, 1500),
          packetText(1_005_000_000_007n, 228, data),
          packetText(2_500_000_000n, 101, data.subarray(0, 60)),
          packetText(77_000_000n, 113, data.subarray(0, 1)),
          packetText(1_234_567n, 12, Buffer.alloc(0), 40),
          packetText(1_000_000_000_001n, 228, data, 99),
          packetText('-', 1, data),
        ],
        status: STATUS.end,
      })
    })
  }

  test('sections of either byte order forget the interfaces before them', async () => {
    const little = new NgBlocks(false)
    const big = new NgBlocks(true)
    const path = files.write(
      'sections',
      Buffer.concat([
        little.section(),
        little.interface(1),
        little.packet(0, 1n, data),
        big.section(),
        big.interface(228, [big.resolution(9)]),
        big.packet(0, 2n, data),
        little.section(),
        little.interface(101),
        little.packet(0, 3n, data),
      ]),
    )
    expect((await dumpFile(path)).packets).toEqual([
      packetText(1000n, 1, data),
      packetText(2n, 228, data),
      packetText(3000n, 101, data),
    ])
  })

  test("a simple packet is cut to the interface's snaplen, and by its own length", async () => {
    const ng = new NgBlocks()
    const cut = Buffer.concat([
      ng.section(),
      ng.interface(101, [], 20),
      ng.simplePacket(data.subarray(0, 40), 900),
    ])
    expect((await dumpFile(files.write('spb-cut', cut))).packets).toEqual([
      packetText('-', 101, data.subarray(0, 20), 900),
    ])
    const whole = Buffer.concat([
      ng.section(),
      ng.interface(101),
      ng.simplePacket(data.subarray(0, 17), 17),
    ])
    expect((await dumpFile(files.write('spb', whole))).packets).toEqual([
      packetText('-', 101, data.subarray(0, 17)),
    ])
  })

  test('blocks far longer than the buffer are skipped, or read where they matter', async () => {
    const ng = new NgBlocks()
    const comments = Array.from({ length: 20 }, () => ({ code: 1, value: bytes(60_000) }))
    const path = files.write(
      'blocks',
      Buffer.concat([
        ng.section(),
        ng.interface(101, [...comments, ng.resolution(9)]),
        ng.packet(0, 1n, data),
        ng.block(0x0a, bytes(3_000_001)),
        ng.packet(0, 2n, data, data.length, ng.options(comments)),
        ng.block(5, bytes(8)),
        ng.packet(0, 3n, data),
      ]),
    )
    expect(await dumpFile(path)).toMatchObject({
      packets: [packetText(1n, 101, data), packetText(2n, 101, data), packetText(3n, 101, data)],
      status: STATUS.end,
    })
  })

  test('times beyond 64 bits of nanoseconds stay at the end of what they hold', async () => {
    const ng = new NgBlocks()
    const path = files.write(
      'times',
      Buffer.concat([
        ng.section(),
        ng.interface(101, [ng.resolution(0)]),
        ng.interface(101, [ng.timeOffset(-(2n ** 63n))]),
        ng.interface(101, [ng.resolution(0xbf)]),
        ng.packet(0, 2n ** 64n - 1n, data),
        ng.packet(1, 0n, data),
        ng.packet(2, 2n ** 64n - 1n, data),
      ]),
    )
    expect((await dumpFile(path)).packets.map((one) => one.split(' ')[0])).toEqual([
      '9223372036854775807',
      '-9223372036854775807',
      '1999999999',
    ])
  })

  const ng = new NgBlocks()
  const head = Buffer.concat([ng.section(), ng.interface(101), ng.packet(0, 1n, data)])
  const patched = (block: Buffer, at: number, value: number) => {
    const copy = Buffer.from(block)
    copy.writeUInt32LE(value, at)
    return copy
  }
  const packet = ng.packet(0, 2n, data)
  const damages: [string, Buffer, RegExp][] = [
    ['a block of length 0', patched(packet, 4, 0), /claims to be 0 bytes/],
    ['a packet block too short for its header', ng.block(6, bytes(16)), /claims to be 28 bytes/],
    ['a packet block of 2 GiB', patched(packet, 4, 0x7fff_fffc), /claims to be 2147483644 bytes/],
    [
      'another length at the end',
      patched(packet, packet.length - 4, 100),
      /not repeated at its end/,
    ],
    [
      'another length at the end of a skipped block',
      patched(ng.block(9, bytes(400_000)), 400_008, 1),
      /not repeated/,
    ],
    ['more captured than the block holds', patched(packet, 20, 62 + 3), /claims 65 captured bytes/],
    [
      'an interface that nobody described',
      ng.packet(1, 2n, data),
      /of interface 1, and the section has described 1/,
    ],
    [
      'a simple packet in a section without interfaces',
      Buffer.concat([ng.section(), ng.simplePacket(data)]),
      /of interface 0/,
    ],
    [
      'a resolution that no 64-bit time can have',
      ng.interface(1, [ng.resolution(20)]),
      /options are damaged/,
    ],
    [
      'an option longer than its block',
      patched(ng.interface(1, [ng.resolution(6)]), 16, 0x0040_0001),
      /options are damaged/,
    ],
    ['a section of version 2', ng.section(2), /pcapng version is 2/],
    ['a section without byte-order magic', patched(ng.section(), 8, 0), /no byte-order magic/],
  ]
  test.each(damages)('damage: %s', async (name, block, message) => {
    const path = files.write(name.replaceAll(/\W/g, '-'), Buffer.concat([head, block, packet]))
    const dump = await dumpFile(path)
    expect(dump).toMatchObject({
      packets: [packetText(1000n, 101, data)],
      status: STATUS.damaged,
      code: 'FILE_DAMAGED',
    })
    expect(dump.message).toMatch(message)
    const inside = name.startsWith('a simple packet') ? ng.section().length : 0
    expect(dump.byteOffset).toBe(head.length + inside)
  })

  test('a block length that leaves out the padding', async () => {
    const odd = Buffer.from(packet)
    odd.writeUInt32LE(packet.length - 3, 4)
    odd.writeUInt32LE(packet.length - 3, packet.length - 4)
    const dump = await dumpFile(files.write('odd', Buffer.concat([head, odd, packet])))
    expect(dump).toMatchObject({ status: STATUS.end, code: 'OK' })
    expect(dump.packets).toHaveLength(3)
  })
})
