import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AppError } from '../../../src/base/errors.js'
import type { WireGuardDevice, WireGuardPeer } from '../../../src/meter/wireguard/device.js'
import { buildRequest, textAttribute } from '../../../src/meter/wireguard/netlink.js'
import { DeviceAnswer } from '../../../src/meter/wireguard/netlink-device.js'
import {
  attribute,
  DONE,
  DUMP_INTERRUPTED,
  ERROR,
  endpoint4,
  endpoint6,
  genericHeader,
  i32,
  MULTI,
  message,
  nested,
  peerAttribute,
  u16,
  u32,
  zeroTerminated,
} from '../../support/netlink-messages.js'

const FAMILY = 0x1c
const SEQUENCE = 2
const PRIVATE_KEY = Buffer.alloc(32, 0x5e)
const PRESHARED_KEY = Buffer.alloc(32, 0xa7)
const keyOf = (byte: number) => Buffer.alloc(32, byte)
const IP6 = [0xfd, 0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x11]

const device = (...payload: Buffer[]) => message(FAMILY, MULTI, SEQUENCE, genericHeader, ...payload)
const done = (errno = 0) => message(DONE, MULTI, SEQUENCE, i32(-errno))

/** A dump in three datagrams: the second peer's allowed IPs go on in the second message, after other peers none. */
const dump = () => [
  device(
    attribute(6, u16(51820)),
    attribute(7, u32(0)),
    attribute(1, u32(4)),
    attribute(2, zeroTerminated('wg0')),
    attribute(3, PRIVATE_KEY),
    attribute(4, keyOf(1)),
    nested(
      8,
      peerAttribute({
        publicKey: keyOf(2),
        presharedKey: PRESHARED_KEY,
        endpoint: endpoint4([198, 51, 100, 11], 33420),
        handshakeSeconds: 1795390430,
        rxBytes: 2 ** 40 + 5,
        txBytes: 148,
        allowedIps: [
          [[100, 90, 128, 11], 32],
          [IP6, 128],
        ],
      }),
      peerAttribute({
        publicKey: keyOf(3),
        presharedKey: Buffer.alloc(32),
        endpoint: endpoint6([0xfe, 0x80, ...Array(13).fill(0), 9], 51820, 7),
        handshakeSeconds: 0,
        rxBytes: 0,
        txBytes: 0,
        allowedIps: [[[10, 44, 0, 0], 16]],
      }),
    ),
  ),
  device(
    nested(
      8,
      peerAttribute({
        publicKey: keyOf(3),
        allowedIps: [
          [[0, 0, 0, 0], 0],
          [Array(16).fill(0), 0],
        ],
      }),
      peerAttribute({
        publicKey: keyOf(4),
        presharedKey: Buffer.alloc(32),
        handshakeSeconds: 0,
        rxBytes: 0,
        txBytes: 0,
      }),
    ),
  ),
  done(),
]

const EXPECTED = {
  interfaceName: 'wg0',
  kind: 'kernel',
  publicKey: keyOf(1).toString('base64'),
  listenPort: 51820,
  peers: [
    {
      publicKey: keyOf(2).toString('base64'),
      endpoint: '198.51.100.11:33420',
      allowedIps: ['100.90.128.11/32', 'fd90::11/128'],
      lastHandshakeSeconds: 1795390430,
      rxBytes: 2 ** 40 + 5,
      txBytes: 148,
    },
    {
      publicKey: keyOf(3).toString('base64'),
      endpoint: '[fe80::9%7]:51820',
      allowedIps: ['10.44.0.0/16', '0.0.0.0/0', '::/0'],
      lastHandshakeSeconds: null,
      rxBytes: 0,
      txBytes: 0,
    },
    {
      publicKey: keyOf(4).toString('base64'),
      endpoint: null,
      allowedIps: [],
      lastHandshakeSeconds: null,
      rxBytes: 0,
      txBytes: 0,
    },
  ],
}

