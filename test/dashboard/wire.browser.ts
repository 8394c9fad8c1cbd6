/** What goes over the wire: packed, and only once. */
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

describe.skipIf(NO_CHROMIUM)('over the wire', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    const now = Date.now()
    await lab.ingest(
      officeSessions({ count: 120, fromMs: now - 20 * 3600e3, toMs: now, seed: 6, open: 2 }),
    )
  })
  afterAll(() => lab?.stop())

  test('code, styles and rows come packed', async () => {
    const page = await lab.newPage()
    const codings = new Map<string, string | undefined>()
    page.on('response', (response) => {
      const { pathname } = new URL(response.url())
      const kind = /\.(js|css|woff2)$/.exec(pathname)?.[1] ?? pathname
      codings.set(kind, response.headers()['content-encoding'])
    })
    await lab.signIn(page)
    await page.locator('[data-session]').first().waitFor()
    // Chromium takes brotli of its own machine.
    expect(codings.get('js')).toBe('br')
    expect(codings.get('css')).toBe('br')
    expect(codings.get('/')).toBe('gzip')
    expect(codings.get('woff2')).toBeUndefined()
    expect(codings.get(`/api/v1/org/${ORG}/logs/connection`)).toBe('gzip')
  })

  test('assets are gzip for those who take no brotli, and plain for those who take nothing', async () => {
    const get = (path: string, accepts: string) =>
      fetch(lab.server.url + path, { headers: { 'accept-encoding': accepts } })
    const html = await (await get('/', 'identity')).text()
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(html)![1]!
    const [plain, gzip] = [await get(script, 'identity'), await get(script, 'gzip')]
    expect(plain.headers.get('content-encoding')).toBeNull()
    expect(gzip.headers.get('content-encoding')).toBe('gzip')
    expect(gzip.headers.get('vary')).toBe('accept-encoding')
    expect(gzip.headers.get('content-type')).toBe(plain.headers.get('content-type'))
    expect(gzip.headers.get('cache-control')).toContain('immutable')
    expect(await gzip.text()).toBe(await plain.text())
    // The packed forms have no addresses of their own.
    expect((await get(`${script}.gz`, 'identity')).status).toBe(404)
  })

  test('the first page fits in 100 kB, by gzip and with its headers', async () => {
    const page = await lab.open()
    await page.locator('[data-session]').first().waitFor()
    const { origin } = new URL(page.url())
    const loaded = await page.evaluate<string[]>(
      "performance.getEntriesByType('resource').map((entry) => entry.name)",
    )
    const files = [`${origin}/`, ...loaded.filter((url) => !url.includes('/api/'))]
    expect(files.some((url) => url.endsWith('.woff2'))).toBe(true)
    const sizes = files.map(async (url) => {
      const { headers } = await fetch(url, { headers: { 'accept-encoding': 'gzip' } })
      return Number(headers.get('content-length')) + [...headers].join().length
    })
    const sum = (await Promise.all(sizes)).reduce((all, size) => all + size, 0)
    // Less would mean that a size was not said.
    expect(sum).toBeGreaterThan(80e3)
    expect(sum).toBeLessThan(100e3)
    await page.close()
  })

  test('live mode asks for new rows only', async () => {
    const page = await lab.open('/?live=1')
    const polls: { log: unknown[]; delta: { runs: unknown[] } }[] = []
    page.on('response', async (response) => {
      if (response.url().includes('known=')) polls.push((await response.json()).data)
    })
    await page.locator('[data-session]').first().waitFor()
    await expect.poll(() => polls.length).toBeGreaterThan(1)
    expect(polls[0]!.log).toHaveLength(100)
    expect(polls[1]).toMatchObject({ log: [], delta: { runs: [[0, 100]] } })
    const now = Date.now()
    const added = { count: 1, fromMs: now - 1000, toMs: now, seed: 7 }
    await lab.ingest(officeSessions(added))
    await expect.poll(() => polls.filter(({ log }) => log.length > 0).length).toBe(2)
    expect(polls.findLast(({ log }) => log.length > 0)!.log).toHaveLength(1)
    await page.close()
  })

  test('an export is packed once', async () => {
    const page = await lab.open()
    const path = `/api/v1/org/${ORG}/logs/connection/export?format=ndjson`
    const answer = await page.request.get(lab.server.url + path, {
      headers: { 'accept-encoding': 'gzip' },
    })
    expect(answer.headers()['content-encoding']).toBe('gzip')
    const lines = (await answer.text()).trim().split('\n')
    expect(JSON.parse(lines[0]!)).toHaveProperty('sessionId')
    expect(() => gunzipSync(Buffer.from(lines[0]!))).toThrow()
  })
})
