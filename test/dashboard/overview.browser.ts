/** The overview's "is anything odd?": what it says of changes, first times and failures is the API's. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { formatBytes } from '../../src/dashboard/format/bytes.js'
import { Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

const HOUR_MS = 3600e3

describe.skipIf(NO_CHROMIUM)('is anything odd?', () => {
  let lab: Lab
  const now = Date.now()
  const iso = (hoursAgo: number) => new Date(now - hoursAgo * HOUR_MS).toISOString()
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    // It began to watch in the time before, which is then not complete.
    const report = { startedAt: iso(30) }
    const span = { fromMs: now - 20 * HOUR_MS, toMs: now, seed: 5 }
    const sessions = officeSessions({ ...span, count: 150, open: 3 })
    const refused = (at: number) => at % 20 === 5 && { connState: 'REJ' as const }
    await lab.ingest(
      sessions.map((one, at) => ({ ...one, ...refused(at) })),
      { report },
    )
    const before = { fromMs: now - 46 * HOUR_MS, toMs: now - 26 * HOUR_MS, seed: 6 }
    await lab.ingest(officeSessions({ ...before, count: 60 }), { report })
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  const ask = (path: string) => lab.api('GET', `/org/${ORG}/logs/connection/${path}`)

  test('completeness comes first, and figures have their change', async () => {
    const page = await lab.open('/overview')
    const { totals } = await ask(`summary?timeStart=${iso(24)}`)
    const { totals: before } = await ask(`summary?timeStart=${iso(48)}&timeEnd=${iso(24)}`)
    expect(before.sessions).toBe(60)
    const told =
      /^Rotterdam is complete, .* The time before, with which it is compared, is not complete/
    await page.locator('.lead', { hasText: told }).waitFor()
    const tile = page.locator('.figure-tile', { hasText: 'Sessions' })
    const percent = Math.round(((totals.sessions - before.sessions) / before.sessions) * 100)
    await tile.getByText(`+${percent} % on the time before`).waitFor()
  })

  test('what changed the most, by name, and by how much', async () => {
    const page = await lab.open('/overview')
    for (const group of ['client', 'resource']) {
      const { grown, fallen } = await ask(`changes?groupBy=${group}&timeStart=${iso(24)}`)
      expect(grown.length).toBeGreaterThan(0)
      const title = group === 'client' ? 'Clients: what changed' : 'Resources: what changed'
      const lines = page.getByRole('region', { name: title }).locator('li')
      await expect.poll(() => lines.count()).toBe(grown.length + fallen.length)
      const bytes = (one: { bytesTx: number; bytesRx: number }) => one.bytesTx + one.bytesRx
      for (const [i, row] of [...grown, ...fallen].entries()) {
        const by = bytes(row.now) - bytes(row.before)
        const text = (await lines.nth(i).innerText()).replace(/\s+/g, ' ')
        expect(text).toContain(row.name ?? '')
        expect(text).toContain(`${by > 0 ? '+' : '−'}${formatBytes(Math.abs(by))}`)
        expect(text).toContain(`(${formatBytes(bytes(row.before))} before)`)
      }
    }
  })

  test('a client on a resource for the first time leads to the sessions', async () => {
    const page = await lab.open('/overview')
    const { total, pairs } = await ask(`new-pairs?limit=8&timeStart=${iso(24)}`)
    expect(total).toBeGreaterThan(0)
    const card = page.getByRole('region', { name: 'First time' })
    await card.getByText(/stored since/).waitFor()
    const names = await card.getByRole('link').allInnerTexts()
    expect(names).toEqual(
      pairs.map((one: { name: string; acrossName: string }) => `${one.name} → ${one.acrossName}`),
    )
    await card.getByRole('link').first().click()
    await page.locator('.position strong', { hasText: String(pairs[0].sessions) }).waitFor()
    const { searchParams } = new URL(page.url())
    expect(searchParams.get('clientId')).toBe(pairs[0].id)
    expect(searchParams.get('siteResourceId')).toBe(pairs[0].acrossId)
  })

  test('failures by resource, under the filters, too', async () => {
    const failed = 'connState=S0,REJ,RSTOS0&groupBy=resource&by=sessions&top=8'
    const page = await lab.open('/overview')
    const { groups } = await ask(`summary?${failed}&timeStart=${iso(24)}`)
    expect(groups.length).toBeGreaterThan(0)
    const card = page.getByRole('region', { name: 'Failed, by resource' })
    await card.locator('.grow').first().waitFor()
    expect(await card.locator('.grow').allInnerTexts()).toEqual(
      groups.map((row: { name: string | null }) => row.name ?? 'Not in the catalog'),
    )
    await card.locator('a.wrong').first().click()
    await page.locator('.position strong', { hasText: String(groups[0].sessions) }).waitFor()
    await page.goto(`${lab.server.url}/overview?connState=SF`)
    await card.getByText('No session failed.').waitFor()
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
