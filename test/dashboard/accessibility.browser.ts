/** WCAG 2.2 A and AA on every page, light and dark, wide and narrow; and no page is wider than its window. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'
import { aPeerEvent } from '../support/peer-events.js'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa']

const SIZES = {
  // So high that no row is scrolled out of view: axe leaves the contrast of those undecided.
  wide: { width: 1440, height: 2400 },
  narrow: { width: 390, height: 844 },
} as const

const LOOKS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
} as const

/** axe judges single letters and arrows only when told to. */
const CHECKS = { 'color-contrast': { options: { ignoreLength: true, ignoreUnicode: false } } }

/** What must be on the page before it is looked at. */
const PAGES: Record<string, { readonly path: string; readonly ready: string }> = {
  log: { path: '/?ghost=1', ready: '[data-session]' },
  'log, nothing found': { path: '/?q=nothing-has-this-name', ready: '.state' },
  overview: { path: '/overview', ready: '.chart canvas' },
  'overview, flow': { path: '/overview?who=flow', ready: '.flow .band' },
  connected: { path: '/connected', ready: '.plain-table' },
  'connected, events': { path: '/connected?view=events', ready: '.plain-table' },
  usage: { path: '/usage', ready: '.plain-table' },
  destinations: { path: '/destinations', ready: '.plain-table' },
  alerts: { path: '/alerts', ready: '.plain-table' },
  audit: { path: '/audit', ready: '.plain-table' },
  client: { path: '/client/1', ready: '.entity .lead' },
  sites: { path: '/sites', ready: '.facts' },
  settings: { path: '/settings', ready: '.plain-table' },
}

const SETTLED = `document.querySelector('.stale, [aria-busy=true]') === null &&
  document.getAnimations().every((one) => !(one instanceof CSSTransition))`

