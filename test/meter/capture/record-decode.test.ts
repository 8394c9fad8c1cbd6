import { isIPv6 } from 'node:net'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nativeEngineOptions, packPrefixes } from '../../../src/meter/capture/engine-options.js'
import { RecordReader } from '../../../src/meter/capture/record-decode.js'
import { RECORD_BYTES, RECORD_OFFSETS } from '../../../src/meter/capture/record-layout.js'
import { ipBytes } from '../../../src/session/ip-bytes.js'
import { formatIpv6 } from '../../../src/session/ip-text.js'

const text = (ip: string): string => formatIpv6(Uint8Array.from(ipBytes(ip)), 0)

describe('record decode', () => {
  test.each([
    ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['fe80::', 'fe80::'],
    ['2001:db8:0:0:1:0:0:0', '2001:db8:0:0:1::'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('RFC 5952: %s', (ip, expected) => {
    expect(text(ip)).toBe(expected)
  })

  test('addresses come back as they were', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        // Many zero groups, or the short forms are never tried.
        const sparse = bytes.map((byte, i) => (bytes[i & 14]! % 2 ? byte : 0))
        const ip = formatIpv6(sparse, 0)
        expect(isIPv6(ip)).toBe(true)
        expect(ipBytes(ip)).toEqual([...sparse])
      }),
    )
  })

  test('64-bit numbers are exact up to 2^53, times also before 1970', () => {
    const record = new DataView(new ArrayBuffer(RECORD_BYTES))
    record.setBigUint64(RECORD_OFFSETS.bytesTx, 2n ** 53n - 1n, true)
    record.setBigUint64(RECORD_OFFSETS.sequence, 2n ** 32n + 5n, true)
    record.setBigInt64(RECORD_OFFSETS.startTimeUs, -1n, true)
    const reader = new RecordReader(new Uint8Array(record.buffer)).move(0)
    expect(reader.bytesTx).toBe(Number.MAX_SAFE_INTEGER)
    expect(reader.sequence).toBe(2 ** 32 + 5)
    expect(reader.startTimeUs).toBe(-1)
  })
})

describe('engine options', () => {
  test.each([
    ['flowsMax', { flowsMax: 0 }],
    ['flowsMax', { flowsMax: 1.5 }],
    ['fragmentsMax', { fragmentsMax: -1 }],
    ['lingerMs', { lingerMs: Number.NaN }],
    ['activeTimeoutMs', { activeTimeoutMs: 1e15 }],
  ])('%s out of range is refused', (name, options) => {
    expect(() => nativeEngineOptions(options)).toThrow(name)
  })

  test.each(['10.0.0.0/33', 'fd00::/129', '10.0.0', '10.0.0.0/8/8', '10.0.0.0/-1', 'x'])(
    'prefix %s is refused',
    (prefix) => {
      expect(() => packPrefixes([prefix])).toThrow(/not an IP address or prefix/)
    },
  )
})
