/** The log has no end: rows go on as one scrolls and as one presses j, and the address knows the place. */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

const COUNT = 640
/** Whatever the length of the log, a page draws no more rows than these. */
const DRAWN_MAX = 90

describe.skipIf(NO_CHROMIUM)('a long log', () => {
  let lab: Lab
  let all: string[]
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    const now = Date.now()
    await lab.ingest(
      officeSessions({ count: COUNT, fromMs: now - 20 * 3600e3, toMs: now - 60e3, seed: 41 }),
    )
    const { log } = await lab.api('GET', `/org/${ORG}/logs/connection?limit=1000`)
    all = log.map((row: { sessionId: string }) => row.sessionId)
    expect(all).toHaveLength(COUNT)
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  const rows = (page: Page) => page.locator('[data-session]')
  /** The numbers of the drawn rows; each is the session of this number. */
  const drawn = async (page: Page): Promise<number[]> => {
    const shown = await rows(page).evaluateAll((list) =>
      list.map((row) => [
        row.getAttribute('data-session')!,
        Number(row.getAttribute('aria-posinset') ?? Number(row.getAttribute('aria-rowindex')) - 1),
      ]),
    )
    expect(shown.length).toBeLessThanOrEqual(DRAWN_MAX)
    return shown.map(([id, number]) => {
      expect(all[(number as number) - 1]).toBe(id)
      return number as number
    })
  }
  const position = (page: Page) => page.locator('.position p').innerText()
  const rowInAddress = (page: Page) => Number(new URL(page.url()).searchParams.get('row') ?? 1)
  /** By its own wheel, as far as it goes. */
  const toTheEnd = (page: Page) =>
    page.locator('.scroller').evaluate((list) => list.scrollTo(0, list.scrollHeight))
  const asked = (page: Page) => {
    const urls: URL[] = []
    page.on('request', (request) => {
      const url = new URL(request.url())
      if (url.pathname.endsWith('/logs/connection')) urls.push(url)
    })
    return urls
  }

  test('rows follow to the last one, by cursor, and few of them are drawn', async () => {
    const page = await lab.newPage()
    const urls = asked(page)
    await lab.signIn(page)
    await rows(page).first().waitFor()
    await expect.poll(() => position(page)).toMatch(new RegExp(`^1–\\d+ of ${COUNT} sessions$`))
    expect(urls).toHaveLength(1)
    await expect
      .poll(async () => {
        await toTheEnd(page)
        return (await drawn(page)).at(-1)
      })
      .toBe(COUNT)
    await expect.poll(() => position(page)).toMatch(new RegExp(`–${COUNT} of ${COUNT} sessions$`))
    const [first, ...others] = urls
    expect(first!.searchParams.get('offset')).toBe('0')
    expect(others).toHaveLength(Math.ceil(COUNT / 100) - 1)
    expect(others.every((url) => url.searchParams.has('cursor'))).toBe(true)
    const table = page.getByRole('table', { name: 'Sessions', exact: true })
    expect(await table.getAttribute('aria-rowcount')).toBe(String(COUNT + 1))
  })

  test('a link leads to its row, also near the end of what loads first; the rows before it follow', async () => {
    for (const viewport of [
      { width: 1440, height: 900 },
      { width: 390, height: 844 },
    ]) {
      const page = await lab.open('/?row=300', { viewport })
      await expect.poll(() => position(page)).toMatch(/^300–/)
      await page.mouse.move(viewport.width * 0.6, 600)
      await expect
        .poll(async () => {
          await page.mouse.wheel(0, -4000)
          return (await drawn(page))[0]
        })
        .toBe(1)
      await expect.poll(() => rowInAddress(page)).toBe(1)
      await page.context().close()
    }
  })

  test('j goes on past what is loaded, with details and without', async () => {
    const page = await lab.open()
    await rows(page).first().waitFor()
    const focused = () =>
      page.evaluate<string | null>(
        "document.activeElement?.closest('[data-session]')?.getAttribute('data-session') ?? null",
      )
    await expect
      .poll(
        async () => {
          await page.keyboard.press('j')
          return all.indexOf((await focused()) ?? '')
        },
        { interval: 1, timeout: 60_000 },
      )
      .toBe(130)
    await page.keyboard.press('Enter')
    await page.locator('.drawer', { hasText: all[130]! }).waitFor()
    await page.keyboard.press('j')
    await page.locator('.drawer', { hasText: all[131]! }).waitFor()
    expect(new URL(page.url()).searchParams.get('session')).toBe(all[131])
  })

  test('Back returns to the place, without asking for its rows again', async () => {
    const page = await lab.open()
    await rows(page).first().waitFor()
    await expect
      .poll(async () => {
        await toTheEnd(page)
        return (await drawn(page)).at(-1)
      })
      .toBeGreaterThan(300)
    await expect.poll(() => rowInAddress(page)).toBeGreaterThan(250)
    const [first] = (await position(page)).split('–')
    await page.getByRole('link', { name: 'Usage', exact: true }).click()
    await page.getByRole('heading', { name: 'Usage' }).waitFor()
    const urls = asked(page)
    await page.goBack()
    await expect.poll(() => position(page)).toMatch(new RegExp(`^${first}–`))
    await drawn(page)
    expect(urls).toEqual([])
    // One step back from the log is what was before it, not an earlier place.
    await page.goBack()
    expect(new URL(page.url()).pathname).not.toBe('/usage')
    expect(page.url()).not.toContain('row=')
  })

  test('a row by its number; one that is not there says so and leads back', async () => {
    const page = await lab.open()
    await rows(page).first().waitFor()
    await expect.poll(() => position(page)).toContain(String(COUNT))
    const field = page.getByLabel('Row', { exact: true })
    await field.fill('412')
    await field.press('Enter')
    await expect.poll(() => position(page)).toMatch(/^412–/)
    await drawn(page)
    // Not beyond the last one.
    await field.fill('4711')
    await field.press('Enter')
    await expect.poll(() => position(page)).toMatch(new RegExp(`–${COUNT} of`))
    await page.goto(`${lab.server.url}/?row=9900`)
    await page.getByRole('heading', { name: 'There is no row 9,900' }).waitFor()
    await page.getByRole('button', { name: 'First row' }).click()
    await expect.poll(() => position(page)).toMatch(/^1–/)
  })

  test('beyond the rows that a number reaches, a cursor in the address leads on', async () => {
    const { pagination } = await lab.api('GET', `/org/${ORG}/logs/connection?limit=200`)
    const page = await lab.open(`/?row=1000201&after=${pagination.nextCursor}`)
    await expect.poll(() => rows(page).first().getAttribute('data-session')).toBe(all[200])
    await expect
      .poll(async () => {
        await toTheEnd(page)
        return rows(page).last().getAttribute('data-session')
      })
      .toBe(all.at(-1))
    // Another order begins anew.
    await page.getByRole('button', { name: 'Duration' }).click()
    await expect.poll(() => position(page)).toMatch(/^1–/)
    expect(new URL(page.url()).searchParams.has('after')).toBe(false)
    await page.goto(`${lab.server.url}/?row=3000000`)
    await page.getByRole('heading', { name: 'There is no row 1,000,001' }).waitFor()
  })

  test('a new selection begins at its first row', async () => {
    const page = await lab.open('/?row=300')
    await expect.poll(() => position(page)).toMatch(/^300–/)
    await lab.choose(page, 'protocol:t')
    await expect.poll(() => position(page)).toMatch(/^1–/)
    expect(await page.locator('.scroller').evaluate((list) => list.scrollTop)).toBe(0)
  })

  test('when the next rows do not come, it says so and tries again when asked', async () => {
    const page = await lab.open()
    await rows(page).first().waitFor()
    let refused = 0
    await page.route('**/logs/connection?*', (route) => {
      refused++
      return route.fulfill({ status: 400, json: {} })
    })
    await toTheEnd(page)
    await page.getByText('The next sessions did not come.').waitFor()
    expect(refused).toBe(1)
    await page.unroute('**/logs/connection?*')
    await page.locator('.list-end').getByRole('button', { name: 'Try again' }).click()
    await expect
      .poll(async () => {
        await toTheEnd(page)
        return (await drawn(page)).at(-1)
      })
      .toBeGreaterThan(120)
  })

  test('on paper: all rows that are loaded', async () => {
    const page = await lab.open()
    await rows(page).first().waitFor()
    expect(await rows(page).count()).toBeLessThan(100)
    await page.emulateMedia({ media: 'print' })
    await expect.poll(() => rows(page).count()).toBe(100)
    await expect.poll(() => position(page)).toMatch(/^1–100 of/)
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
