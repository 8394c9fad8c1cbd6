/** Names come from other systems, and traffic from anybody: nothing of it may become part of the page. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

const HOSTILE = [
  '<img src=x onerror="window.pwned=1">',
  '"><script>window.pwned=1</script>',
  "javascript:window.pwned=1//' onmouseover='window.pwned=1",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what a template engine would fall for.
  '${window.pwned=1}{{constructor.constructor("window.pwned=1")()}}',
  '</title><svg onload=window.pwned=1>',
  '\u202Egnp.exe \u0000-free \u2028 line \u{1F47E} ﷽',
  `${'long name without any space'.replaceAll(' ', '')}`.repeat(8),
]

const BUNDLE_GZIP_MAX = 200 * 1024

describe.skipIf(NO_CHROMIUM)('hostile names', () => {
  let lab: Lab
  beforeAll(async () => {
    const catalog = officeCatalog()
    const evil = (i: number) => HOSTILE[i % HOSTILE.length]!.replaceAll('\0', '')
    lab = await Lab.start({
      users: catalog.users.map((u, i) => ({ ...u, name: evil(i), email: evil(i + 1) })),
      clients: catalog.clients.map((c, i) => ({ ...c, name: evil(i + 2) })),
      resources: catalog.resources.map((r, i) => ({ ...r, name: evil(i) })),
      sites: catalog.sites.map((s, i) => ({ ...s, name: evil(i + 4) })),
    })
    const now = Date.now()
    await lab.ingest(
      officeSessions({ count: 200, fromMs: now - 20 * 3600e3, toMs: now, seed: 8, open: 7 }),
    )
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  const pwned = (page: Page) => page.evaluate('window.pwned ?? null')

  for (const path of ['/', '/overview', '/usage', '/sites', '/audit', '/settings']) {
    test(`are text on ${path}`, async () => {
      const page = await lab.open(path)
      await page.waitForLoadState('networkidle')
      // In lists, charts' legends, menus and tables alike: as it is written in the catalog.
      const needle = path === '/sites' ? '</title><svg onload' : '<img src=x onerror='
      await page.getByText(needle).first().waitFor()
      expect(await pwned(page)).toBeNull()
      expect(await page.locator('img, svg[onload]').count()).toBe(0)
      const width = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
      expect(await page.evaluate(width)).toBe(0)
    })
  }

  test('are text in menus, chips, titles and the drawer', async () => {
    const page = await lab.open('/')
    await page.getByLabel('Search and filter').fill('resource:')
    await page.getByRole('option', { name: '<img src=x' }).first().click()
    await page.locator('.chip', { hasText: 'Resource: <img src=x onerror=' }).waitFor()
    await page.keyboard.press('Escape')
    // The rows of the filter: names of clients are hostile, too.
    await page.waitForLoadState('networkidle')
    const first = page.locator('tr[data-session]', { hasText: '<img src=x' }).first()
    await first.locator('.row-button').click()
    await page.locator('.drawer h2', { hasText: '<img src=x' }).waitFor()
    await page.locator('.drawer h2').hover()
    expect(await pwned(page)).toBeNull()
  })

  test('in the address bar are text too', async () => {
    const attack = encodeURIComponent('"><img src=x onerror=window.pwned=1>')
    const query = `q=${attack}&clientId=${attack}&session=${attack}&range=${attack}&sort=${attack}&org=${attack}`
    const page = await lab.open(`/?${query}`)
    await page.locator('.chip', { hasText: '<img src=x' }).first().waitFor()
    expect(await pwned(page)).toBeNull()
  })

  test('the policy allows nothing inline, and the page needs nothing else', async () => {
    const answer = await lab.server.get('/')
    const policy = answer.headers.get('content-security-policy') ?? ''
    expect(policy).toMatch(/default-src 'self'/)
    expect(policy).not.toMatch(/unsafe|\*|https?:/)
    expect(answer.body).not.toMatch(/<script(?![^>]* src=)|<style|style=|onload=/)
    expect(lab.faults).toEqual([])
  })

  test('everything that is sent is within the size that was promised', () => {
    const root = fileURLToPath(new URL('../../dist/dashboard', import.meta.url))
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .map((name) => join(root, name))
      .filter((path) => statSync(path).isFile())
      // Packed forms of the others: a browser gets one or the other.
      .filter((path) => !/\.(gz|br)$/.test(path))
    const sizes = files.map((path) => gzipSync(readFileSync(path)).length)
    expect(files.length).toBeGreaterThan(4)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(BUNDLE_GZIP_MAX)
  })
})
