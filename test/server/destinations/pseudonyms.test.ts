/** Pseudonyms against HMACs that `printf %s 'PERIOD DOMAIN VALUE' | openssl dgst -sha256 -hmac KEY` made. */
import { expect, test } from 'vitest'
import { testRow } from '../../../src/server/destinations/events.js'
import { FORMATS } from '../../../src/server/destinations/formats/formats.js'
import { jsonRecords } from '../../../src/server/destinations/formats/otlp.js'
import {
  cimPeers,
  PEER_FORMATS,
  peerPlan,
  testPeer,
} from '../../../src/server/destinations/formats/peers.js'
import {
  disguiseBy,
  disguisesBy,
  periodOf,
  pseudonymKeySecret,
} from '../../../src/server/destinations/pseudonyms.js'
import type { PeerEventRow } from '../../../src/server/store/store.js'

const KEY = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'
const AT_US = Date.parse('2026-11-29T10:00:00Z') * 1e3
const PERSON = {
  ...{ clientId: 1, clientName: 'Ulla’s laptop', clientEndpoint: '203.0.113.7:51820' },
  ...{ userId: 'u1', userName: 'Ulla Unger', userEmail: 'zoë@example.org' },
  ...{ peerPublicKey: `${'A'.repeat(43)}=`, sourceIp: '10.8.0.2', destIp: '10.8.0.9' },
  ...{ otherClientId: 88_001, otherClientName: 'Bo’s phone', otherUserId: 'bo.berg' },
}
const row = { ...testRow('acme', AT_US), ...PERSON, resourceName: 'database' }

test('each field has the pseudonym that openssl makes', () => {
  const month = disguiseBy(KEY, { period: 'month', addresses: true })
  expect(month(row)).toMatchObject({
    userId: 'p-12e5d2c266aa141c5e2abf521ea4e95c',
    clientName: 'p-cea5c6767e07c9936af702eace17cc86',
    // 2^52 + 0x395002cfaaa3e
    clientId: 5_511_852_544_666_174,
    // f and dca972c: fd ca 97 2c
    sourceIp: '253.202.151.44',
    resourceName: 'database',
  })
  const v6 = month({ ...row, sourceIp: 'fd00::2', destIp: 'fd00::3' })
  expect(v6.sourceIp).toBe('100::bb69:585d:84fb:bcd3')
  const day = disguiseBy(KEY, { period: 'day', addresses: true })
  expect(day(row).userEmail).toBe('p-a6bbe6351e4d91ba074b4d04e0fb0972')
  const week = disguiseBy(KEY, { period: 'week', addresses: false })
  expect(week(row)).toMatchObject({
    userId: 'p-fef940e668bbb02756d4fd0abf8035ee',
    ...{ sourceIp: '10.8.0.2', destIp: '10.8.0.9' },
  })
})

test('the other client has the pseudonym that it has as a client; null stays null', () => {
  const month = disguiseBy(KEY, { period: 'month', addresses: true })
  const { otherClientId, otherUserId, otherClientName } = month(row)
  const own = month({ ...row, clientId: 88_001, userId: 'bo.berg', clientName: 'Bo’s phone' })
  expect([own.clientId, own.userId, own.clientName]).toEqual([
    ...[otherClientId, otherUserId, otherClientName],
  ])
  expect(month({ ...row, userId: null, clientId: null })).toMatchObject({
    ...{ userId: null, clientId: null },
  })
})

test.each(Object.keys(FORMATS))('nothing of a person is in an event of the format %s', (format) => {
  const disguised = disguiseBy(KEY, { period: 'day', addresses: true })(row)
  const event = JSON.stringify(FORMATS[format]!(null)(disguised))
  const plain = JSON.stringify(FORMATS[format]!(null)(row))
  for (const value of Object.values(PERSON)) {
    const text = value === 1 ? '"clientId":1,' : String(value)
    if (value !== 1) expect(plain).toContain(text)
    expect(event).not.toContain(text)
  }
  // It is made of the addresses, and whoever has it could try all of them.
  const communityId = /1:[A-Za-z0-9+/]{27}=/
  expect(communityId.exec(plain)![0]).not.toBe(communityId.exec(event)![0])
})

test.each([
  ['2026-11-29', '2026-W48'],
  ['2027-01-03', '2026-W53'],
  ['2027-01-04', '2027-W01'],
  ['2024-12-30', '2025-W01'],
  ['2021-01-03', '2020-W53'],
])('%s is in the week %s of ISO 8601', (day, week) => {
  const us = Date.parse(`${day}T23:59:59.999Z`) * 1e3
  expect(periodOf(us, 'week')).toBe(week)
  expect([periodOf(us, 'day'), periodOf(us, 'month')]).toEqual([day, day.slice(0, 7)])
})

test('a key that is short is refused', () => {
  expect(pseudonymKeySecret.schema.safeParse(KEY).success).toBe(true)
  expect(pseudonymKeySecret.schema.safeParse('short').success).toBe(false)
})

test('the outer address of a peer is no address with a pseudonym, in any format', () => {
  const { peers } = disguisesBy(KEY, { period: 'month', addresses: true })
  const plain = { ...testPeer(AT_US), endpoint: '[2001:db8::7]:51820' }
  const hidden = peers(plain)
  expect(hidden.endpoint).toMatch(/^p-[0-9a-f]{32}$/)
  const sent = (event: object) => JSON.parse(JSON.stringify(event)) as object
  const events = (row: PeerEventRow) => ({
    ecs: sent(PEER_FORMATS.ecs!(null)(row)),
    ocsf: sent(PEER_FORMATS.ocsf!(null)(row)),
    cim: sent(cimPeers(null)(row)),
    otlp: attributesOf(jsonRecords(peerPlan(null))(row)),
  })
  const { endpoint } = hidden
  const { ecs, ocsf, cim, otlp } = events(hidden)
  expect(ecs).toMatchObject({ tunmeter: { endpoint } })
  expect(ocsf).toMatchObject({ unmapped: { endpoint } })
  expect(cim).toMatchObject({ endpoint })
  expect(otlp).toMatchObject({ 'tunmeter.endpoint': { stringValue: endpoint } })
  const places = ['source.ip', 'source.port', 'related', 'src_endpoint.ip', 'src_endpoint.port']
  for (const event of [ecs, ocsf, cim])
    for (const place of [...places, 'src_ip', 'src_port']) expect(event).not.toHaveProperty(place)
  expect(Object.keys(otlp).filter((key) => key.startsWith('source.'))).toEqual([])
  const known = events(plain)
  expect(known.ecs).toMatchObject({ source: { ip: '2001:db8::7', port: 51820 } })
  expect(known.ecs).toMatchObject({ related: { ip: ['2001:db8::7'] } })
  expect(known.ecs).not.toHaveProperty('tunmeter.endpoint')
  expect(known.ocsf).toMatchObject({ src_endpoint: { ip: '2001:db8::7', port: 51820 } })
  expect(known.cim).toMatchObject({ src_ip: '2001:db8::7', src_port: 51820 })
  expect(known.otlp).toMatchObject({ 'source.port': { intValue: '51820' } })
})

function attributesOf(record: object): Record<string, unknown> {
  const { attributes } = record as { attributes: { key: string; value: unknown }[] }
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value]))
}
