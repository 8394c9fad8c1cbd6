import { isIP, SocketAddress } from 'node:net'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAddress, parsePrefix } from '../../src/session/address.js'
import { ipText } from '../../src/session/ip-text.js'

function bytesOf(text: string): { family: number; bytes: number[] } {
  const words = new Uint32Array(4)
  const family = parseAddress(text, words)
  const count = family === 4 ? 1 : family === 6 ? 4 : 0
  const view = new DataView(new ArrayBuffer(16))
  for (const [i, word] of words.entries()) view.setUint32(4 * i, word)
  return { family, bytes: [...new Uint8Array(view.buffer, 0, 4 * count)] }
}

for (const [text, bytes] of [
  ['0.0.0.0', [0, 0, 0, 0]],
  ['255.255.255.255', [255, 255, 255, 255]],
  ['100.90.128.11', [100, 90, 128, 11]],
  ['::', Array(16).fill(0)],
  ['::1', [...Array(15).fill(0), 1]],
  ['1::', [0, 1, ...Array(14).fill(0)]],
  ['fd90::11', [0xfd, 0x90, ...Array(13).fill(0), 0x11]],
  ['1:2:3:4:5:6:7:8', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
  ['1:2:3:4:5:6:7::', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0]],
  ['::2:3:4:5:6:7:8', [0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
  ['FD90::ABCD', [0xfd, 0x90, ...Array(12).fill(0), 0xab, 0xcd]],
  ['::ffff:192.0.2.1', [...Array(10).fill(0), 255, 255, 192, 0, 2, 1]],
  ['fe80::1%wg0', [0xfe, 0x80, ...Array(13).fill(0), 1]],
  ['64:ff9b::192.0.2.33%eth0', [0, 0x64, 0xff, 0x9b, ...Array(8).fill(0), 192, 0, 2, 33]],
] as const)
  test(`address: ${text}`, () => {
    expect(bytesOf(text).bytes).toEqual(bytes)
  })

for (const text of [
  '',
  '1.2.3',
  '1.2.3.4.5',
  '1.2.3.256',
  '01.2.3.4',
  '1.2.3.',
  ':',
  ':::',
  '1::2::3',
  'x',
  '1.2.3.4/8',
])
  test(`address: ${JSON.stringify(text)} is none`, () => {
    expect(bytesOf(text).family).toBe(0)
  })

test('addresses agree with Node on any text', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.%]{1,40}$/)),
      (text) => {
        expect(bytesOf(text).family).toBe(isIP(text))
      },
    ),
    { numRuns: 2000 },
  )
})

test('text of an IPv6 address agrees with inet_ntop and parses back', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      (bytes, keep) => {
        // Zeros are what the rules of RFC 5952 are about, so they are made likely.
        const address = bytes.map((byte, i) => (keep[i]! < 150 ? 0 : byte))
        const text = ipText(address)
        expect(bytesOf(text).bytes).toEqual([...address])
        // inet_ntop writes IPv4-mapped and -compatible addresses with dots; RFC 5952 leaves that open.
        const ntop = new SocketAddress({ address: text, family: 'ipv6' }).address
        if (!ntop.includes('.')) expect(text).toBe(ntop)
      },
    ),
    { numRuns: 2000 },
  )
})

for (const [text, want] of [
  ['10.20.30.40/8', { family: 4, words: [0x0a000000], length: 8 }],
  ['10.20.30.40', { family: 4, words: [0x0a141e28], length: 32 }],
  ['0.0.0.0/0', { family: 4, words: [0], length: 0 }],
  ['fd90:1:2:3:4::/33', { family: 6, words: [0xfd900001, 0, 0, 0], length: 33 }],
  ['::/0', { family: 6, words: [0, 0, 0, 0], length: 0 }],
] as const)
  test(`prefix: ${text}`, () => {
    const prefix = parsePrefix(text)
    expect({ ...prefix, words: [...(prefix?.words ?? [])] }).toEqual(want)
  })

for (const text of [
  '10.0.0.0/33',
  '::/129',
  '10.0.0.0/',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  '/8',
  'x/8',
])
  test(`prefix: ${text} is none`, () => {
    expect(parsePrefix(text)).toBeNull()
  })
