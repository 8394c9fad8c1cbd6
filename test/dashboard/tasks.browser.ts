/**
 * What people come to the dashboard for: each task takes at most three clicks and one typed line, and needs no mouse.
 * A session as a link, leaked keys and the like are tested one by one elsewhere; here the way to them is counted.
 */
import type { Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bytesOf } from '../../src/dashboard/format/bytes.js'
import { addMonths, monthOf } from '../../src/dashboard/format/month.js'
import { contentOf, Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

const CLICKS_MAX = 3
const LINES_MAX = 1
/** From one part of a page to another: more would be lost on the way. */
const TABS_MAX = 60

/** A person who counts what they do. */
abstract class Hand {
  clicks = 0
  lines = 0
  readonly page: Page
  constructor(page: Page) {
    this.page = page
  }
  /** A click, or Enter on what the keyboard reached. */
  abstract press(target: Locator): Promise<void>
  /** To this field, and types a line into it. */
  abstract line(field: Locator, text: string, end?: 'Enter' | null): Promise<void>
  /** One line in the query bar, which `/` reaches from everywhere. */
  async query(text: string): Promise<void> {
    await this.page.locator('.query-bar').waitFor()
    await this.page.keyboard.press('/')
    await this.page.keyboard.type(text)
    await this.page.keyboard.press('Enter')
    this.lines++
  }
}

class Mouse extends Hand {
  async press(target: Locator): Promise<void> {
    await target.click()
    this.clicks++
  }
  async line(field: Locator, text: string, end: 'Enter' | null = 'Enter'): Promise<void> {
    await field.click()
    await this.page.keyboard.press('Control+A')
    await this.page.keyboard.type(text)
    if (end !== null) await this.page.keyboard.press(end)
    this.lines++
  }
}

class Keyboard extends Hand {
  async #reach(target: Locator): Promise<void> {
    await target.waitFor()
    for (let tabs = 0; tabs < TABS_MAX; tabs++) {
      if (await target.evaluate((element) => element.matches(':focus'))) return
      await this.page.keyboard.press('Tab')
    }
    throw new Error(`${target} is more than ${TABS_MAX} tabs away`)
  }
  async press(target: Locator): Promise<void> {
    await this.#reach(target)
    await this.page.keyboard.press('Enter')
    this.clicks++
  }
  async line(field: Locator, text: string, end: 'Enter' | null = 'Enter'): Promise<void> {
    await this.#reach(field)
    await this.page.keyboard.press('Control+A')
    await this.page.keyboard.type(text)
    if (end !== null) await this.page.keyboard.press(end)
    this.lines++
  }
}

