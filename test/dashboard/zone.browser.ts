/** The zone of all times: the browser's or UTC. */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

const HOUR_MS = 3600e3

describe.skipIf(NO_CHROMIUM)('the zone of times', () => {
  let lab: Lab
  const now = Date.now()
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    await lab.ingest(officeSessions({ fromMs: now - 20 * HOUR_MS, toMs: now, count: 60, seed: 5 }))
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  /** India has no summer time, and is never at the same hour or minute as UTC. */
  const open = (path: string) => lab.open(path, { timezoneId: 'Asia/Kolkata' })
  const clockOf = (ms: number, timeZone: string) =>
    new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium', timeZone }).format(ms)
  const toUtc = async (page: Page) => {
    await page.getByRole('button', { name: /^Times are in .*UTC\+5:30\. Show UTC$/ }).click()
    const back = page.getByRole('button', { name: /^Times are in UTC\. Show .*UTC\+5:30$/ })
    await back.waitFor()
    return back
  }

  test('is one for rows, details and what is typed; it is kept, and goes back', async () => {
    const page = await open('/')
    const { log } = await lab.api('GET', `/org/${ORG}/logs/connection?limit=1`)
    const startMs = Date.parse(log[0].startTime)
    const row = page.locator('.row-button').first()
    await row.getByText(clockOf(startMs, 'Asia/Kolkata')).waitFor()
    const button = await toUtc(page)
    await row.getByText(clockOf(startMs, 'UTC')).waitFor()
    expect(await button.evaluate('document.activeElement.className')).toContain('zone-switch')
    await page.reload()
    await row.getByText(clockOf(startMs, 'UTC')).click()
    await page.locator('.drawer').getByText(clockOf(startMs, 'UTC')).first().waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Time range' }).click()
    const from = page.getByLabel('From', { exact: true })
    const shown = `${await from.inputValue()}:00Z`
    expect(Math.abs(Date.parse(shown) - (Date.now() - 24 * HOUR_MS))).toBeLessThan(2 * HOUR_MS)
    await from.fill('2026-11-01 10:15')
    await page.getByLabel('To', { exact: true }).fill('2026-11-02 00:00')
    await page.getByRole('button', { name: 'Apply' }).click()
    const { searchParams } = new URL(page.url())
    expect(searchParams.get('timeStart')).toBe('2026-11-01T10:15:00.000Z')
    expect(searchParams.get('timeEnd')).toBe('2026-11-02T00:00:00.000Z')
    await page.getByRole('button', { name: /^Time range: 1 Nov.* 10:15 – 2 Nov.* 00:00/ }).waitFor()
    await button.click()
    await page.getByRole('button', { name: /^Time range: 1 Nov.* 15:45 – 2 Nov.* 05:30/ }).waitFor()
  })

  test('is that of days, bars and hours', async () => {
    const page = await open('/site/1?range=today')
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    await page.getByRole('region', { name: 'Hours by weekday' }).getByText('UTC+5:30').waitFor()
    await toUtc(page)
    const hours = page.getByRole('region', { name: 'Hours by weekday' })
    await hours.getByText('sessions by their start, UTC', { exact: true }).waitFor()
    await hours.getByRole('columnheader', { name: '1', exact: true }).waitFor()
    await expect
      .poll(() =>
        asked.some((url) => /completeness\?.*timeStart=[^&]*T00(:|%3A)00(:|%3A)00/.test(url)),
      )
      .toBe(true)
    await page.goto(`${lab.server.url}/?range=7d`)
    const bars = await page.waitForRequest((request) => request.url().includes('/histogram?'))
    expect(new URL(bars.url()).searchParams.get('utcOffset')).toBe('0')
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
