/** The log says what it does not hold, of the sites that are asked for and of no other. */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

describe.skipIf(NO_CHROMIUM)('losses in the log', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    const now = Date.now()
    const rows = (seed: number) =>
      officeSessions({ count: 10, fromMs: now - 5 * 3600e3, toMs: now, seed })
    await lab.ingest(rows(1), { siteId: 2 })
    await lab.ingest(rows(2), { siteId: 1 })
    // Two batches never came.
    await lab.ingest([], { siteId: 1, skip: 2 })
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  /** Only the silence is made up: a server waits for a minute at least. */
  async function open(path: string): Promise<Page> {
    const page = await lab.open('/settings')
    await page.route('**/sites', async (route) => {
      const response = await route.fetch()
      const body = await response.json()
      for (const site of body.data.sites) if (site.siteId === 2) site.status = 'silent'
      await route.fulfill({ response, json: body })
    })
    const asked = page.waitForResponse((response) => response.url().endsWith('/sites'))
    await page.goto(lab.server.url + path)
    await page.locator('[data-session]').first().waitFor()
    await asked
    return page
  }

  async function told(path: string): Promise<string> {
    const page = await open(path)
    await page.locator('.losses').waitFor()
    return page.locator('.losses').innerText()
  }

  test('a loss names its site, and is not told of another', async () => {
    const one = await told('/?siteId=1')
    expect(one).toContain('One gap in this time range: Rotterdam,')
    expect(one).toContain('batches 2 to 3')
    expect(one).not.toContain('Silent')
    const other = await told('/?siteId=2')
    expect(other).toContain('Silent: Genova since')
    expect(other).not.toContain('Rotterdam')
    expect(other).not.toContain('gap')
  })

  test('of all sites both are told', async () => {
    const page = await open('/')
    await page.locator('.losses', { hasText: 'Silent: Genova' }).waitFor()
    await page.locator('.losses', { hasText: 'Rotterdam' }).waitFor()
  })

  test('a range that was over before the silence began says nothing of it', async () => {
    const end = new Date(Date.now() - 3600e3).toISOString()
    const start = new Date(Date.now() - 6 * 3600e3).toISOString()
    const page = await open(`/?siteId=2&timeStart=${start}&timeEnd=${end}`)
    expect(await page.locator('.losses').count()).toBe(0)
  })
})