describe.skipIf(NO_CHROMIUM)('tasks', () => {
  let lab: Lab
  const now = Date.now()
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    const old = { count: 900, fromMs: now - 61 * 86_400e3, toMs: now - 86_400e3, seed: 31 }
    await lab.ingest(officeSessions(old))
    await lab.ingest(
      officeSessions({ count: 500, fromMs: now - 36 * 3600e3, toMs: now, seed: 32, open: 3 }),
    )
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  type Group = { other: boolean; name: string | null; bytesTx: number; bytesRx: number }
  const shown = (group: Group) => {
    const { value, unit } = bytesOf(group.bytesTx + group.bytesRx)
    return `${value} ${unit}`
  }
  const summary = (query: string): Promise<{ totals: { sessions: number }; groups: Group[] }> =>
    lab.api('GET', `/org/${ORG}/logs/connection/summary?${query}`)
  /** The API's answer to the address of the page. */
  const summaryOf = (page: Page, more: string) =>
    summary(`${new URL(page.url()).searchParams}&${more}`)
  const rail = (page: Page, kind: string) =>
    page
      .getByRole('region', { name: kind })
      .locator('.rail-row')
      .evaluateAll((rows) =>
        rows.map((row) =>
          [row.querySelector('.rail-name'), row.querySelector('.bytes')]
            .map((part) => part?.textContent?.replace(/\s+/g, ' ').trim())
            .join(': '),
        ),
      )

  /** By mouse, then by keyboard. */
  const both = (name: string, start: string, task: (hand: Hand) => Promise<void>) =>
    test.each([
      ['mouse', Mouse],
      ['keyboard', Keyboard],
    ] as const)(`${name}, by %s`, async (_, Tool) => {
      const hand = new Tool(await lab.open(start))
      await task(hand)
      expect(hand.clicks).toBeLessThanOrEqual(CLICKS_MAX)
      expect(hand.lines).toBeLessThanOrEqual(LINES_MAX)
    })

  both('a database last night, how much each client moved', '/', async (hand) => {
    const { page } = hand
    await hand.query('time:"yesterday 18:00 to 08:00" resource:*database*')
    await page.getByText('resource: *database*').waitFor()
    const { searchParams } = new URL(page.url())
    const clock = (name: string) =>
      new Date(searchParams.get(name)!).toLocaleTimeString('en-GB', {
        ...{ timeZone: 'Europe/Amsterdam', hour: '2-digit', minute: '2-digit' },
      })
    expect([clock('timeStart'), clock('timeEnd')]).toEqual(['18:00', '08:00'])
    const { groups } = await summaryOf(page, 'groupBy=client&top=5')
    expect(groups.length).toBeGreaterThan(2)
    const expected = groups.map((one) => `${one.other ? 'All others' : one.name}: ${shown(one)}`)
    await expect.poll(() => rail(page, 'Clients')).toEqual(expected)
  })

  both('the five clients that moved most last month', '/', async (hand) => {
    const { page } = hand
    const month = addMonths(monthOf(now), -1)
    const { usage } = await lab.api(
      'GET',
      `/org/${ORG}/usage?from=${month}&to=${month}&groupBy=client`,
    )
    const most = (usage as Group[])
      .sort((a, b) => b.bytesTx + b.bytesRx - a.bytesTx - a.bytesRx)
      .slice(0, 5)
      .map(({ name }) => name)
    expect(most).toHaveLength(5)
    await hand.press(page.getByRole('link', { name: 'Usage', exact: true }))
    await hand.press(page.locator('button.month').nth(-2))
    const names = page.locator('.plain-table tbody tr th')
    await expect
      .poll(async () => (await names.allInnerTexts()).slice(0, 5).map((name) => name.trim()))
      .toEqual(most)
  })

  both('refused SSH of a week, exported', '/', async (hand) => {
    const { page } = hand
    await hand.query('outcome:REJ port:ssh time:7d')
    await page.getByText('outcome: REJ').waitFor()
    const { totals } = await summaryOf(page, 'groupBy=client')
    expect(totals.sessions).toBeGreaterThan(0)
    await hand.press(page.getByRole('button', { name: 'Export' }))
    const download = page.waitForEvent('download')
    await hand.press(page.getByRole('link', { name: /^CSV/ }))
    const lines = (await contentOf(await download)).toString().trim().split('\n')
    expect(lines).toHaveLength(totals.sessions + 1)
    expect(lines[0]).toContain('userEmail')
  })

  both('what changed after a time of day', '/', async (hand) => {
    const { page } = hand
    await hand.press(page.getByRole('link', { name: 'Overview' }))
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    const at = new Date(now - 3 * 3600e3).toLocaleString('sv-SE', { timeZone: 'Europe/Amsterdam' })
    await hand.query(`time:"${at.slice(0, 16)}"`)
    await expect.poll(() => new URL(page.url()).searchParams.has('timeStart')).toBe(true)
    const start = new URL(page.url()).searchParams.get('timeStart')!
    expect(Math.abs(Date.parse(start) - (now - 3 * 3600e3))).toBeLessThan(60e3)
    await page.locator('.odd [aria-label="First time"]').waitFor()
    await page.locator('.figure-tile .hint').first().waitFor()
  })

  both('a link to exactly this view', '/?protocol=tcp', async (hand) => {
    const { page } = hand
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.locator('[data-session]').first().waitFor()
    await hand.press(page.getByRole('button', { name: /^Share/ }))
    await page.getByText('Link copied').waitFor()
    const link = new URL(await page.evaluate('navigator.clipboard.readText()'))
    expect(link.searchParams.get('protocol')).toBe('tcp')
    expect(link.searchParams.has('range')).toBe(false)
    expect(Date.parse(link.searchParams.get('timeEnd')!)).toBeGreaterThan(now)
  })

  both('the session of a port', '/', async (hand) => {
    const { page } = hand
    const { log } = await lab.api('GET', `/org/${ORG}/logs/connection?limit=30`)
    const { sessionId, sourceAddr } = log[20]
    await hand.query(sourceAddr.split(':')[1])
    await expect
      .poll(() =>
        page
          .locator('[data-session]')
          .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-session'))),
      )
      .toEqual([sessionId])
  })

  both('is a site well, and is anything lost', '/', async (hand) => {
    const { page } = hand
    await hand.press(page.locator('.completeness-badge'))
    await page.getByRole('heading', { name: 'Sites', level: 1 }).waitFor()
    await page
      .getByText(/Nothing is known to be missing|Complete/)
      .first()
      .waitFor()
  })

  both('a leaked key is revoked', '/', async (hand) => {
    const { page } = hand
    const leaked = await lab.server.key({ scope: 'read', org: ORG, name: 'Leaked' })
    await hand.press(page.getByRole('link', { name: 'Settings' }))
    await hand.line(page.getByLabel('Find a key'), leaked, null)
    const keys = page.getByRole('region', { name: 'Keys of' }).locator('tbody tr')
    await expect.poll(() => keys.count()).toBe(1)
    await hand.press(keys.getByRole('button'))
    await hand.press(page.getByRole('dialog').getByRole('button', { name: 'Revoke' }))
    await expect.poll(async () => (await lab.server.get('/api/v1/key', leaked)).status).toBe(401)
  })

  both('a retention of 30 days, with what it deletes', '/', async (hand) => {
    const { page } = hand
    await lab.api('PUT', `/org/${ORG}/settings`, { retentionDays: -1 })
    await hand.press(page.getByRole('link', { name: 'Settings' }))
    await hand.line(page.getByLabel('Days', { exact: true }), '30')
    const confirm = page
      .getByRole('dialog')
      .getByRole('button', { name: /^Delete [\d,]+ sessions/ })
    await hand.press(confirm)
    await page.getByText('Kept from now on: 30 days').waitFor()
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
