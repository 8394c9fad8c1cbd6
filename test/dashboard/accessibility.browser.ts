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
  wide: { width: 1440, height: 900 },
  narrow: { width: 390, height: 844 },
} as const

/** What must be on the page before it is looked at. */
const PAGES: Record<string, { readonly path: string; readonly ready: string }> = {
  log: { path: '/', ready: '[data-session]' },
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

  /** @param part of the page: what is behind an open menu has been looked at before */
  async function violations(page: Page, part = 'html'): Promise<string[]> {
    // By the debugger, not as a script element: the page's policy would refuse that.
    await page.evaluate(AXE)
    // While an answer is asked for again the earlier one is faint, and becomes clear by a transition. waitForFunction()
    // would poll by eval, which the page's policy refuses.
    await expect.poll(() => page.evaluate(SETTLED)).toBe(true)
    const results = (await page.evaluate(
      `axe.run(${JSON.stringify(part)}, { runOnly: ${JSON.stringify(RULES)}, resultTypes: ['violations'] })`,
    )) as AxeResults
    expect(results.passes.length).toBeGreaterThan(3)
    return results.violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
    )
  }

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [size, viewport] of Object.entries(SIZES)) {
      test(`every page, ${colorScheme}, ${size}`, async () => {
        const page = await lab.open('/', { colorScheme, viewport })
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

      test(`drawer, menus and dialogs, ${colorScheme}, ${size}`, async () => {
        const page = await lab.open('/?protocol=tcp', { colorScheme, viewport })
        await page.locator('.row-button').first().click()
        await page.locator('.drawer').waitFor()
        expect(await violations(page, '.drawer'), 'drawer').toEqual([])
        await page.keyboard.press('Escape')
        for (const menu of ['Time range', 'Export', 'Signed in']) {
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

    test(`sign-in, ${colorScheme}`, async () => {
      const page = await lab.newPage({ colorScheme })
      await page.goto(lab.server.url)
      await page.getByText('Where do I get a key?').click()
      await page.getByLabel('Key', { exact: true }).fill('tm_wrong')
      await page.keyboard.press('Enter')
      await page.getByRole('alert').waitFor()
      expect(await violations(page)).toEqual([])
    })
  }

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
