/** The log where it is read: at every width, on paper, in few colours, by mouse and by keyboard. */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

const WIDTHS = [390, 768, 1024, 1280, 1440, 2560]

describe.skipIf(NO_CHROMIUM)('reading the log', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    const now = Date.now()
    await lab.ingest(
      officeSessions({ count: 60, fromMs: now - 20 * 3600e3, toMs: now, seed: 4, open: 3 }),
    )
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  const rows = (page: Page) => page.locator('[data-session]')
  const columns = (page: Page) =>
    page.locator('.log-table thead th').filter({ visible: true }).allInnerTexts()
  /** Cells that reach beyond what scrolls them: nobody sees that there is more. */
  const cut = (page: Page) =>
    page.evaluate<string[]>(`(() => {
      const room = document.querySelector('.scroller').getBoundingClientRect()
      return [...document.querySelectorAll('.log-table th, .log-table td, .log-card')]
        .filter((cell) => cell.getBoundingClientRect().right > room.right + 0.5)
        .map((cell) => cell.className)
    })()`)

  test('no column is cut off at any width, with details and without', async () => {
    const page = await lab.open()
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 })
      await rows(page).first().waitFor()
      expect(await cut(page), `${width} px`).toEqual([])
      if (width < 760) continue
      const shown = await columns(page)
      for (const name of ['Started', 'How it ended', 'Resource', 'Client', 'Sent', 'Received'])
        expect(shown, `${width} px`).toContain(name)
      await page.locator('.row-button').first().click()
      await page.locator('.drawer').waitFor()
      expect(await cut(page), `${width} px with details`).toEqual([])
      expect((await columns(page)).slice(0, 3)).toEqual(['Started', 'How it ended', 'Resource'])
      await page.keyboard.press('Escape')
      await page.locator('.drawer').waitFor({ state: 'detached' })
    }
    expect(await columns(page)).toHaveLength(11)
  })

  test.each(['en', 'de'])(
    'no link to a page is cut off from 768 pixels on (%s)',
    async (language) => {
      const page = await lab.open()
      await page.evaluate(`localStorage.setItem('tunmeter.language', '${language}')`)
      await page.reload()
      await rows(page).first().waitFor()
      for (const width of WIDTHS.filter((one) => one >= 768)) {
        await page.setViewportSize({ width, height: 900 })
        const nav = page.locator('.nav')
        const hidden = await nav.evaluate((list) => list.scrollWidth - list.clientWidth)
        expect(hidden, `${width} px`).toBeLessThanOrEqual(0)
      }
    },
  )

  test('the more bytes, the longer the bar, by powers of ten', async () => {
    const page = await lab.open('/?sort=-bytesRx')
    await rows(page).first().waitFor()
    const bars = await page
      .locator('.col-received')
      .filter({ has: page.locator('.weight') })
      .evaluateAll((cells) =>
        cells.map((cell) => {
          const title = cell.querySelector('.bytes')?.getAttribute('title') ?? ''
          const width = cell.querySelector('.weight rect')?.getAttribute('width')
          return [Number(title.replace(/\D/g, '')), Number(width)] as const
        }),
      )
    expect(bars.length).toBeGreaterThan(20)
    for (const [bytes, width] of bars) {
      const expected = Math.min(7, Math.max(0, Math.log10(bytes / 1000))) / 0.07
      expect(width).toBeCloseTo(expected, 6)
    }
    expect(new Set(bars.map(([, width]) => width)).size).toBeGreaterThan(10)
  })

  test('a double-click on an address selects it, and opens nothing', async () => {
    const page = await lab.open()
    const cell = rows(page).nth(1).locator('.col-dest > [title]').first()
    await cell.dblclick()
    const selected = (await page.evaluate<string>('getSelection().toString()')).trim()
    expect(selected).not.toBe('')
    expect(await cell.innerText()).toContain(selected)
    expect(await page.locator('.drawer').count()).toBe(0)
    // And a single one opens the details of its row.
    await rows(page).nth(2).locator('.col-outcome').click()
    await page.locator('.drawer').waitFor()
  })

  test('Back closes the details, and after they were closed leads past them', async () => {
    const page = await lab.open('/?protocol=tcp')
    await page.getByRole('link', { name: 'Sites' }).click()
    await page.locator('.facts').first().waitFor()
    await page.getByRole('link', { name: 'Connection logs' }).click()
    await rows(page).first().waitFor()
    await page.locator('.row-button').first().click()
    await page.locator('.drawer').waitFor()
    await page.keyboard.press('j')
    await page.goBack()
    await page.locator('.drawer').waitFor({ state: 'detached' })
    expect(new URL(page.url()).pathname).toBe('/')
    await page.locator('.row-button').first().click()
    await page.locator('.drawer').waitFor()
    await page.keyboard.press('Escape')
    await page.locator('.drawer').waitFor({ state: 'detached' })
    await page.goBack()
    await page.getByRole('heading', { name: 'Sites', level: 1 }).waitFor()
  })

  test('Back shows the rows of before without asking for them again', async () => {
    const page = await lab.open()
    const asked: string[] = []
    const waiting = new Set<unknown>()
    page.on('request', (request) => {
      waiting.add(request)
      if (request.url().includes('/logs/connection')) asked.push(request.url())
    })
    page.on('requestfinished', (request) => waiting.delete(request))
    page.on('requestfailed', (request) => waiting.delete(request))
    const ids = () => rows(page).evaluateAll((list) => list.map((row) => row.dataset.session))
    await rows(page).first().waitFor()
    const all = await ids()
    await expect.poll(() => waiting.size).toBe(0)
    await lab.choose(page, 'protocol:u')
    await expect.poll(ids).not.toEqual(all)
    await expect.poll(() => waiting.size).toBe(0)
    await page.getByRole('link', { name: 'Overview' }).click()
    await page.locator('.matrix').first().waitFor()
    await expect.poll(() => waiting.size).toBe(0)
    asked.length = 0
    await page.goBack()
    await page.goBack()
    await expect.poll(ids).toEqual(all)
    await page.goForward()
    await page.goForward()
    await page.locator('.matrix').first().waitFor()
    expect(asked).toEqual([])
    // A refresh asks.
    await page.goBack()
    await rows(page).first().waitFor()
    await page.keyboard.press('r')
    await expect.poll(() => asked.length).toBeGreaterThan(0)
  })

  test('the details show this client with this resource, half an hour before and after', async () => {
    type Row = { sessionId: string; clientId: number; siteResourceId: number; startTime: string }
    const { log } = await lab.api('GET', `/org/${ORG}/logs/connection?limit=100`)
    const near = (one: Row) =>
      log.filter(
        (other: Row) =>
          other.clientId === one.clientId &&
          other.siteResourceId === one.siteResourceId &&
          Math.abs(Date.parse(other.startTime) - Date.parse(one.startTime)) < 29 * 60e3,
      ).length
    const { sessionId }: Row = log
      .filter((one: Row) => one.clientId !== null && one.siteResourceId !== null)
      .reduce((most: Row, one: Row) => (near(one) > near(most) ? one : most))
    const expected = near(log.find((one: Row) => one.sessionId === sessionId))
    expect(expected).toBeGreaterThan(1)
    const page = await lab.open()
    await page.goto(`${lab.server.url}/?session=${sessionId}`)
    const strip = page.locator('.pair-strip')
    await strip.getByRole('link').waitFor()
    expect(await strip.locator('rect').count()).toBe(expected)
    await strip.getByRole('link').click()
    await expect.poll(() => rows(page).count()).toBe(expected)
  })

  test('the details show what the client did before and after, and lead there', async () => {
    const { log } = await lab.api('GET', `/org/${ORG}/logs/connection?limit=100`)
    type Row = { sessionId: string; clientId: number; startTime: string }
    const ofClient = (log as Row[]).filter(({ clientId }) => clientId === 1).reverse()
    expect(ofClient.length).toBeGreaterThan(5)
    const at = 4
    const expected = ofClient.slice(at - 3, at + 4)
    const page = await lab.open(`/?session=${ofClient[at]!.sessionId}`)
    const lines = page.locator('.neighbour')
    const clock = ({ startTime }: Row) =>
      new Date(startTime).toLocaleTimeString('en-GB', { timeZone: 'Europe/Amsterdam' })
    const clocks = async () =>
      (await lines.locator('.figures').allInnerTexts()).map((text) => text.split(', ')[1])
    await expect.poll(clocks).toEqual(expected.map(clock))
    expect(await page.locator('.neighbour[aria-current]').count()).toBe(1)
    await lines.first().click()
    await page.locator('.drawer', { hasText: expected[0]!.sessionId }).waitFor()
    await page.goBack()
  })

  test('the query bar suggests with counts, and takes keys', async () => {
    const page = await lab.open()
    await rows(page).first().waitFor()
    await page.keyboard.press('/')
    // Keys of the language first, then the values of one.
    await page.keyboard.type('cl')
    await page.getByRole('option', { name: /^client:/ }).waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    const field = page.getByRole('combobox', { name: 'Search and filter' })
    await expect.poll(() => field.inputValue()).toBe('client:')
    await page.keyboard.type('ada-l')
    const option = page.getByRole('option', { name: /^ada-laptop\s*\d+/ })
    await option.waitFor()
    await page.keyboard.press('ArrowDown')
    expect(await option.getAttribute('aria-selected')).toBe('true')
    expect(await field.getAttribute('aria-activedescendant')).toBe(await option.getAttribute('id'))
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Remove filter Client: ada-laptop' }).waitFor()
    expect(await field.inputValue()).toBe('')
    // A minus leaves out what is chosen; Backspace takes the last one back.
    await page.keyboard.type('-resource:wiki')
    await page.getByRole('option', { name: 'Company wiki' }).click()
    await page.getByRole('button', { name: 'Remove filter not resource: Company wiki' }).waitFor()
    await page.keyboard.press('Backspace')
    await expect.poll(() => new URL(page.url()).searchParams.has('q')).toBe(false)
    expect(new URL(page.url()).searchParams.get('clientId')).toBe('1')
  })

  test('what is chosen stays chosen when the counts arrive', async () => {
    const page = await lab.open()
    await rows(page).first().waitFor()
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    await page.route('**/histogram?*', async (route) => {
      await released
      await route.continue().catch(() => undefined)
    })
    await page.keyboard.press('/')
    await page.keyboard.type('outcome:')
    const group = page.getByRole('option', { name: /^failed/ })
    await group.waitFor()
    await page.keyboard.press('ArrowDown')
    const counted = page.getByRole('option', { name: /SF/ })
    expect(await counted.count()).toBe(0)
    release()
    await counted.waitFor()
    expect(await group.getAttribute('aria-selected')).toBe('true')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: /^Remove filter .*failed/i }).waitFor()
  })

  test('what is chosen while a pause applies the letters typed so far is kept', async () => {
    const page = await lab.open()
    await rows(page).first().waitFor()
    // Enter meets the rendering of the applied letters, before its effects.
    await page.evaluate(() => {
      const press = (key: string) =>
        document.activeElement!.dispatchEvent(
          new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }),
        )
      for (const name of ['pushState', 'replaceState'] as const) {
        const original = history[name].bind(history)
        history[name] = (data, unused, url) => {
          original(data, unused, url)
          if (!String(url).includes('q=cl')) return
          press('ArrowDown')
          setTimeout(() => press('Enter'))
        }
      }
    })
    await page.keyboard.press('/')
    await page.keyboard.type('cl')
    const field = page.getByRole('combobox', { name: 'Search and filter' })
    await expect.poll(() => field.inputValue()).toBe('client:')
    await expect.poll(() => new URL(page.url()).searchParams.has('q')).toBe(false)
    expect(await field.inputValue()).toBe('client:')
  })

  test('on paper: every column and row, and nothing that can only be pressed', async () => {
    const page = await lab.open('/?protocol=tcp', { colorScheme: 'dark' })
    await rows(page).first().waitFor()
    // A4 across, less its margins.
    await page.setViewportSize({ width: 1032, height: 700 })
    await page.emulateMedia({ media: 'print' })
    const { totals } = await lab.api('GET', `/org/${ORG}/logs/connection/summary?protocol=tcp`)
    const count: number = totals.sessions
    await expect.poll(() => rows(page).count()).toBe(count)
    expect(await columns(page)).toHaveLength(11)
    expect(await cut(page)).toEqual([])
    const last = (await rows(page)
      .nth(count - 1)
      .boundingBox())!
    const position = (await page.locator('.position').boundingBox())!
    expect(position.y).toBeGreaterThanOrEqual(last.y + last.height)
    expect(await page.locator('button, select, input').filter({ visible: true }).count()).toBe(
      await page.locator('.sort, .row-button').count(),
    )
    await page.getByText('times are in Europe/Amsterdam').waitFor()
    const ink = await page.evaluate('getComputedStyle(document.body).color')
    expect(ink).toBe('rgb(18, 25, 26)')
    const pdf = await page.pdf({ preferCSSPageSize: true })
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
  })

  test('in forced colours: series, the page that is shown and what is chosen can be told', async () => {
    const page = await lab.open('/overview', { forcedColors: 'active' })
    await page.locator('.legend .swatch').nth(1).waitFor()
    const style = (selector: string, name: string) =>
      page.locator(selector).evaluateAll(
        (all, property) =>
          all.map((one) =>
            (
              globalThis as unknown as {
                getComputedStyle(e: unknown): { getPropertyValue(n: string): string }
              }
            )
              .getComputedStyle(one)
              .getPropertyValue(property),
          ),
        name,
      )
    const swatches = await style('.legend .swatch', 'background-color')
    expect(new Set(swatches).size).toBe(swatches.length)
    const [current] = await style('.nav a[aria-current]', 'border-bottom-color')
    const others = await style('.nav a:not([aria-current])', 'border-bottom-color')
    expect(others).not.toContain(current)
    const [chosen] = await style('.segments [aria-pressed="true"]', 'background-color')
    const rest = await style('.segments [aria-pressed="false"]', 'background-color')
    expect(rest).not.toContain(chosen)
  })

  test('while the server is away the position stays in the window and no clock ticks', async () => {
    const page = await lab.open('/?state=open')
    await page.locator('.ticking').first().waitFor()
    await page.route('**/api/**', (route) => route.abort())
    await page.keyboard.press('r')
    await page.getByText('The server does not answer. This page shows').waitFor()
    await expect.poll(() => page.locator('.ticking').count()).toBe(0)
    expect(await rows(page).count()).toBe(3)
    const position = (await page.locator('.position').boundingBox())!
    expect(position.y + position.height).toBeLessThanOrEqual(900)
  })

  test('a confirmation is said inside the dialog that it belongs to', async () => {
    const page = await lab.open('/settings')
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByRole('button', { name: 'New key' }).click()
    await page.getByRole('dialog').getByLabel('Name').fill('A reader')
    await page.getByRole('dialog').getByRole('button', { name: 'Create' }).click()
    await page.getByRole('dialog').getByRole('button', { name: /Copy/ }).click()
    await page.locator('dialog .toast').waitFor()
    expect(await page.locator('.toast').filter({ visible: true }).count()).toBe(1)
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
