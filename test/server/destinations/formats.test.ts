/** Events in formats that others have defined, against the schemas that they publish. */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { EcsFlat, EcsVersion } from '@elastic/ecs'
import { describe, expect, test } from 'vitest'
import { COLUMN_NAMES, testRow } from '../../../src/server/destinations/events.js'
import { FORMATS } from '../../../src/server/destinations/formats/formats.js'
import { FORMAT_NAMES, placesOf } from '../../../src/server/destinations/formats/places.js'
import type { LogRow } from '../../../src/server/store/store.js'
import { CONN_STATES } from '../../../src/session/words.js'
import { fieldTable } from '../../support/field-table.js'
import { OcsfClass } from '../../support/ocsf.js'

const START_US = Date.UTC(2026, 10, 28, 10) * 1e3 + 123_456
const ROW: LogRow = {
  ...testRow('acme', START_US),
  ...{ endTimeUs: START_US + 2_500_000, bytesTx: 1500, bytesRx: 90_000, packetsTx: 12 },
  ...{ packetsRx: 70, siteId: 3, meterId: 'gw-berlin', clientId: 7, clientName: 'laptop "ü"' },
  ...{ userId: 'u1', userName: 'Ada', userEmail: 'ada@example.org', siteResourceId: 5 },
  ...{ resourceName: 'git', siteName: 'Berlin', handshakeRttUs: 900, clientEndpoint: '[::1]:9' },
  ...{ peerPublicKey: 'k', otherClientId: 8, otherUserId: 'u2', otherClientName: 'p' },
  ...{ seenTwice: false, sessionId: '01JZ0000000000000000000001' },
}
const V6: LogRow = { ...ROW, sourceIp: 'fd00::1', destIp: 'fd00::2', protocol: 'udp' }
/** As an access log tells it: most is not known. */
const SPARSE: LogRow = {
  ...testRow('acme', START_US),
  ...{ sourcePort: 0, bytesTx: null, bytesRx: null, packetsTx: null, packetsRx: null },
  ...{ connState: null, directionBasis: null, tcpFlagsTx: null, tcpFlagsRx: null },
}
const ROWS = [ROW, V6, SPARSE, { ...ROW, interrupted: true }, { ...ROW, open: true }]

type Json = Record<string, unknown>
const written = (format: string, row: LogRow, columns: readonly string[] | null = null) =>
  JSON.parse(JSON.stringify(FORMATS[format]!(columns)(row))) as Json

/** source.ip of { source: { ip } }, with its value. */
function leaves(value: unknown, path = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]]
  return Object.entries(value).flatMap(([key, one]) => leaves(one, path ? `${path}.${key}` : key))
}

describe('ecs', () => {
  const checks: Record<string, (value: unknown) => boolean> = {
    ip: (value) => isIP(String(value)) !== 0,
    long: Number.isSafeInteger,
    date: (value) => !Number.isNaN(Date.parse(String(value))),
  }

  test.each(ROWS.map((row, i) => [i, row] as const))(
    'every field of document %i is one of the schema and has its type, or is ours',
    (_, row) => {
      const fields = EcsFlat as unknown as Record<
        string,
        {
          type: string
          normalize: string[]
          allowed_values?: { name: string; expected_event_types?: string[] }[]
        }
      >
      const event = written('ecs', row)
      for (const [path, value] of leaves(event).filter(([p]) => !p.startsWith('tunmeter.'))) {
        const field = fields[path]
        expect(field, path).toBeDefined()
        expect(Array.isArray(value), path).toBe(field!.normalize.includes('array'))
        for (const one of [value].flat()) {
          const check = checks[field!.type] ?? ((v: unknown) => typeof v === 'string')
          expect(check(one), `${path} = ${String(one)}`).toBe(true)
          const names = field!.allowed_values?.map(({ name }) => name) ?? []
          if (names.length > 0) expect(names, path).toContain(one)
        }
      }
      expect((event.ecs as Json).version).toBe(EcsVersion)
      const { expected_event_types: types } = fields['event.category']!.allowed_values!.find(
        ({ name }) => name === 'network',
      )!
      for (const type of (event.event as { type: string[] }).type) expect(types).toContain(type)
    },
  )

  test('a session, with what the schema has no field for under tunmeter', () => {
    expect(written('ecs', ROW)).toMatchObject({
      '@timestamp': '2026-11-28T10:00:02.623456Z',
      event: {
        id: ROW.sessionId,
        start: '2026-11-28T10:00:00.123456Z',
        end: '2026-11-28T10:00:02.623456Z',
        duration: 2_500_000_000,
        type: ['connection', 'end'],
      },
      source: { ip: '192.0.2.1', port: 1024, bytes: 1500, packets: 12 },
      destination: { ip: '198.51.100.1', port: 443, bytes: 90_000, packets: 70 },
      network: { transport: 'tcp', type: 'ipv4', iana_number: '6', bytes: 91_500, packets: 82 },
      user: { id: 'u1', name: 'Ada', email: 'ada@example.org' },
      organization: { id: 'acme' },
      observer: { name: 'gw-berlin', type: 'vpn' },
      related: { ip: ['192.0.2.1', '198.51.100.1'] },
      tunmeter: {
        conn_state: 'SF',
        handshake_rtt_us: 900,
        client: { id: 7, name: 'laptop "ü"' },
        resource: { id: 5, name: 'git' },
        interrupted: false,
      },
    })
  })
})