describe('a dump', () => {
  test('in several datagrams, peers and allowed IPs split over them', () => {
    const answer = new DeviceAnswer('wg0')
    const ends = dump().map((datagram) => answer.add(datagram, SEQUENCE))
    expect(ends.map((end) => end.done)).toEqual([false, false, true])
    expect(answer.device()).toEqual(EXPECTED)
  })

  test('in one datagram', () => {
    const answer = new DeviceAnswer('wg0')
    expect(answer.add(Buffer.concat(dump()), SEQUENCE)).toEqual({
      done: true,
      errno: 0,
      interrupted: false,
    })
    expect(answer.device()).toEqual(EXPECTED)
  })

  test('keeps no private key: bytes are overwritten, nothing is copied', () => {
    const answer = new DeviceAnswer('wg0')
    for (const datagram of dump()) {
      answer.add(datagram, SEQUENCE)
      expect(datagram.every((byte) => byte === 0)).toBe(true)
    }
    const text = JSON.stringify(answer.device())
    for (const key of [PRIVATE_KEY, PRESHARED_KEY])
      for (const form of ['base64', 'hex', 'latin1'] as const)
        expect(text).not.toContain(key.toString(form))
  })

  test('overwrites the bytes when it throws, too', () => {
    const [first] = dump()
    const cut = first!.subarray(0, first!.length - 3)
    expect(() => new DeviceAnswer('wg0').add(cut, SEQUENCE)).toThrow(AppError)
    expect(cut.every((byte) => byte === 0)).toBe(true)
  })

  test('an error, with its number', () => {
    const answer = new DeviceAnswer('wg0')
    expect(
      answer.add(message(ERROR, 0, SEQUENCE, i32(-95), Buffer.alloc(16)), SEQUENCE),
    ).toMatchObject({ done: true, errno: 95 })
    expect(answer.add(done(19), SEQUENCE)).toMatchObject({ done: true, errno: 19 })
  })

  test('an interrupted dump says so; answers to others are passed over', () => {
    const answer = new DeviceAnswer('wg0')
    const other = message(FAMILY, MULTI, SEQUENCE + 1, genericHeader, attribute(6, u16(1)))
    const interrupted = message(
      FAMILY,
      MULTI | DUMP_INTERRUPTED,
      SEQUENCE,
      genericHeader,
      attribute(6, u16(2)),
    )
    expect(answer.add(Buffer.concat([interrupted, other]), SEQUENCE)).toEqual({
      done: false,
      errno: 0,
      interrupted: true,
    })
    expect(answer.device().listenPort).toBe(2)
  })
})

