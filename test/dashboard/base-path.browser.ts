/** The dashboard below a path of a host that it shares with others: nothing of it asks beside that path. */
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contentOf, Lab, NO_CHROMIUM } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'
import { type PathProxy, startPathProxy } from '../support/path-proxy.js'

describe.skipIf(NO_CHROMIUM)('below a base path', () => {
  let lab: Lab
  const proxies: Partial<Record<'keeps' | 'removes', PathProxy>> = {}
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog(), ['--base-path', '/logs/'])
    const now = Date.now()
    await lab.ingest(officeSessions({ fromMs: now - 3600e3, toMs: now, count: 40, seed: 3 }))
    for (const how of ['keeps', 'removes'] as const)
      proxies[how] = await startPathProxy('/logs/', lab.server.url, how)
  })
  afterAll(async () => {
    for (const proxy of Object.values(proxies)) proxy.stop()
    await lab?.stop()
  })

  describe.each(['keeps', 'removes'] as const)('through a proxy that %s it', (how) => {
    const refused: string[] = []
    let url: string
    let context: BrowserContext
    let page: Page
    beforeAll(async () => {
      url = proxies[how]!.url
      context = await lab.browser.newContext({
        viewport: { width: 1440, height: 900 },
        permissions: ['clipboard-read', 'clipboard-write'],
      })
      page = await context.newPage()
      page.on('response', (response) => {
        if (response.status() >= 400) refused.push(`${response.status()} ${response.url()}`)
      })
    })
    afterAll(() => context?.close())

    test('sign-in, and every page of the menu', async () => {
      await page.goto(url)
      await page.getByLabel('Key', { exact: true }).fill(lab.adminKey)
      expect(refused.splice(0)).toEqual([`401 ${url}api/v1/key`])
      await page.getByRole('button', { name: 'Sign in' }).click()
      const nav = page.getByRole('navigation', { name: 'Pages of the dashboard' })
      await nav.waitFor()
      for (const name of await nav.getByRole('link').allInnerTexts()) {
        await nav.getByRole('link', { name, exact: true }).click()
        // Not waitForFunction(), whose eval the policy of the page forbids.
        await expect.poll(async () => (await page.title()).startsWith(name)).toBe(true)
        expect(page.url().startsWith(url)).toBe(true)
        await page.locator('main h1').waitFor({ state: 'attached' })
      }
    })

    test('a page of a client by its address; a copied link', async () => {
      await page.goto(`${url}client/1`)
      await page.locator('main h1').waitFor()
      await page.goto(url)
      await page.locator('.log-table tbody tr').first().click()
      const drawer = page.locator('.drawer')
      await drawer.getByRole('button', { name: 'Copy', exact: true }).click()
      await page.getByRole('button', { name: /^Link/ }).click()
      const link = await page.evaluate<string>('navigator.clipboard.readText()')
      expect(link.startsWith(`${url}?`)).toBe(true)
      await page.goto(link)
      await drawer.waitFor()
    })

    test('an export, and the reference of the API', async () => {
      await page.goto(url)
      await page.getByRole('button', { name: 'Export' }).click()
      const [file] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'NDJSON' }).click(),
      ])
      expect((await contentOf(file)).toString().trim().split('\n')).toHaveLength(40)
      await page.getByRole('button', { name: /Signed in with key/ }).click()
      const [docs] = await Promise.all([
        context.waitForEvent('page'),
        page.getByRole('link', { name: 'API reference' }).click(),
      ])
      await docs.getByRole('heading', { name: /tunmeter API/ }).waitFor()
      expect(docs.url()).toBe(`${url}docs`)
    })

    test('nothing was refused, and nothing asked for beside the path', () => {
      expect([refused, proxies[how]!.beside]).toEqual([[], []])
    })
  })
})
