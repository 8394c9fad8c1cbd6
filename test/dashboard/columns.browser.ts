/** The columns that a person chooses for the log, and their order. */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

describe.skipIf(NO_CHROMIUM)('chosen columns', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    const now = Date.now()
    const [first, ...others] = officeSessions({
      ...{ count: 20, fromMs: now - 3600e3, toMs: now, seed: 8, open: 0 },
    })
    const resent = { retransmitsTx: 3, retransmitsRx: 4 }
    await lab.ingest([{ ...first!, ...resent }, ...others])
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  const heads = (page: Page) =>
    page.locator('.log-table thead th').filter({ visible: true }).allInnerTexts()

  test('are shown in the chosen order, exported so, and kept', async () => {
    const page = await lab.open()
    await page.locator('[data-session]').first().waitFor()
    const usual = await heads(page)
    expect(usual).not.toContain('Retransmits')
    await page.getByRole('button', { name: 'Columns' }).click()
    for (const name of ['User', 'Source', 'Proto'])
      await page.getByLabel(name, { exact: true }).click()
    // By keyboard: the control keeps the focus while its line moves.
    await page.getByLabel('Retransmits', { exact: true }).focus()
    await page.keyboard.press('Space')
    await page.keyboard.press('Tab')
    for (let n = 0; n < 8; n++) await page.keyboard.press('Enter')
    await expect
      .poll(() => heads(page))
      .toEqual([
        'Started',
        'Retransmits',
        'How it ended',
        'Resource',
        'Client',
        'Duration',
        'Sent',
        'Received',
        'Destination',
      ])
    await page.keyboard.press('Escape')
    const cells = await page.locator('td.col-retransmits').allInnerTexts()
    expect(cells).toContain('7')

    await page.getByRole('button', { name: 'Export' }).click()
    const href = await page.getByRole('link', { name: /^Table/ }).getAttribute('href')
    const csv = await (await page.request.get(lab.server.url + href)).text()
    expect(href).toContain(`/org/${ORG}/`)
    expect(csv.split('\r\n')[0]).toBe(
      'startTime,retransmitsTx,retransmitsRx,connState,endReason,interrupted,resourceName,clientName,duration,bytesTx,bytesRx,destAddr',
    )
    await page.keyboard.press('Escape')

    await page.reload()
    await page.locator('[data-session]').first().waitFor()
    expect((await heads(page))[1]).toBe('Retransmits')
    await page.getByRole('button', { name: 'Columns' }).click()
    await page.getByRole('button', { name: 'Usual columns' }).click()
    await expect.poll(() => heads(page)).toEqual(usual)
  })

  test('where the room ends, the last ones are left out and none is cut', async () => {
    const page = await lab.open()
    await page.evaluate(
      `localStorage.setItem('tunmeter.columns', 'goodputReceived,client,resource,sent,received,source,dest,site,outcome,user,duration')`,
    )
    await page.reload()
    for (const width of [768, 1024, 1280, 1440, 2560]) {
      await page.setViewportSize({ width, height: 900 })
      await page.locator('[data-session]').first().waitFor()
      const cut =
        await page.evaluate<number>(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
        const room = document.querySelector('.scroller').getBoundingClientRect()
        done([...document.querySelectorAll('.log-table th, .log-table td')].filter((cell) => cell.getBoundingClientRect().right > room.right + 0.5).length)
      })))`)
      expect(cut, `${width} px`).toBe(0)
      const shown = await heads(page)
      expect(shown.slice(0, 3), `${width} px`).toEqual(['Started', 'Goodput recv.', 'Client'])
      if (width === 2560) expect(shown).toHaveLength(12)
      else expect(shown.length).toBeLessThan(12)
    }
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
