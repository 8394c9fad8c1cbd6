/** Above the rows: bars that hold each session once, and lead to the time they show. */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

describe.skipIf(NO_CHROMIUM)('histogram', () => {
  let lab: Lab
  const toMs = Math.floor(Date.now() / 3600e3) * 3600e3
  const fromMs = toMs - 20 * 3600e3
  const iso = (ms: number) => new Date(ms).toISOString()
  const range = `timeStart=${iso(fromMs)}&timeEnd=${iso(toMs)}`
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    const rows = (seed: number) => officeSessions({ count: 150, fromMs, toMs, seed, open: 3 })
    // Watched from the middle of the range on.
    const startedAt = iso(fromMs + 10 * 3600e3)
    await lab.ingest(rows(1), { siteId: 1, report: { startedAt } })
    await lab.ingest(rows(2), { siteId: 2 })
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  const times = (page: Page) => {
    const { searchParams } = new URL(page.url())
    return ['timeStart', 'timeEnd'].map((name) => Date.parse(searchParams.get(name) ?? ''))
  }
  const answerFor = (query: string) =>
    lab.api('GET', `/org/${ORG}/logs/connection/histogram?bars=90&utcOffset=60&${query}`)
  const plot = (page: Page) => page.getByRole('group', { name: 'Time range' })

  test('shows what the API counts, under the filters, and says it in a table', async () => {
    const page = await lab.open(`/?${range}&clientId=1`)
    const { outcomes } = await answerFor(`${range}&clientId=1`)
    const table = page.locator('.histogram table')
    await table.waitFor({ state: 'attached' })
    const cells = await table
      .locator('tbody tr')
      .evaluateAll((rows) => rows.map((row) => [...row.children].map((c) => c.textContent ?? '')))
    const column = (at: number) => cells.reduce((sum, row) => sum + Number(row[at]), 0)
    const sum = (name: string) =>
      outcomes[name].sessions.reduce((all: number, n: number) => all + n, 0)
    const names = ['closed', 'open', 'reset', 'failed']
    expect([1, 2, 3, 4].map(column)).toEqual(names.map(sum))
    const { totals } = await lab.api(
      'GET',
      `/org/${ORG}/logs/connection/summary?${range}&clientId=1`,
    )
    expect(names.map(sum).reduce((a, b) => a + b)).toBe(totals.sessions)
    await page.getByRole('button', { name: 'Bytes', exact: true }).click()
    await page.waitForURL('**bars=bytes**')
  })

  test('on request the week before stands behind the bars', async () => {
    const week = 7 * 86_400e3
    const before = `timeStart=${iso(fromMs - week)}&timeEnd=${iso(toMs - week)}`
    const span = { fromMs: fromMs - week, toMs: toMs - week }
    await lab.ingest(officeSessions({ ...span, count: 90, seed: 3 }), { siteId: 2 })
    const page = await lab.open(`/?${range}&protocol=tcp`)
    const table = page.locator('.histogram table')
    await table.waitFor({ state: 'attached' })
    expect(await page.locator('.bar-ghost').count()).toBe(0)
    await page.getByRole('button', { name: 'Week before' }).click()
    await expect.poll(() => page.locator('.bar-ghost').count()).toBeGreaterThan(0)
    expect(new URL(page.url()).searchParams.get('ghost')).toBe('1')
    type Outcomes = Record<string, { sessions: number[] }>
    const sums = async (query: string) => {
      const { outcomes, bars }: { outcomes: Outcomes; bars: number } = await answerFor(query)
      return Array.from({ length: bars }, (_, bar) =>
        Object.values(outcomes).reduce((sum, { sessions }) => sum + sessions[bar]!, 0),
      )
    }
    const [earlier, now] = [
      await sums(`${before}&protocol=tcp`),
      await sums(`${range}&protocol=tcp`),
    ]
    const heights = await page
      .locator('.bar-ghost')
      .evaluateAll((bars) => bars.map((bar) => Number(bar.getAttribute('height'))))
    const most = Math.max(...now, ...earlier)
    const expected = earlier.map((n) => (64 * n) / most)
    expect(heights).toHaveLength(expected.length)
    for (const [bar, height] of heights.entries()) expect(height).toBeCloseTo(expected[bar]!, 6)
    expect(await table.locator('thead').innerText()).toContain('Week before')
  })

  test('what is not known is hatched, of the sites that are chosen', async () => {
    const page = await lab.open(`/?${range}`)
    const hatch = page.locator('.histogram .strip-unwatched')
    await hatch.waitFor({ state: 'attached' })
    const [inner, outer] = [await hatch.boundingBox(), await plot(page).boundingBox()]
    expect(inner!.width / outer!.width).toBeCloseTo(0.5, 1)
    await page.goto(`${lab.server.url}/?${range}&siteId=2`)
    await page.locator('.completeness-badge').waitFor()
    await page.locator('.histogram table').waitFor({ state: 'attached' })
    expect(await hatch.count()).toBe(0)
  })

  test('a drag shows the time of its bars, Escape and Back return', async () => {
    const page = await lab.open(`/?${range}`)
    const { from, barSeconds, bars } = await answerFor(range)
    await page.locator('.histogram table').waitFor({ state: 'attached' })
    const box = (await plot(page).boundingBox())!
    const at = (bar: number) => box.x + ((bar + 0.5) / bars) * box.width
    const drag = async (one: number, other: number) => {
      await page.mouse.move(at(one), box.y + 20)
      await page.mouse.down()
      await page.mouse.move(at(other), box.y + 30, { steps: 3 })
      await page.mouse.up()
    }
    const edge = (bar: number) => Date.parse(from) + bar * barSeconds * 1000
    await drag(20, 12)
    await expect.poll(() => times(page)).toEqual([edge(12), edge(21)])
    await page.keyboard.press('Escape')
    await expect.poll(() => times(page)).toEqual([fromMs, toMs])
    await page.goBack()
    await expect.poll(() => times(page)).toEqual([edge(12), edge(21)])
    // A click chooses nothing.
    await page.goForward()
    await page.mouse.click(at(5), box.y + 20)
    expect(times(page)).toEqual([fromMs, toMs])
  })

  test('arrow keys move the time, and Escape leads back to where they began', async () => {
    const page = await lab.open(`/?${range}`)
    const { barSeconds } = await answerFor(range)
    await page.locator('.histogram table').waitFor({ state: 'attached' })
    const barMs = barSeconds * 1000
    await plot(page).focus()
    await page.keyboard.press('ArrowLeft')
    await expect.poll(() => times(page)).toEqual([fromMs - barMs, toMs - barMs])
    await page.keyboard.press('Shift+ArrowLeft')
    const lengthMs = toMs - fromMs
    await expect
      .poll(() => times(page))
      .toEqual([fromMs - barMs - lengthMs, toMs - barMs - lengthMs])
    await page.keyboard.press('Escape')
    await expect.poll(() => times(page)).toEqual([fromMs, toMs])
    await page.keyboard.press('ArrowUp')
    await expect.poll(() => times(page)).toEqual([fromMs + lengthMs / 4, toMs - lengthMs / 4])
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
