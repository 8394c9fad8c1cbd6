/** Pages of a client, user, resource or site; and a selection as evidence. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { contentOf, Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

const HOUR_MS = 3600e3

describe.skipIf(NO_CHROMIUM)('pages of what has a name', () => {
  let lab: Lab
  const now = Date.now()
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    const span = { fromMs: now - 20 * HOUR_MS, toMs: now, seed: 5 }
    await lab.ingest(officeSessions({ ...span, count: 120, open: 3 }))
    const before = { fromMs: now - 46 * HOUR_MS, toMs: now - 26 * HOUR_MS, seed: 6 }
    await lab.ingest(officeSessions({ ...before, count: 60 }))
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  const summary = (query: string) => lab.api('GET', `/org/${ORG}/logs/connection/summary?${query}`)
  const tile = async (page: Page, label: string) =>
    (await page.locator('.figure-tile', { hasText: label }).innerText()).replace(/\s+/g, ' ')
  const violations = async (page: Page) => {
    await page.evaluate(axe.source)
    return page.evaluate<string[]>(
      "axe.run(document.querySelector('dialog'), { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'] }).then((r) => r.violations.map((v) => v.id))",
    )
  }

  test('a client: figures and their change, counterparts, and ways on; at every width', async () => {
    const page = await lab.open('/client/1')
    const iso = (ms: number) => new Date(ms).toISOString()
    const { totals, groups } = await summary(
      `clientId=1&groupBy=resource&top=8&timeStart=${iso(now - 24 * HOUR_MS)}`,
    )
    const { totals: before } = await summary(
      `clientId=1&timeStart=${iso(now - 48 * HOUR_MS)}&timeEnd=${iso(now - 24 * HOUR_MS)}`,
    )
    await page.getByRole('heading', { name: /ada-laptop/ }).waitFor()
    await page.locator('.figure-tile').first().waitFor()
    const change = Math.round(((totals.sessions - before.sessions) / before.sessions) * 100)
    expect(before.sessions).toBeGreaterThan(0)
    expect(await tile(page, 'Sessions')).toContain(String(totals.sessions))
    expect(await tile(page, 'Sessions')).toContain(`${Math.abs(change)} % on the time before`)
    await page.locator('.lead', { hasText: `ada-laptop had ${totals.sessions} sessions` }).waitFor()
    const names = page.getByRole('region', { name: 'Resources' }).locator('.grow')
    await names.first().waitFor()
    expect(await names.allInnerTexts()).toEqual(groups.map((g: { name: string }) => g.name))
    for (const width of [390, 768, 1024, 1280, 1440, 2560]) {
      await page.setViewportSize({ width, height: 900 })
      // The page is drawn again for its new width.
      const wider = () =>
        page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
      await expect.poll(wider, { message: `${width} px` }).toBe(0)
    }
    // Every name leads on; and so does the whole.
    await names.first().click()
    await page.getByRole('heading', { name: `Resource ${groups[0].name}` }).waitFor()
    expect(new URL(page.url()).pathname).toBe(`/resource/${groups[0].id}`)
    await page.getByRole('link', { name: 'Its sessions' }).click()
    await page.getByRole('button', { name: `Remove filter Resource: ${groups[0].name}` }).waitFor()
  })

  test('hours by weekday: each session in the hour of its start, in the zone that is named', async () => {
    const { times, series } = await summary(
      `siteId=1&interval=hour&timeStart=${new Date(now - 7 * 24 * HOUR_MS).toISOString()}`,
    )
    for (const [timezoneId, name] of [
      ['Europe/Amsterdam', 'Europe/Amsterdam, UTC+'],
      ['Asia/Kolkata', 'UTC+5:30'],
    ] as const) {
      const page = await lab.open('/site/1?range=7d', { timezoneId })
      const card = page.getByRole('region', { name: 'Hours by weekday' })
      await card.getByRole('table').waitFor()
      expect(await card.innerText()).toContain(name)
      const place = new Intl.DateTimeFormat('en-GB', {
        timeZone: timezoneId,
        weekday: 'short',
        hour: 'numeric',
      })
      const expected = new Map<string, number>()
      for (const [i, time] of times.entries()) {
        const parts = place.formatToParts(Date.parse(time))
        const of = (type: string) => parts.find((part) => part.type === type)!.value
        const key = `${of('weekday')} ${Number(of('hour'))}`
        expected.set(key, (expected.get(key) ?? 0) + series[0].sessions[i])
      }
      const got = new Map<string, number>()
      for (const row of await card.locator('tbody tr').all()) {
        const [day, ...cells] = await row.locator('th, td').allInnerTexts()
        expect(cells).toHaveLength(24)
        cells.forEach((cell, hour) => {
          if (cell !== '') got.set(`${day} ${hour}`, Number(cell))
        })
      }
      expect(got).toEqual(new Map([...expected].filter(([, count]) => count > 0)))
      const [, first] = await card.getByRole('columnheader').allInnerTexts()
      expect(first).toBe(timezoneId === 'Asia/Kolkata' ? '1:30' : '1')
    }
  })

  test('a row leads to them, and an address that is loaded shows them', async () => {
    const page = await lab.open('/?clientId=1')
    await page.locator('.row-button').first().click()
    const drawer = page.locator('.drawer')
    await drawer.getByRole('link', { name: 'Page of ada-laptop' }).click()
    await page.getByRole('heading', { name: 'Client ada-laptop' }).waitFor()
    for (const path of ['/user/ada', '/site/1', '/client/4711']) {
      const answer = await page.goto(lab.server.url + path)
      expect(answer?.status(), path).toBe(200)
      await page.locator('.lead').waitFor()
    }
    await page.getByText('had no sessions').waitFor()
  })

  test('each page of the menu can be loaded by its address', async () => {
    const page = await lab.open('/')
    const links = await page.getByRole('navigation').getByRole('link').all()
    const hrefs = await Promise.all(links.map((link) => link.getAttribute('href')))
    expect(hrefs.length).toBeGreaterThan(7)
    const statuses = await Promise.all(
      hrefs.map(async (href) => [href, (await fetch(lab.server.url + href)).status]),
    )
    expect(statuses).toEqual(hrefs.map((href) => [href, 200]))
  })

  test('evidence: the file, and a manifest that tunmeter verify takes', async () => {
    const page = await lab.open('/?clientId=1&protocol=tcp')
    await page.getByRole('button', { name: 'Export' }).click()
    await page.getByRole('button', { name: /^Evidence/ }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('tunmeter verify').waitFor()
    expect(await violations(page)).toEqual([])
    const save = async (name: string) => {
      const [file] = await Promise.all([
        page.waitForEvent('download'),
        dialog.getByRole('button', { name }).click(),
      ])
      return { name: file.suggestedFilename(), content: await contentOf(file) }
    }
    const folder = mkdtempSync(join(tmpdir(), 'evidence-'))
    try {
      const [file, manifest] = [await save('Save file'), await save('Save manifest')]
      for (const { name, content } of [file, manifest]) writeFileSync(join(folder, name), content)
      const told = execFileSync('node', ['dist/cli.js', 'verify', join(folder, file.name)], {
        encoding: 'utf8',
      })
      const { totals } = await summary('clientId=1&protocol=tcp')
      const text = await dialog.innerText()
      expect(told).toContain(`filters clientId=1 protocol=tcp`)
      const { rows, sha256, completeness } = JSON.parse(manifest.content.toString())
      expect(rows).toBeLessThanOrEqual(totals.sessions)
      expect(rows).toBe(file.content.toString().trimEnd().split('\n').length - 1)
      expect(told).toContain(`unchanged: ${rows} sessions`)
      expect(told).toContain(completeness.sentence)
      expect(text).toContain(sha256)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a page says when the catalog lets less be kept of what it is about', async () => {
    const catalog = officeCatalog()
    const [first, second] = catalog.clients
    const [resource] = catalog.resources
    const ruled = {
      ...catalog,
      clients: catalog.clients.map((one) =>
        one === first ? { ...one, log: 'counts', fields: { port: 'drop' } } : one,
      ),
      prefixes: [{ prefix: resource!.destination, name: 'Quiet', log: 'off' }],
    }
    await lab.api('PUT', `/org/${ORG}/catalog`, ruled)
    const noteOf = async (path: string) => {
      const page = await lab.open(path)
      await page.locator('.lead').waitFor()
      await page.waitForLoadState('networkidle')
      const notes = await page.locator('.kept-note').allInnerTexts()
      await page.close()
      return notes.join()
    }
    const counted = `Client ${first!.name}: counts only, port: drop`
    expect(await noteOf(`/client/${first!.clientId}`)).toContain(counted)
    expect(await noteOf(`/user/${first!.userId}`)).toContain(counted)
    const quiet = `Prefix Quiet (${resource!.destination}): nothing`
    expect(await noteOf(`/resource/${resource!.siteResourceId}`)).toContain(quiet)
    expect(await noteOf(`/client/${second!.clientId}`)).toBe('')
    expect(await noteOf('/site/1')).toBe('')
    await lab.api('PUT', `/org/${ORG}/catalog`, catalog)
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
