import { describe, expect, test } from 'vitest'
import {
  ntpTime,
  recordMessages,
  recordOf,
  recordsIn,
  stamp,
  templateMessage,
} from '../../../src/meter/ipfix/encode.js'
import { IpfixExporter } from '../../../src/meter/ipfix/exporter.js'
import { ipfixPlace } from '../../../src/meter/ipfix/place.js'
import { IpfixStream } from '../../../src/meter/ipfix/stream.js'
import { aSession } from '../../support/sessions.js'

/** Written out by hand from RFC 7011, section 3, RFC 5103 and the table in docs/outputs.md. */
const hex = (text: string) => text.replaceAll(/#.*$|\s/gm, '')

const ELEMENTS_BEFORE = '0098 0008  0099 0008  009a 0008  009b 0008'
const ELEMENTS_AFTER = `
  0007 0002  000b 0002  0004 0001
  0001 0008  8001 0008 00007279   # 29305
  0002 0008  8002 0008 00007279
  0006 0002  8006 0002 00007279
  00e7 0008  00e8 0008  0088 0001  00ef 0001`
const TEMPLATES = `
  0002 00bc                       # set 2, 4 + 2 * 92 bytes
  0100 0013 ${ELEMENTS_BEFORE}  0008 0004  000c 0004 ${ELEMENTS_AFTER}
  0101 0013 ${ELEMENTS_BEFORE}  001b 0010  001c 0010 ${ELEMENTS_AFTER}`
const RECORD = `
  0000018bcfe568fa                # 1700000000250 ms
  0000018bcfe572be                # 1700000002750 ms
  e8fe6f80 40000000               # 1700000000 + 2208988800 s, 250,000 us
  e8fe6f82 c020b800               # 750,499 us, up to the next 2048
  0a080002  c0a8070a              # 10.8.0.2, 192.168.7.10
  c350  01bb  06                  # 50000, 443, TCP
  00000000000004d2  000000000000ddd5
  000000000000000c  0000000000000030
  001b  001b
  0000000000000262  000000000000d415
  03  01                          # endOfFlowDetected, the source is the initiator`

describe('IPFIX', () => {
  test('templates are the bytes of the RFC', () => {
    const message = templateMessage()
    stamp(message, { nowMs: 1_700_000_003_999, sequence: 0, domainId: 7 })
    const want = `000a 00cc 65 53 f1 03 00000000 00000007 ${TEMPLATES}`
    expect(message.toString('hex')).toBe(hex(want))
  })

  test('a record is the bytes of the RFC', () => {
    const [message] = recordMessages([aSession()], 1400)
    stamp(message!, { nowMs: 1_700_000_003_999, sequence: 2 ** 32 + 3, domainId: 7 })
    const want = `000a 0077 6553f103 00000003 00000007  0100 0067 ${RECORD}`
    expect(message!.toString('hex')).toBe(hex(want))
  })

  test('IPv6 has its own template, with addresses of 16 bytes', () => {
    const { template, bytes } = recordOf(aSession({ sourceIp: 'fd00::2', destIp: 'fd00::1:5' }))
    expect([template, bytes.length]).toEqual([257, 123])
    expect(bytes.subarray(32, 64).toString('hex')).toBe(
      'fd000000000000000000000000000002fd000000000000000000000000010005',
    )
  })

  test.each([0, 1, 250_000, 499_999, 750_499, 999_999])('%i µs come back from NTP’s time', (us) => {
    const time = ntpTime(1_700_000_000_000_000 + us)
    expect(Number(((time & 0xffffffffn) * 1_000_000n) >> 32n)).toBe(us)
    expect(time & 2047n).toBe(0n)
  })

  test('messages stay below their bound, and split sets by family', () => {
    const v6 = aSession({ sourceIp: 'fd00::2', destIp: 'fd00::1' })
    const given = [aSession(), aSession(), v6, aSession(), v6, v6, v6, v6, v6]
    const made = recordMessages(given, 500)
    expect(made.map((m) => m.readUInt16BE(2)).every((n) => n <= 500)).toBe(true)
    expect(made.map((m) => m.length)).toEqual(made.map((m) => m.readUInt16BE(2)))
    const records = made.map((message) => {
      let count = 0
      for (let at = 16; at < message.length; at += message.readUInt16BE(at + 2))
        count += (message.readUInt16BE(at + 2) - 4) / (message.readUInt16BE(at) === 256 ? 99 : 123)
      return count
    })
    expect(records.reduce((a, b) => a + b, 0)).toBe(given.length)
    expect(made.map(recordsIn)).toEqual(records)
    expect(recordsIn(templateMessage())).toBe(0)
  })

  test.each([
    [true, 3],
    [false, 1],
  ])(
    'templates go first; where the way loses (%s) again after a minute, also by a clock that was set back',
    async (isLossy, times) => {
      const sets: number[] = []
      const sequences: number[] = []
      let nowMs = 0
      const transport = {
        messageBytesMax: 1400,
        isLossy,
        write: async (bytes: Uint8Array) => {
          sets.push(Buffer.from(bytes).readUInt16BE(16))
          sequences.push(Buffer.from(bytes).readUInt32BE(8))
        },
        close: async () => undefined,
      }
      const exporter = new IpfixExporter(new IpfixStream(transport, 1, () => nowMs))
      for (const ms of [3600_000, 3659_999, 3660_000, 0]) {
        nowMs = ms
        exporter.add(aSession())
        exporter.add(aSession({ endReason: 'activeTimeout' }))
        await exporter.flush()
      }
      expect(sets[0]).toBe(2)
      expect(sets.filter((id) => id === 2)).toHaveLength(times)
      expect(sets.filter((id) => id === 256)).toHaveLength(4)
      expect(exporter.written).toBe(4)
      expect(sequences).toEqual(isLossy ? [0, 0, 1, 2, 2, 3, 3] : [0, 0, 1, 2, 3])
    },
  )
})

describe('the place', () => {
  test.each([
    ['collector:4739', { kind: 'udp', host: 'collector', port: 4739 }],
    ['tcp://10.0.0.1:4739', { kind: 'tcp', host: '10.0.0.1', port: 4739 }],
    ['tls://[fd00::1]:4740', { kind: 'tls', host: 'fd00::1', port: 4740 }],
    ['/var/log/site.ipfix', { kind: 'file', path: '/var/log/site.ipfix' }],
    ['site.ipfix', { kind: 'file', path: 'site.ipfix' }],
  ])('%s', (given, place) => expect(ipfixPlace(given)).toEqual(place))

  test.each(['http://x:1', 'udp://x', 'x:0', 'x:65536', '-'])('%s is refused', (given) => {
    expect(() => ipfixPlace(given)).toThrow(/--ipfix .*(expected|name a file)/)
  })
})
