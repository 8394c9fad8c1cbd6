/** Whether anything is missing is said with each site, and to a meter's own key about its own site alone. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch, report, session } from '../../support/batches.js'
import { TestServer } from '../../support/server.js'

let server: TestServer
let admin: string
let own: string
const now = Date.now()
const iso = (hoursAgo: number) => new Date(now - hoursAgo * 3600e3).toISOString()
const ORG = '/api/v1/org/acme'

beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: -1 })
  own = await server.key({ scope: 'ingest', org: 'acme', site: 1 })
  const send = (site: number, hoursAgo: number) =>
    server.request('POST', `${ORG}/site/${site}/sessions`, admin, {
      ...batch(1, [session(site)], {
        spoolId: `s${site}`,
        report: report({ startedAt: iso(hoursAgo), at: iso(0) }),
      }),
    })
  await send(1, 30)
  await send(2, 6)
})
afterAll(() => server.stop())

test('each site of the list says it of the last day, as the question itself answers', async () => {
  const { sites } = (await server.get(`${ORG}/sites`, admin)).body.data
  expect(sites).toMatchObject([
    { siteId: 1, completeness: { complete: true, coveredShare: 1, holes: 0 } },
    { siteId: 2, completeness: { complete: false, holes: 1 } },
  ])
  expect(sites[1].completeness.sentence).toContain('Site 2: not watched yet')
  const asked = await server.get(`${ORG}/completeness?timeStart=${iso(24)}&siteId=2`, admin)
  expect(asked.body.data.sites[0].coveredShare).toBeCloseTo(sites[1].completeness.coveredShare, 3)
})

test('a key for ingest asks about its own site, and of no other', async () => {
  const ask = (query: string) => server.get(`${ORG}/completeness?timeStart=${iso(24)}${query}`, own)
  for (const query of ['', '&siteId=1']) {
    const { sites } = (await ask(query)).body.data
    expect(sites.map((s: { siteId: number }) => s.siteId)).toEqual([1])
  }
  for (const query of ['&siteId=2', '&siteId=1,2']) expect((await ask(query)).status).toBe(403)
  expect((await server.get('/api/v1/org/other/completeness', own)).status).toBe(403)
})