describe.skipIf(NO_CHROMIUM)('accessibility', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog(), ['--allow-private-destinations'])
    // Few: what axe takes grows with the rows, what it finds does not.
    const now = Date.now()
    await lab.ingest(
      officeSessions({ count: 40, fromMs: now - 20 * 3600e3, toMs: now, seed: 6, open: 3 }),
    )
    const at = (now - 3600e3) * 1e3
    const peerEvents = [
      aPeerEvent({ timeUs: at, already: true }),
      aPeerEvent({ timeUs: at, clientId: null, userId: null }),
      aPeerEvent({ timeUs: at + 60e6, event: 'disconnected', clientId: null, userId: null }),
    ]
    await lab.ingest([], { skip: 2, report: { packetsDropped: 12 }, peerEvents })
    await lab.api('POST', `/org/${ORG}/alerts`, {
      ...{ name: 'Silent', query: '', condition: { kind: 'silence' } },
      to: { kind: 'webhook', url: 'https://127.0.0.1:1/' },
    })
    const { id } = await lab.api('POST', `/org/${ORG}/destinations`, {
      // Nobody listens there: it waits, and says why.
      ...{ kind: 'webhook', name: 'siem', settings: { url: 'https://127.0.0.1:1/' } },
      secrets: { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' },
    })
    const time = { timeStart: new Date(now - 20 * 3600e3).toISOString() }
    await lab.api('POST', `/org/${ORG}/destinations/${id}/backfill`, {
      ...time,
      timeEnd: new Date(now).toISOString(),
    })
    PAGES.destination = { path: `/destination/${id}`, ready: '.backfill' }
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  /**
   * What axe finds, and on whole pages in the wide window what it cannot decide. In the narrow one and behind dialogs
   * something always lies over something else, so axe leaves its contrast undecided there; the colours are the same.
   * @param part of the page: what is behind an open menu has been looked at before
   */
  async function violations(page: Page, part = 'html'): Promise<string[]> {
    // By the debugger, not as a script element: the page's policy would refuse that.
    await page.evaluate(AXE)
    // While an answer is asked for again the earlier one is faint, and becomes clear by a transition. waitForFunction()
    // would poll by eval, which the page's policy refuses.
    await expect.poll(() => page.evaluate(SETTLED)).toBe(true)
    const results = (await page.evaluate(
      `axe.run(${JSON.stringify(part)}, ${JSON.stringify({
        runOnly: RULES,
        checks: CHECKS,
        resultTypes: ['violations', 'incomplete'],
      })})`,
    )) as AxeResults
    expect(results.passes.length).toBeGreaterThan(3)
    const decides = part === 'html' && page.viewportSize()!.height === SIZES.wide.height
    return [...results.violations, ...(decides ? results.incomplete : [])].flatMap(
      ({ id, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
    )
  }

  for (const [look, options] of Object.entries(LOOKS)) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      test(`every page, ${look}, ${size}`, { timeout: 180_000 }, async () => {
        const page = await lab.open('/', { ...options, viewport })
        for (const [name, { path, ready }] of Object.entries(PAGES)) {
          await page.goto(lab.server.url + path)
          await page.locator(ready).first().waitFor()
          expect(await violations(page), name).toEqual([])
          const overflow = await page.evaluate(
            'document.documentElement.scrollWidth - document.documentElement.clientWidth',
          )
          expect(overflow, `${name} is wider than the window`).toBe(0)
        }
      })

      test(`drawer, menus and dialogs, ${look}, ${size}`, { timeout: 120_000 }, async () => {
        const page = await lab.open('/?protocol=tcp', { ...options, viewport })
        await page.locator('.row-button').first().click()
        await page.locator('.drawer').waitFor()
        expect(await violations(page, '.drawer'), 'drawer').toEqual([])
        await page.keyboard.press('Escape')
        if (size === 'narrow') {
          await page.locator('.nav button').click()
          await page.locator('.nav .panel').waitFor()
          expect(await violations(page, '.nav'), 'pages').toEqual([])
          await page.keyboard.press('Escape')
        }
        for (const menu of ['Time range', 'Views', 'Export', 'Signed in']) {
          await page.getByRole('button', { name: menu }).first().click()
          await page.locator('.panel').waitFor()
          expect(await violations(page, '.popover:has(.panel)'), menu).toEqual([])
          await page.keyboard.press('Escape')
        }
        await page.getByLabel('Search and filter').fill('client:')
        await page.getByRole('option').nth(1).waitFor()
        await page.keyboard.press('ArrowDown')
        expect(await violations(page, '.query-bar'), 'suggestions').toEqual([])
        await page.getByLabel('Search and filter').fill('')
        await page.keyboard.press('Escape')
        await page.keyboard.press('Escape')
        const breakdown = page.getByRole('button', { name: 'Breakdown' })
        if (await breakdown.isVisible()) await breakdown.click()
        await page.locator('.rail-row').first().waitFor()
        // Suggestions that come late lie over it until they are closed.
        await expect
          .poll(() => violations(page, '.rail'), { message: 'breakdown', timeout: 15_000 })
          .toEqual([])
        await page.keyboard.press('?')
        await page.getByRole('dialog').waitFor()
        expect(await violations(page, 'dialog'), 'keyboard help').toEqual([])
        await page.goto(`${lab.server.url}/settings`)
        await page.getByRole('button', { name: 'New key' }).click()
        await page.getByRole('dialog').waitFor()
        expect(await violations(page, 'dialog'), 'new key').toEqual([])
        await page.goto(`${lab.server.url}/destinations`)
        await page.getByRole('button', { name: 'New destination' }).click()
        await page.getByRole('dialog').getByLabel('url', { exact: true }).waitFor()
        await page.getByText('Sessions, fields, and size of an attempt').click()
        expect(await violations(page, 'dialog'), 'new destination').toEqual([])
      })
    }

    test(`sign-in, ${look}`, async () => {
      const page = await lab.newPage(options)
      await page.goto(lab.server.url)
      await page.getByText('Where do I get a key?').click()
      await page.getByLabel('Key', { exact: true }).fill('tm_wrong')
      await page.keyboard.press('Enter')
      await page.getByRole('alert').waitFor()
      expect(await violations(page)).toEqual([])
    })
  }

  test('narrow, tables of entries are blocks, and nothing scrolls sideways', async () => {
    const page = await lab.open('/', { viewport: SIZES.narrow })
    for (const path of ['/settings', '/connected', '/alerts', '/destinations', '/audit']) {
      await page.goto(lab.server.url + path)
      await page.locator('.plain-table tbody tr').first().waitFor()
      const beyond = await page
        .locator('.table-scroll')
        .evaluateAll((all) => all.map((one) => one.scrollWidth - one.clientWidth))
      expect(Math.max(...beyond), path).toBe(0)
    }
    await page.goto(`${lab.server.url}/settings`)
    const key = page.getByRole('region', { name: 'Keys of' }).locator('tbody tr').first()
    await key.waitFor()
    expect(
      await key.locator('td').evaluateAll((cells) => cells.map((cell) => cell.dataset.label)),
    ).toEqual(['Key', 'Scope', 'Created', 'Last used', 'Expires', 'State', ''])
  })

  test('narrow, a menu leads to every page', async () => {
    const page = await lab.open('/', { viewport: SIZES.narrow })
    await page.getByRole('button', { name: 'Connection logs' }).click()
    const links = page.locator('.nav a')
    await expect.poll(() => links.count()).toBe(9)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    expect(await page.locator('.nav .panel').count()).toBe(0)
  })

  test('a band of the flow leads to its sessions by keyboard', async () => {
    const page = await lab.open('/overview?who=flow')
    const band = page.locator('.flow a.leads').first()
    await band.waitFor()
    const name = (await band.getAttribute('aria-label'))!
    expect(name).toMatch(/: [\d.,]+ .?B, [\d,]+ sessions?$/)
    await band.focus()
    await page.keyboard.press('Enter')
    await page.locator('[data-session]').first().waitFor()
    const { searchParams } = new URL(page.url())
    expect(searchParams.has('clientId') && searchParams.has('siteResourceId')).toBe(true)
    const sessions = Number(/([\d,]+) sessions?$/.exec(name)![1]!.replace(/,/g, ''))
    await expect.poll(() => page.locator('[data-session]').count()).toBe(sessions)
  })

  test('narrow, the log is a list of cards that opens the same drawer', async () => {
    const page = await lab.open('/', { viewport: SIZES.narrow })
    const card = page.locator('.log-card').first()
    await card.waitFor()
    expect(await page.locator('.log-table').count()).toBe(0)
    const name = await card.locator('strong').innerText()
    await card.click()
    expect(await page.locator('.drawer h2').innerText()).toBe(name)
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
