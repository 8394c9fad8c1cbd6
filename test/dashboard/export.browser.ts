/** The Export button gives the file that the API gives under the same filters, all rows of it. */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { contentOf, Lab, NO_CHROMIUM } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

describe.skipIf(NO_CHROMIUM)('export', () => {
  let lab: Lab
  const COUNT = 250
  beforeAll(async () => {
    const now = Date.now()
    const hostile = { userId: 'ada', name: '=HYPERLINK("http://evil.example")', email: '"a", \n;b' }
    const catalog = officeCatalog()
    const users = [hostile, ...catalog.users.slice(1)]
    lab = await Lab.start({ ...catalog, users })
    await lab.ingest(
      officeSessions({ count: COUNT, fromMs: now - 20 * 3600e3, toMs: now, seed: 4, open: 3 }),
    )
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  async function download(page: Page, format: string): Promise<{ url: string; content: Buffer }> {
    await page.locator('.log-table').waitFor()
    await page.getByRole('button', { name: 'Export' }).click()
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.locator('.panel a', { hasText: new RegExp(`^${format}`) }).click(),
    ])
    return { url: file.url(), content: await contentOf(file) }
  }

  /** What the API answers to the same query, asked for as a program does. */
  async function fromApi(query: Readonly<Record<string, string>>, url: string): Promise<string> {
    const shown = new URL(url)
    const params = new URLSearchParams(query)
    // The page's "now": everything else is said here again, and not copied from the page.
    for (const name of ['timeStart', 'timeEnd']) params.set(name, shown.searchParams.get(name)!)
    const answer = await lab.server.get(`${shown.pathname}?${params}`, lab.adminKey)
    expect(answer.status).toBe(200)
    return answer.body as string
  }

  test('CSV of everything', async () => {
    const page = await lab.open()
    const { url, content } = await download(page, 'CSV')
    expect(content.toString()).toBe(await fromApi({ format: 'csv', sort: '-startTime' }, url))
    // A header, and each session on a line of its own: one name holds a line break, which is quoted.
    const ids = content.toString().match(/,[0-9A-HJKMNP-TV-Z]{26},/g)
    expect(new Set(ids).size).toBe(COUNT)
    expect(content.toString()).toContain(`"'=HYPERLINK(""http://evil.example"")"`)
  })

  test('CSV under filters and in the order that is shown, all pages of it', async () => {
    const page = await lab.open('/?protocol=tcp&sort=-bytes&limit=50&clientId=1&clientId=2')
    const { url, content } = await download(page, 'CSV')
    const query = { format: 'csv', sort: '-bytes', protocol: 'tcp', clientId: '1,2' }
    expect(content.toString()).toBe(await fromApi(query, url))
    const total = await page.locator('.position strong', { hasText: /\d/ }).innerText()
    expect(content.toString().match(/,[0-9A-HJKMNP-TV-Z]{26},/g)).toHaveLength(Number(total))
  })

  test('the table: its columns in its order, with the address that User shows', async () => {
    const page = await lab.open('/?clientId=3')
    const { content } = await download(page, 'Table')
    const [head, ...lines] = content.toString().trimEnd().split('\r\n')
    expect(head).toBe(
      'startTime,connState,endReason,interrupted,resourceName,clientName,userName,userEmail,duration,bytesTx,bytesRx,sourceAddr,destAddr,protocol',
    )
    expect(lines.length).toBeGreaterThan(0)
    const shown = await page.locator('tr[data-session] .col-user').first().innerText()
    for (const line of lines) expect(line.split(',')[7]).toBe(shown)
  })

  test('NDJSON', async () => {
    const page = await lab.open('/?state=ended')
    const { url, content } = await download(page, 'NDJSON')
    const query = { format: 'ndjson', sort: '-startTime', state: 'ended' }
    expect(content.toString()).toBe(await fromApi(query, url))
    expect(content.toString().trimEnd().split('\n')).toHaveLength(COUNT - 3)
  })

  test('Parquet', async () => {
    const { content } = await download(await lab.open(), 'Parquet')
    expect(content.subarray(0, 4).toString()).toBe('PAR1')
    expect(content.subarray(-4).toString()).toBe('PAR1')
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
