/** The dashboard in German: by the browser's language or the switch, on every page, wide and narrow. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa']
const WIDTHS = [1280, 390]

/** Each page with its heading, and what must be on it before it is looked at. */
const PAGES: readonly (readonly [path: string, heading: string, ready: string])[] = [
  ['/', 'Verbindungen', '[data-session]'],
  ['/overview', 'Übersicht', '.chart canvas'],
  ['/connected', 'Verbundene Clients', '.lead'],
  ['/usage', 'Nutzung', '.plain-table'],
  ['/sites', 'Standorte', '.facts'],
  ['/destinations', 'Empfänger', '.state'],
  ['/audit', 'Prüfprotokoll', '.plain-table'],
  ['/settings', 'Einstellungen', '.plain-table'],
  ['/client/1', 'Client', '.entity .lead'],
]

const SETTLED = `document.querySelector('.stale, [aria-busy=true]') === null &&
  document.getAnimations().every((one) => !(one instanceof CSSTransition))`

describe.skipIf(NO_CHROMIUM)('the dashboard in German', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    const now = Date.now()
    await lab.ingest(
      officeSessions({ count: 40, fromMs: now - 20 * 3600e3, toMs: now, seed: 6, open: 3 }),
    )
    await lab.ingest([], { skip: 2, report: { packetsDropped: 12 } })
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  const lang = (page: Page) => page.locator('html').getAttribute('lang')

  async function violations(page: Page): Promise<string[]> {
    await page.evaluate(AXE)
    await expect.poll(() => page.evaluate(SETTLED)).toBe(true)
    const results = (await page.evaluate(
      `axe.run('html', { runOnly: ${JSON.stringify(RULES)}, resultTypes: ['violations'] })`,
    )) as AxeResults
    expect(results.passes.length).toBeGreaterThan(3)
    return results.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
  }

  /** Cells that reach beyond what scrolls them. */
  const cut = (page: Page) =>
    page.evaluate<string[]>(`(() => {
      const right = document.querySelector('.scroller')?.getBoundingClientRect().right ?? Infinity
      return [...document.querySelectorAll('.log-table th, .log-table td, .log-card')]
        .filter((cell) => cell.getBoundingClientRect().right > right + 0.5)
        .map((cell) => cell.className)
    })()`)

  for (const width of WIDTHS) {
    test.each(PAGES)(
      `%s, ${width} px: nothing cut or too wide, axe finds nothing`,
      async (...of) => {
        const [path, heading, ready] = of
        const page = await lab.open(path, { locale: 'de-DE', viewport: { width, height: 900 } })
        await page.locator(ready).first().waitFor()
        expect(await page.locator('h1').innerText()).toContain(heading)
        expect(await lang(page)).toBe('de')
        expect(await cut(page)).toEqual([])
        const wider = await page.evaluate(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        )
        expect(wider, 'wider than the window').toBe(0)
        expect(await violations(page)).toEqual([])
      },
    )
  }

  test('a switch changes it; it is kept, and the button keeps the focus', async () => {
    const page = await lab.open('/', { locale: 'fr-FR' })
    await page.getByRole('button', { name: /^EN: English/ }).click()
    const back = page.getByRole('button', { name: /^DE: Deutsch/ })
    await back.waitFor()
    expect(await back.evaluate('document.activeElement.className')).toContain('language-switch')
    await page.getByRole('columnheader', { name: 'Ausgang' }).waitFor()
    await page.reload()
    await page.getByRole('columnheader', { name: 'Ausgang' }).waitFor()
    expect([await lang(page), await page.title()]).toEqual(['de', 'Verbindungen · tunmeter'])
    await page.getByRole('link', { name: 'Nutzung' }).click()
    await page.getByRole('heading', { name: 'Nutzung' }).waitFor()
    await back.click()
    await page.getByRole('heading', { name: 'Usage' }).waitFor()
    expect([await lang(page), await page.title()]).toEqual(['en', 'Usage · tunmeter'])
  })

  test('what is missing, a wrong term and a typed time are in German', async () => {
    const page = await lab.open('/', { locale: 'de-AT' })
    await page.getByText(/Lieferungen, die nie ankamen \(2 Lieferungen\)/).waitFor()
    await page.getByLabel('Suchen und filtern').fill('bytes>viel')
    await page.keyboard.press('Enter')
    await page.getByText('bytes: erwartet wird eine Menge wie 500').waitFor()
    await page.getByLabel('Suchen und filtern').fill('')
    await page.getByRole('button', { name: /^Zeitraum:/ }).click()
    await page.getByLabel('In Worten').fill('gestern 18:00 bis 08:00')
    await page.keyboard.press('Enter')
    await expect.poll(() => new URL(page.url()).searchParams.get('timeStart')).not.toBeNull()
  })

  test('the sign-in page says in German why a key is refused', async () => {
    const page = await lab.newPage({ locale: 'de-DE', viewport: { width: 390, height: 844 } })
    await page.goto(lab.server.url)
    await page.getByLabel('Schlüssel', { exact: true }).fill('tm_wrong')
    await page.keyboard.press('Enter')
    await page.getByText('Dieser Schlüssel ist nicht bekannt.').waitFor()
    expect(await violations(page)).toEqual([])
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
