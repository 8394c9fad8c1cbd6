/** Saved views and shared links. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

describe.skipIf(NO_CHROMIUM)('views', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    const now = Date.now()
    await lab.ingest(officeSessions({ fromMs: now - 3600e3, toMs: now, count: 60, seed: 3 }))
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  test('a view is saved by keyboard, opened after a reload, and removed', async () => {
    const page = await lab.open('/?range=7d&q=port:22&sort=-bytes&page=2')
    await page.getByRole('button', { name: 'Views' }).focus()
    await page.keyboard.press('Enter')
    await page.getByText('No saved view yet').waitFor()
    await page.keyboard.type('Over SSH')
    await page.keyboard.press('Enter')
    await page.getByText('Saved as Over SSH').waitFor()
    await page.goto(`${lab.server.url}/?q=port:443`)
    await page.getByRole('button', { name: 'Views' }).click()
    await page.getByRole('link', { name: 'Over SSH' }).click()
    await page.waitForURL((url) => url.searchParams.get('q') === 'port:22')
    const { searchParams } = new URL(page.url())
    expect(Object.fromEntries(searchParams)).toEqual({ range: '7d', q: 'port:22', sort: '-bytes' })
    await page.getByRole('button', { name: 'Views' }).click()
    await page.getByRole('button', { name: 'Remove Over SSH' }).click()
    await page.getByText('No saved view yet').waitFor()
    expect(await lab.api('GET', `/org/${ORG}/views`)).toEqual({ views: [] })
  })

  test('a shared link shows the same sessions later, with the times of now', async () => {
    const page = await lab.open('/?range=1h&q=port:22', {
      permissions: ['clipboard-read', 'clipboard-write'],
    })
    await page.locator('.position strong').first().waitFor()
    await page.getByRole('button', { name: 'Share: copy a link with these times' }).click()
    await page.getByText('Link copied').waitFor()
    const { origin, searchParams } = new URL(
      await page.evaluate<string>('navigator.clipboard.readText()'),
    )
    expect(origin).toBe(lab.server.url)
    const { timeStart, timeEnd, ...others } = Object.fromEntries(searchParams)
    expect(others).toEqual({ org: ORG, q: 'port:22' })
    // The last hour, and the minute that a meter's clock may be ahead.
    expect(Date.parse(timeEnd!) - Date.parse(timeStart!)).toBe(61 * 60e3)
    const rows = await page.locator('.log-table tbody tr').count()
    await page.goto(`${origin}/?${searchParams}`)
    await page.locator('.position strong').first().waitFor()
    expect(await page.locator('.log-table tbody tr').count()).toBe(rows)
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