describe('ocsf', () => {
  const schema = new OcsfClass('network-activity')

  test.each(ROWS.map((row, i) => [i, row] as const))(
    'event %i has what the class needs, and nothing that it does not know',
    (_, row) => {
      const event = written('ocsf', row)
      schema.check(event)
      expect((event.metadata as Json).version).toBe(schema.version)
    },
  )

  test.each(CONN_STATES)('%s is an activity of the class', (connState) => {
    const event = written('ocsf', { ...ROW, connState })
    const expected = { S0: 4, RSTOS0: 4, REJ: 5, RSTO: 3, RSTR: 3, RSTRH: 3 } as Json
    expect(event.activity_id).toBe(expected[connState] ?? 2)
    expect(event.type_uid).toBe(400_100 + (event.activity_id as number))
  })

  test('a session, with what the class has no attribute for unmapped', () => {
    expect(written('ocsf', ROW)).toMatchObject({
      class_uid: 4001,
      category_uid: 4,
      severity_id: 1,
      time: START_US / 1e3 - 0.456 + 2500,
      duration: 2500,
      metadata: { uid: ROW.sessionId, tenant_uid: 'acme', product: { name: 'tunmeter' } },
      src_endpoint: { ip: '192.0.2.1', port: 1024 },
      dst_endpoint: { ip: '198.51.100.1', port: 443 },
      connection_info: { protocol_num: 6, protocol_name: 'tcp', protocol_ver_id: 4 },
      traffic: { bytes_out: 1500, bytes_in: 90_000, bytes: 91_500, packets: 82 },
      actor: { user: { uid: 'u1', email_addr: 'ada@example.org' } },
      unmapped: { clientId: 7, clientName: 'laptop "ü"', connState: 'SF' },
    })
    expect(written('ocsf', { ...ROW, open: true })).toMatchObject({ activity_id: 6 })
  })
})

describe('any format', () => {
  test.each(Object.keys(FORMATS))('%s has only the fields that are asked for', (format) => {
    const secret = written(format, ROW, ['sessionId', 'destAddr', 'bytesTx'])
    const text = JSON.stringify(secret)
    for (const word of ['192.0.2.1', '1024', 'Ada', 'u1', 'laptop', 'gw-berlin', '91500'])
      expect(text, word).not.toContain(word)
    expect(text).toContain('198.51.100.1')
    expect(text).toContain(ROW.sessionId)
  })

  test.each(Object.keys(FORMATS))('%s says of a test that it is one', (format) => {
    const of = (isTest: boolean) =>
      JSON.stringify(FORMATS[format]!(null)(testRow('acme', START_US), isTest))
    expect(of(true)).toContain('"test":true')
    expect(of(false)).not.toContain('"test":true')
  })

  test('each field has its places, and no two fields have the same', () => {
    for (const format of FORMAT_NAMES) {
      const places = placesOf(format, null)
      const paths = places.map(({ path }) => path)
      expect(new Set(paths).size).toBe(paths.length)
      for (const name of places.flatMap(({ fields }) => fields))
        expect(COLUMN_NAMES).toContain(name)
    }
  })

  test('docs/destination-fields.md is made of the table', () => {
    const page = readFileSync(
      new URL('../../../docs/destination-fields.md', import.meta.url),
      'utf8',
    )
    expect(page).toContain(fieldTable())
  })
})
