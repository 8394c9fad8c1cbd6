/** Live mode: what is new appears by itself, and nothing that is being read moves. */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Session } from '../../src/session/session.js'
import { Lab, NO_CHROMIUM } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

describe.skipIf(NO_CHROMIUM)('live mode', () => {
  let lab: Lab
  let sessions: Session[]
  let sequence = 0
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    const now = Date.now()
    sessions = officeSessions({
      count: 60,
      fromMs: now - 3600e3,
      toMs: now - 60e3,
      seed: 5,
      open: 2,
    })
    await lab.ingest(sessions)
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  const rowOf = (page: Page, { sessionId }: Session) =>
    page.locator(`tr[data-session="${sessionId}"]`)
  const newest = (): Session => ({
    ...sessions[0]!,
    sessionId: `${sessions[0]!.sessionId.slice(0, 18)}ZZZZZZ${String(sequence++).padStart(2, '0')}`,
    startTimeUs: Date.now() * 1000,
    endTimeUs: Date.now() * 1000 + 5000,
  })

  async function liveOnTop(): Promise<Page> {
    const page = await lab.open('/?live=1')
    await rowOf(page, sessions.at(-1)!).waitFor()
    await page.mouse.move(2, 2)
    return page
  }

  test('a new session appears on top while nobody reads', async () => {
    const page = await liveOnTop()
    const session = newest()
    await lab.ingest([session])
    await rowOf(page, session).waitFor()
    expect(await page.locator('tr[data-session]').first().getAttribute('data-session')).toBe(
      session.sessionId,
    )
  })

  test('under the pointer nothing moves: new ones are counted, and come when asked for', async () => {
    const page = await liveOnTop()
    const read = rowOf(page, sessions.at(-5)!)
    await read.hover()
    const before = await read.boundingBox()
    const held = [newest(), newest()]
    await lab.ingest(held)
    const button = page.getByRole('button', { name: '2 new sessions' })
    await button.waitFor()
    expect(await read.boundingBox()).toEqual(before)
    expect(await rowOf(page, held[0]!).count()).toBe(0)
    await button.click()
    await rowOf(page, held[0]!).waitFor()
    await rowOf(page, held[1]!).waitFor()
    await button.waitFor({ state: 'detached' })
  })

  test('with the drawer open, and in a scrolled list, nothing moves either', async () => {
    const page = await liveOnTop()
    await rowOf(page, sessions.at(-3)!).click()
    await page.mouse.move(2, 2)
    await lab.ingest([newest()])
    await page.getByRole('button', { name: '1 new session' }).waitFor()
    await page.keyboard.press('Escape')
    await page.locator('.drawer').waitFor({ state: 'detached' })
    await page.locator('.scroller').evaluate((element) => element.scrollTo({ top: 300 }))
    await page.evaluate('document.activeElement.blur()')
    await lab.ingest([newest()])
    await page.getByRole('button', { name: '2 new sessions' }).waitFor()
    expect(await page.locator('.scroller').evaluate((element) => element.scrollTop)).toBe(300)
  })

  test('an open session is updated in its place, and ends there', async () => {
    const page = await liveOnTop()
    const open = sessions.at(-1)!
    const row = rowOf(page, open)
    await row.hover()
    const place = await row.boundingBox()
    const grown = { ...open, bytesRx: open.bytesRx + 123_456, packetsRx: open.packetsRx + 100 }
    await lab.ingest([grown])
    await row.locator(`[title="${grown.bytesRx.toLocaleString('en-US')} bytes"]`).waitFor()
    await lab.ingest([
      { ...grown, packetsRx: grown.packetsRx + 1, endReason: 'endOfFlowDetected', connState: 'SF' },
    ])
    await row.locator('.outcome', { hasText: /Closed|Answered/ }).waitFor()
    expect(await row.boundingBox()).toEqual(place)
  })

  test('of another selection no late answer is shown', async () => {
    const ROWS_OF_ALL = /logs\/connection\?(?=.*attributes=false)(?!.*protocol)/
    const page = await liveOnTop()
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    await page.route(ROWS_OF_ALL, async (route) => {
      await held
      await route.continue().catch(() => undefined)
    })
    const asked = await page.waitForRequest(ROWS_OF_ALL)
    const dropped = page.waitForEvent('requestfailed', (request) => request === asked)
    await page.getByLabel('Search and filter').fill('protocol:udp')
    await page.keyboard.press('Enter')
    expect((await dropped).failure()?.errorText).toContain('ERR_ABORTED')
    release()
    await expect
      .poll(async () => new Set(await page.locator('td.col-protocol').allInnerTexts()))
      .toEqual(new Set(['UDP']))
  })

  test('older rows are not live', async () => {
    const [fromMs, toMs] = [Date.now() - 3 * 3600e3, Date.now() - 2 * 3600e3]
    const older = officeSessions({ count: 80, fromMs, toMs, seed: 8 })
    await lab.ingest(older)
    const page = await lab.open('/?live=1')
    await rowOf(page, sessions.at(-1)!).waitFor()
    await page.getByRole('button', { name: 'Older sessions' }).click()
    // The head of the table is row 1.
    await page.locator('tr[aria-rowindex="102"]').waitFor()
    const { searchParams } = new URL(page.url())
    expect([searchParams.has('live'), Number(searchParams.get('row')) > 100]).toEqual([false, true])
  })

  test('l switches it on and off; the address bar knows', async () => {
    const page = await lab.open('/?sort=-bytes&row=1')
    await page.locator('tr[data-session]').first().waitFor()
    await page.keyboard.press('l')
    await expect.poll(() => page.url()).toContain('live=1')
    expect(page.url()).not.toContain('sort=')
    await page.keyboard.press('l')
    await expect.poll(() => page.url()).not.toContain('live=1')
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
