/** Empty, slow, failed, away: each is said, with what can be done. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

describe.skipIf(NO_CHROMIUM)('empty, slow and failed', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  test('no key, no site: the log and the sites page say what to do first', async () => {
    const page = await lab.open()
    await page.getByText('create an ingest key for a site').waitFor()
    expect(await page.getByRole('link', { name: 'Create a key' }).getAttribute('href')).toBe(
      '/settings',
    )
    await page.getByRole('link', { name: 'Are the sites reporting?' }).click()
    await page.getByText('tunmeter meter --interface').first().waitFor()
  })

  test('retention 0: said, and the way to the setting', async () => {
    await lab.api('PUT', `/org/${ORG}/settings`, { retentionDays: 0 })
    const page = await lab.open()
    await page.getByText('Retention is off, so nothing is stored').waitFor()
    // On every page, until it is changed.
    await page.getByRole('link', { name: 'Sites' }).first().click()
    const banner = page.getByText('the server drops the sessions that sites report')
    await banner.waitFor()
    await page.locator('.banner').getByRole('link', { name: 'Retention' }).click()
    await page.getByRole('heading', { name: 'Retention' }).waitFor()
    await page.getByLabel('For ever').check()
    await page.getByRole('button', { name: 'Save' }).click()
    await banner.waitFor({ state: 'detached' })
  })

  test('nothing in this range, and nothing under this filter', async () => {
    const now = Date.now()
    await lab.ingest(
      officeSessions({ count: 40, fromMs: now - 20 * 86400e3, toMs: now - 10 * 86400e3, seed: 9 }),
    )
    const page = await lab.open()
    await page.getByText('40 sessions outside it').waitFor()
    // In the page's zone, as everything else.
    expect(await page.locator('.state').innerText()).not.toMatch(/\dZ|T\d\d:/)
    await page.getByRole('button', { name: 'Show the last 30 days' }).click()
    await page.locator('tr[data-session]').first().waitFor()
    await page.keyboard.press('/')
    await page.keyboard.type('no such name')
    await page.getByText('none matches the filters').waitFor()
    await page.getByRole('button', { name: 'Clear filters' }).click()
    await page.locator('tr[data-session]').first().waitFor()
  })

  test('a bad value in a link is explained in words of the page, and can be taken out', async () => {
    const page = await lab.open('/?range=30d&sourceAddr=10.8.0.300')
    await page.getByRole('heading', { name: 'The filter “Source” cannot be used' }).waitFor()
    const text = await page.locator('.state').innerText()
    expect(text).toContain('“10.8.0.300”')
    expect(text).not.toContain('sourceAddr')
    expect(await page.getByRole('button', { name: 'Try again' }).count()).toBe(0)
    await page.getByRole('button', { name: 'Remove this filter' }).click()
    await page.locator('tr[data-session]').first().waitFor()
    expect(new URL(page.url()).searchParams.has('sourceAddr')).toBe(false)
  })

  test('a bad value that is typed is refused where it is typed', async () => {
    const page = await lab.open('/?range=30d')
    await page.locator('tr[data-session]').first().waitFor()
    const before = page.url()
    for (const [wrong, fault] of [
      ['source:10.8.0.300', 'source: expected an address'],
      ['port:80,70000', 'port: expected a port or a service'],
      ['bytes>much', 'bytes: expected bytes as in 500'],
      ['port>80', 'port: expected a colon'],
      ['client:', 'expected a value after client:'],
    ] as const) {
      await page.getByLabel('Search and filter').fill(wrong)
      await page.keyboard.press('Enter')
      await page.getByRole('alert').getByText(fault).waitFor()
      expect(await page.evaluate('document.activeElement.value')).toBe(wrong)
      expect(page.url()).toBe(before)
    }
  })

  test('an address that leads nowhere is a page, and JSON for programs', async () => {
    const page = await lab.open('/nowhere/at/all')
    await page.getByRole('heading', { name: 'No such page' }).waitFor()
    await page.getByRole('main').getByRole('link', { name: 'Connection logs' }).click()
    await page.locator('.logs').waitFor()
    const get = (path: string, accept: string) =>
      fetch(lab.server.url + path, { headers: { accept } })
    expect((await get('/nowhere', 'text/html')).status).toBe(404)
    for (const [path, accept] of [
      ['/nowhere', '*/*'],
      ['/api/v1/nowhere', 'text/html'],
    ] as const) {
      const answer = await get(path, accept)
      expect(answer.status).toBe(404)
      expect(((await answer.json()) as { code: string }).code).toBe('notFound')
    }
  })

  test('a slow query says so and can be cancelled', async () => {
    const page = await lab.open('/?range=30d')
    await page.locator('tr[data-session]').first().waitFor()
    // Only the delay is made up: a store that is slow on command cannot be had.
    let answer: () => void = () => undefined
    const delayed = new Promise<void>((resolve) => {
      answer = resolve
    })
    await page.route('**/logs/connection?*', async (route) => {
      await delayed
      await route.continue().catch(() => undefined)
    })
    await page.getByRole('button', { name: 'Duration' }).click()
    await page.getByText('Still working').waitFor()
    const aborted = page.waitForEvent('requestfailed')
    await page.getByRole('button', { name: 'Cancel' }).click()
    expect((await aborted).failure()?.errorText).toContain('ERR_ABORTED')
    // What was on screen stays, and the address says again what that is.
    await page.getByText('these are the earlier sessions').waitFor()
    expect(await page.locator('tr[data-session]').count()).toBe(40)
    await page.locator('.log-table.stale').waitFor({ state: 'detached' })
    expect(new URL(page.url()).searchParams.get('sort')).toBeNull()
    answer()
    await page.unroute('**/logs/connection?*')
    await page.getByRole('button', { name: 'Duration' }).click()
    await page.locator('th.col-duration[aria-sort="descending"]').waitFor()
    await page.locator('.log-table.stale').waitFor({ state: 'detached' })
    expect(await page.locator('tr[data-session]').count()).toBe(40)
  })

  test('a server that goes away is said, what was shown stays, and it is asked again', async () => {
    const page = await lab.open('/?range=30d&live=1')
    await page.locator('tr[data-session]').first().waitFor()
    await lab.server.kill('SIGTERM')
    await page.getByText('The server does not answer').waitFor()
    expect(await page.locator('tr[data-session]').count()).toBe(40)
    await lab.respawn()
    await page.getByText('The server does not answer').waitFor({ state: 'detached' })
  })

  test('a page opened while it is away waits for it', async () => {
    const page = await lab.open('/?range=30d')
    await page.locator('tr[data-session]').first().waitFor()
    await lab.server.kill('SIGTERM')
    await page.getByRole('link', { name: 'Settings' }).click()
    await page.getByRole('heading', { name: 'The server cannot be reached' }).first().waitFor()
    await page.getByRole('button', { name: /Signed in with key/ }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('Still signed in: The server does not answer.').waitFor()
    await lab.respawn()
    // It ended every session by its end, and the page says that one has to sign in again.
    await page.getByRole('heading', { name: 'Sign in with a key' }).waitFor()
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
