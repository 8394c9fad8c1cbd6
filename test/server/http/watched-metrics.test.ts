/** Counters of chosen clients and resources in the server's /metrics: what counts, and who gets them. */
import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseChosen } from '../../../src/server/http/watched-metrics.js'
import { batch, report, session } from '../../support/batches.js'
import { aPeerEvent } from '../../support/peer-events.js'
import { TestServer } from '../../support/server.js'

const ACME = '/api/v1/org/acme'
let server: TestServer
let admin: string
let other: string

beforeAll(async () => {
  server = await TestServer.start(
    ...['--metrics-clients', 'acme/lap*', '--metrics-clients', 'acme/2'],
    ...['--metrics-resources', 'acme/files', '--metrics-clients', 'nobody/*'],
  )
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: -1 })
  other = await server.key({ scope: 'admin', org: 'other', retentionDays: -1 })
  const clients = ['laptop', 'desk', 'secret'].map((name, i) => ({ clientId: i + 1, name }))
  const resources = [{ siteResourceId: 7, name: 'files', destination: '192.168.10.5' }]
  for (const [path, key] of [
    [`${ACME}/catalog`, admin],
    ['/api/v1/org/other/catalog', other],
  ] as const)
    expect((await server.request('PUT', path, key, { clients, resources })).status).toBe(200)
  // The catalog is read with each scrape.
  await metrics()
})
afterAll(() => server.stop())

const metrics = async (headers: Record<string, string> = {}): Promise<string> =>
  (await fetch(`${server.url}/metrics`, { headers })).text()

function samples(text: string): Record<string, number> {
  const found = [...text.matchAll(/^tunmeter_((?:client|resource)_\S+\{.*\}) (\S+)$/gm)]
  return Object.fromEntries(found.map(([, series, value]) => [series!, Number(value)]))
}

test('chosen ones count what was acknowledged, once, and of their organisation only', async () => {
  const now = Date.now() * 1e3
  const open = session(3, { endReason: 'activeTimeout' })
  const sessions = [
    session(1, { bytesTx: 100, bytesRx: 50 }),
    session(2, { clientId: 2, siteResourceId: null, bytesTx: 60, bytesRx: 40, connState: 'REJ' }),
    open,
    session(4, { clientId: 3, siteResourceId: null }),
  ]
  const peerEvents = [
    aPeerEvent({ timeUs: now - 5e6, handshakeUs: 1_800_000_000e6 }),
    aPeerEvent({ event: 'endpointChanged', timeUs: now - 4e6, endpointBefore: '192.0.2.9:1' }),
    aPeerEvent({ event: 'endpointChanged', timeUs: now - 3e6, clientId: 3 }),
  ]
  const send = async (path: string, key: string, body: object) =>
    expect((await server.request('POST', path, key, body)).status).toBe(200)
  const first = { ...batch(1, sessions), peerEvents }
  await send(`${ACME}/site/1/sessions`, admin, first)
  await send(`${ACME}/site/1/sessions`, admin, first)
  await send('/api/v1/org/other/site/1/sessions', other, batch(1, [session(9)]))
  const replay = batch(1, [session(20)], {
    meterId: 'file',
    report: report({ replay: 'finished' }),
  })
  await send(`${ACME}/site/1/sessions`, admin, replay)
  const laptop = 'org="acme",client="1",name="laptop"'
  const desk = 'org="acme",client="2",name="desk"'
  const files = 'org="acme",resource="7",name="files"'
  const text = await metrics()
  expect(samples(text)).toEqual({
    [`client_bytes_total{${laptop},direction="tx"}`]: 100,
    [`client_bytes_total{${laptop},direction="rx"}`]: 50,
    [`client_bytes_total{${desk},direction="tx"}`]: 60,
    [`client_bytes_total{${desk},direction="rx"}`]: 40,
    [`client_sessions_total{${laptop}}`]: 1,
    [`client_sessions_total{${desk}}`]: 1,
    [`client_sessions_refused_total{${laptop}}`]: 0,
    [`client_sessions_refused_total{${desk}}`]: 1,
    [`client_endpoint_changes_total{${laptop}}`]: 1,
    [`client_endpoint_changes_total{${desk}}`]: 0,
    [`client_last_handshake_timestamp_seconds{${laptop}}`]: 1_800_000_000,
    [`resource_bytes_total{${files},direction="tx"}`]: 100,
    [`resource_bytes_total{${files},direction="rx"}`]: 50,
    [`resource_sessions_total{${files}}`]: 1,
    [`resource_sessions_refused_total{${files}}`]: 0,
  })
  const { status, stdout, stderr, error } = spawnSync('promtool', ['check', 'metrics'], {
    input: text.slice(text.indexOf('# HELP tunmeter_client')),
    encoding: 'utf8',
  })
  if (error === undefined) expect([status, stdout, stderr]).toEqual([0, '', ''])
})

test('only the operator gets them, because they name organisations and persons', async () => {
  const root = await server.key({ scope: 'root' })
  const ask = (key: string) =>
    metrics({ authorization: `Bearer ${key}`, 'x-forwarded-for': '192.0.2.1' })
  expect(await ask(root)).toContain('name="laptop"')
  const text = await ask(admin)
  expect(text).toContain('tunmeter_server_batches_total')
  expect(text).not.toContain('tunmeter_client_')
  expect(text).not.toContain('tunmeter_resource_')
})

test('without a choice there are none; a choice is ORG/NAME', async () => {
  expect(parseChosen('acme/a/b*')).toEqual({ orgId: 'acme', pattern: 'a/b*' })
  for (const wrong of ['laptop', '/laptop', 'acme/', 'acme/ ', ''])
    expect(() => parseChosen(wrong)).toThrow('* stands for any text')
  const plain = await TestServer.start()
  try {
    expect(await (await fetch(`${plain.url}/metrics`)).text()).not.toMatch(
      /tunmeter_(client|watch)/,
    )
  } finally {
    await plain.stop()
  }
})
