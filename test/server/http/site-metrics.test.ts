/** Sites in /metrics: their figures, and who may see their organisations' names. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SiteMetrics } from '../../../src/server/http/site-metrics.js'
import { batch, report, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'

let server: TestServer
let admin: string
let root: string
const RECONCILED = { exact: 1, unexplainedPacketsMin: 7, unexplainedBytesMin: 900 }

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: -1 })
  root = await server.key({ scope: 'root' })
  const send = (site: number, change: object) =>
    server.request('POST', `/api/v1/org/acme/site/${site}/sessions`, admin, {
      ...batch(1, [session(site)], { spoolId: `s${site}`, report: report(change) }),
    })
  await send(1, {
    packetsDropped: 3,
    sessionsDropped: { spoolFull: 5 },
    reconciliation: RECONCILED,
  })
  await send(2, { reconciliation: { ...RECONCILED, unexplainedPacketsMin: -3, exact: 0 } })
  await send(3, { replay: 'finished' })
})
afterAll(() => server.stop())

async function metrics(headers: Record<string, string> = {}): Promise<string> {
  return (await fetch(`${server.url}/metrics`, { headers })).text()
}
const bearer = (key: string) => ({ authorization: `Bearer ${key}`, 'x-forwarded-for': '192.0.2.1' })

test('a site has its silence, its losses, and what is unexplained where that can be compared', async () => {
  const text = await metrics()
  const figureOf = (name: string, site: number) => {
    const [, value] =
      new RegExp(`^tunmeter_site_${name}\\{org="acme",site="${site}"\\} (.+)$`, 'm').exec(text) ??
      []
    return value === undefined ? undefined : Number(value)
  }
  expect(figureOf('silent_seconds', 1)).toBeGreaterThanOrEqual(0)
  expect([1, 2, 3].map((site) => figureOf('unexplained_packets', site))).toEqual([7, 0, undefined])
  expect(figureOf('unexplained_bytes', 1)).toBe(900)
  expect([1, 2].map((site) => figureOf('packets_dropped', site))).toEqual([3, 0])
  expect([1, 2].map((site) => figureOf('sessions_dropped', site))).toEqual([5, 0])
  expect(figureOf('silent_seconds', 3)).toBe(undefined)
})

/** Its organisations with so many sites, of which a meter has reported. */
function metricsOf(sites: Readonly<Record<string, number>>, nowMs: number, receivedMs = nowMs) {
  const meter = (siteId: number) => ({
    siteId,
    receivedAt: new Date(receivedMs).toISOString(),
    report: report(),
  })
  return new SiteMetrics({
    store: {
      meters: async (org: string) => Array.from({ length: sites[org]! }, (_, i) => meter(i + 1)),
      catalog: async () => ({ catalog: { sites: [] } }),
      coverage: async () => ({ meters: [], gaps: [], shared: [], more: false, deletedBeforeUs: 0 }),
    },
    control: {
      orgs: () => Object.keys(sites).map((orgId) => ({ orgId })),
      keys: () => [],
      removals: { of: () => () => undefined },
    },
    clockMs: () => nowMs,
  } as never).text()
}

test('a report that came while the clock was a day ahead hides no silence', async () => {
  const now = Date.now()
  const text = await metricsOf({ a: 1 }, now, now + 86_400e3)
  expect(text).toContain('\ntunmeter_site_silent_seconds{org="a",site="1"} 86400\n')
})

test('one organisation of very many sites leaves room for another, and says what is left out', async () => {
  const text = await metricsOf({ a: 20_000, b: 3 }, Date.now())
  const of = (org: string) => text.split(`tunmeter_site_silent_seconds{org="${org}"`).length - 1
  expect([of('a'), of('b')]).toEqual([1000, 3])
  expect(text).toContain('\ntunmeter_sites_left_out 19000\n')
})

test('from elsewhere, only a root key sees them', async () => {
  expect(await metrics(bearer(root))).toContain('tunmeter_site_silent_seconds{org="acme"')
  const text = await metrics(bearer(admin))
  expect(text).toContain('tunmeter_server_batches_total')
  expect(text).not.toContain('acme')
})