describe('as the kernel gave it (Linux 6.1, scripts/kernel-e2e.sh)', () => {
  const directory = join(import.meta.dirname, 'recorded')
  const { sequence, peers: shown } = JSON.parse(
    readFileSync(join(directory, 'kernel.json'), 'utf8'),
  )
  const datagrams = (): Buffer[] => {
    const bytes = readFileSync(join(directory, 'kernel.netlink'))
    const found: Buffer[] = []
    for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32LE(at))
      found.push(Buffer.from(bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at))))
    return found
  }
  const sorted = (peers: WireGuardDevice['peers']) =>
    peers.map((peer) => ({ ...peer, allowedIps: [...peer.allowedIps].sort() }))

  test('peers, allowed IPs, endpoints, counters are those that wg showed', () => {
    const answer = new DeviceAnswer('wg0')
    const ends = datagrams().map((datagram) => answer.add(datagram, sequence).done)
    expect(ends).toEqual([...ends.slice(1).map(() => false), true])
    const device = answer.device()
    expect(sorted(device.peers)).toEqual(sorted(shown))
    expect(device).toMatchObject({ kind: 'kernel', interfaceName: 'wg0', listenPort: 51820 })
  })

  test('a peer is split over the messages: the record holds what it is for', () => {
    const alone = datagrams().map((datagram) => {
      const answer = new DeviceAnswer('wg0')
      answer.add(datagram, sequence)
      return answer.device().peers.map((peer) => peer.publicKey)
    })
    expect(alone.length).toBeGreaterThan(2)
    const split = shown.find((peer: WireGuardPeer) => peer.allowedIps.length > 100).publicKey
    expect(alone.filter((keys) => keys.includes(split)).length).toBeGreaterThan(1)
  })

  test('any damage to it is an error or another device, never a crash', () => {
    const whole = datagrams()
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(), fc.nat(255), fc.nat())
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), fc.nat(50), (changes, cut) => {
        const damaged = whole.map((datagram) => Buffer.from(datagram))
        for (const [i, at, byte] of changes) damaged[i]![at % damaged[i]!.length] = byte
        const last = damaged.length - 1
        damaged[last] = damaged[last]!.subarray(0, Math.max(0, damaged[last]!.length - cut))
        const answer = new DeviceAnswer('wg0')
        try {
          for (const datagram of damaged) answer.add(datagram, sequence)
        } catch (error) {
          expect(error).toBeInstanceOf(AppError)
        }
        for (const peer of answer.device().peers) expect(peer.publicKey).toHaveLength(44)
      }),
      { numRuns: 200 },
    )
  })
})

describe('a bad answer is an error, never a read beyond it', () => {
  const bad = (bytes: Buffer) => {
    try {
      new DeviceAnswer('wg0').add(bytes, SEQUENCE)
      return 'none'
    } catch (error) {
      return error instanceof AppError ? error.code : String(error)
    }
  }
  for (const [name, bytes] of [
    ['a message that is longer than the datagram', device().fill(0xff, 0, 4)],
    ['a message that is shorter than its header', device().fill(0, 0, 4)],
    ['an attribute that is too long', device(Buffer.from([200, 0, 6, 0, 1, 1, 0, 0]))],
    ['an attribute that is shorter than its header', device(Buffer.from([3, 0, 6, 0, 1, 1, 0, 0]))],
    ['a short key', device(attribute(4, Buffer.alloc(31)))],
    ['a port of three bytes', device(attribute(6, Buffer.alloc(3)))],
    ['a peer without a key', device(nested(8, nested(0, attribute(7, Buffer.alloc(8)))))],
    [
      'an allowed IP that is too long',
      device(nested(8, peerAttribute({ publicKey: keyOf(1), allowedIps: [[[1, 2, 3, 4], 33]] }))),
    ],
    [
      'an endpoint of an unknown family',
      device(nested(8, peerAttribute({ publicKey: keyOf(1), endpoint: Buffer.alloc(16, 9) }))),
    ],
  ] as const)
    test(name, () => {
      expect(bad(bytes)).toBe('NETLINK_BAD_ANSWER')
    })

  test('any bytes, and any damage to a good answer', () => {
    const good = Buffer.concat(dump())
    const damaged = fc
      .tuple(
        fc.nat(good.length),
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }),
      )
      .map(([length, changes]) => {
        const bytes = Buffer.from(good)
        for (const [at, byte] of changes) bytes[at] = byte
        return bytes.subarray(0, length)
      })
    const any = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.oneof(any, damaged), (bytes) => {
        expect(['none', 'NETLINK_BAD_ANSWER']).toContain(bad(bytes))
        expect(bytes.every((byte) => byte === 0)).toBe(true)
      }),
      { numRuns: 5000 },
    )
  })
})

test('a request, byte for byte', () => {
  const request = buildRequest({
    family: 0x1c,
    command: 0,
    version: 1,
    sequence: 7,
    dump: true,
    attributes: textAttribute(2, 'wg0'),
  })
  expect(request.toString('hex')).toBe(
    '1c0000001c00010307000000000000000001000008000200' + '77673000',
  )
})
