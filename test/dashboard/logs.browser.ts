/** The connection log: what is shown is what the API says, and the address bar says what is shown. */
import { execFileSync } from 'node:child_process'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'
import { until } from '../support/until.js'

const COUNT = 320
/** What a window of 900 pixels holds, and more. */
const DRAWN_MIN = 30

describe.skipIf(NO_CHROMIUM)('connection log', () => {
  let lab: Lab
  const now = Date.now()
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    const span = { fromMs: now - 20 * 3600e3, toMs: now, seed: 3 }
    await lab.ingest(officeSessions({ ...span, count: COUNT, open: 4 }))
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  const log = (query: string) => lab.api('GET', `/org/${ORG}/logs/connection?${query}`)
  const ids = (page: Page) =>
    page
      .locator('tr[data-session]')
      .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-session')))
  const idsOf = (answer: { log: { sessionId: string }[] }) => answer.log.map((row) => row.sessionId)
  /** The rows become those of this query; the page asks on its own time, and draws the first of many. */
  const showsRowsOf = async (page: Page, query: string) => {
    const expected = idsOf(await log(query))
    expect(expected.length).toBeGreaterThan(0)
    const drawn = async () => {
      const shown = await ids(page)
      return shown.length < Math.min(expected.length, DRAWN_MIN) ? null : shown
    }
    await expect
      .poll(async () => {
        const shown = await drawn()
        return { shown, all: shown && expected.slice(0, Math.max(shown.length, 1)) }
      })
      .toSatisfy(({ shown, all }) => shown !== null && String(shown) === String(all))
  }

  test('what is pressed before the press before it is drawn counts too', async () => {
    const page = await lab.open()
    await showsRowsOf(page, 'limit=50')
    // Both within one task: nothing can be drawn in between.
    const twice = (selector: string) =>
      page.evaluate(
        `for (const one of [0, 1]) [...document.querySelectorAll('${selector}')].at(one)?.click()`,
      )
    await page.getByRole('region', { name: 'Clients' }).locator('.rail-only').nth(1).waitFor()
    await twice('.rail section:first-child .rail-only')
    expect(new URL(page.url()).searchParams.getAll('clientId')).toHaveLength(2)
    await page.locator('.chip').nth(1).waitFor()
    await twice('.chip button')
    await showsRowsOf(page, 'limit=50')
    const sorter = 'th.col-duration button'
    await page.evaluate(`for (const _ of [0, 1]) document.querySelector('${sorter}').click()`)
    await showsRowsOf(page, 'limit=50&sort=duration')
  })

  test('above the rows: how much all of the selection is, and the way to who it was', async () => {
    const page = await lab.open('/?protocol=tcp&clientId=1&clientId=2&sort=-bytes')
    const { totals } = await lab.api(
      'GET',
      `/org/${ORG}/logs/connection/summary?protocol=tcp&clientId=1,2`,
    )
    const exact = (bytes: number) => `${bytes.toLocaleString('en-US')} bytes`
    await page.locator('.sums').waitFor()
    expect(
      await page
        .locator('.sums .bytes')
        .evaluateAll((all) => all.map((b) => b.getAttribute('title'))),
    ).toEqual([exact(totals.bytesTx), exact(totals.bytesRx)])
    await page.getByRole('link', { name: 'By client and user' }).click()
    await page
      .locator('.figure-tile', { hasText: totals.sessions.toLocaleString('en-US') })
      .waitFor()
    const { searchParams } = new URL(page.url())
    expect([searchParams.getAll('clientId'), searchParams.get('sort')]).toEqual([['1', '2'], null])
    // And back: the log under the same filters.
    await page.getByRole('link', { name: 'Connection logs' }).click()
    await showsRowsOf(page, 'limit=100&protocol=tcp&clientId=1,2')
  })

  test('what is chosen has its name, also when the selection holds none of it', async () => {
    const page = await lab.open('/?clientId=3&userId=ada&q=no-such-name')
    const { clients, users } = officeCatalog()
    const ada = users.find(({ userId }) => userId === 'ada')!
    await page.getByRole('button', { name: `Remove filter Client: ${clients[2]!.name}` }).waitFor()
    await page.getByRole('button', { name: `Remove filter User: ${ada.name}` }).waitFor()
  })

  test('a row says who, what, when and how much', async () => {
    const page = await lab.open('/?state=ended')
    const [row] = (await log('limit=1&state=ended')).log
    const cells = page.locator(`tr[data-session="${row.sessionId}"]`)
    await cells.waitFor()
    // Beside the breakdown this width leaves the source's address to the details.
    for (const text of [row.resourceName, row.clientName, row.destAddr])
      expect(await cells.innerText()).toContain(text)
    const titles = await cells
      .locator('.bytes')
      .evaluateAll((all) => all.map((b) => b.getAttribute('title')))
    const exact = (bytes: number) => `${bytes.toLocaleString('en-US')} bytes`
    expect(titles).toEqual([exact(row.bytesTx), exact(row.bytesRx)])
    expect(await cells.locator('.col-time').innerText()).toContain(
      new Date(row.startTime).toLocaleTimeString('en-GB', { timeZone: 'Europe/Amsterdam' }),
    )
  })

  test('the rail beside the rows: parts with their bytes, only these, not that', async () => {
    const page = await lab.open()
    const { groups } = await lab.api(
      'GET',
      `/org/${ORG}/logs/connection/summary?groupBy=client&top=5`,
    )
    const clients = page.getByRole('region', { name: 'Clients' }).locator('.rail-row')
    await clients.first().waitFor()
    expect(await clients.locator('.rail-name').allInnerTexts()).toEqual(
      groups.map((g: { other: boolean; name: string }) => (g.other ? 'All others' : g.name)),
    )
    expect(
      await clients.locator('.bytes').evaluateAll((all) => all.map((b) => b.getAttribute('title'))),
    ).toEqual(
      groups.map(
        (g: { bytesTx: number; bytesRx: number }) =>
          `${(g.bytesTx + g.bytesRx).toLocaleString('en-US')} bytes`,
      ),
    )
    await clients.first().locator('.rail-only').click()
    await showsRowsOf(page, `limit=100&clientId=${groups[0].id}`)
    await page.getByRole('button', { name: 'Not Closed' }).click()
    await showsRowsOf(page, `limit=100&clientId=${groups[0].id}&q=-outcome:closed`)
    // Said once, and taken back where it is said.
    expect(await page.locator('.chip').allInnerTexts()).toEqual([
      `Client: ${groups[0].name}`,
      'not outcome: closed',
    ])
  })

  test('a cell narrows, leaves out and copies: by mouse and by keyboard', async () => {
    const page = await lab.open()
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await showsRowsOf(page, 'limit=100')
    const [row] = (await log('limit=1')).log
    await page.locator(`tr[data-session="${row.sessionId}"] .col-client`).hover()
    await page
      .getByRole('button', { name: `Not ${row.clientName}`, exact: true })
      .last()
      .click()
    await showsRowsOf(page, `limit=100&q=${encodeURIComponent(`-client:"${row.clientName}"`)}`)
    await page.getByRole('button', { name: 'Clear all' }).click()
    await showsRowsOf(page, 'limit=100')
    await page.locator('tr[data-session] .row-button').first().focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    const focused = () => page.evaluate('document.activeElement.ariaLabel')
    await expect.poll(focused).toBe(`Only ${row.resourceName}`)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.locator('.toast', { hasText: 'copied' }).waitFor()
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(row.resourceName)
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    await showsRowsOf(page, `limit=100&siteResourceId=${row.siteResourceId}`)
    expect(await page.locator('.drawer').count()).toBe(0)
  })

  test('free text, outcome and size', async () => {
    const page = await lab.open()
    await showsRowsOf(page, 'limit=100')
    await page.keyboard.press('/')
    await page.keyboard.type('wiki')
    await showsRowsOf(page, 'limit=100&q=wiki')
    // What has been searched for so far does not get in the way of typing on: not even of a space.
    await page.keyboard.press('Control+A')
    await page.keyboard.type('orders ')
    await expect.poll(() => new URL(page.url()).searchParams.get('q')).toBe('orders')
    await showsRowsOf(page, 'limit=100&q=orders')
    await page.keyboard.type('data')
    await showsRowsOf(page, 'limit=100&q=orders%20data')
    expect(await page.locator('#search').inputValue()).toBe('orders data')
  })

  test('words in any order, and terms with keys at Enter', async () => {
    const page = await lab.open()
    const search = page.getByLabel('Search and filter')
    await search.fill('data orders client:ada-* -outcome:failed')
    await search.press('Enter')
    await showsRowsOf(page, 'limit=100&q=client%3Aada-*%20-outcome%3Afailed%20%22orders%20data%22')
    await page.getByRole('button', { name: 'Clear all' }).click()
    await showsRowsOf(page, 'limit=100')
    await search.fill('outcome:REJ')
    await search.press('Enter')
    await showsRowsOf(page, 'limit=100&connState=REJ')
    await page.getByRole('button', { name: 'Remove filter outcome: REJ' }).click()
    await search.fill('dest:10.20.0.0/28 bytes>=2MB')
    await search.press('Enter')
    await showsRowsOf(page, 'limit=100&minBytes=2000000&destAddr=10.20.0.0/28')
  })

  test('sort by bytes and by duration, both ways', async () => {
    const page = await lab.open('/?state=ended')
    await page.getByRole('button', { name: 'Duration' }).click()
    await showsRowsOf(page, 'limit=100&state=ended&sort=-duration')
    await page.getByRole('button', { name: 'Duration' }).click()
    await showsRowsOf(page, 'limit=100&state=ended&sort=duration')
    await page.goto(`${lab.server.url}/?state=ended&sort=-bytes`)
    await showsRowsOf(page, 'limit=100&state=ended&sort=-bytes')
  })

  test('a custom time range, in local time', async () => {
    const page = await lab.open()
    const minute = (ms: number) => Math.floor(ms / 60_000) * 60_000
    const [from, to] = [minute(now - 9 * 3600e3), minute(now - 3 * 3600e3)]
    const local = (ms: number) =>
      new Date(ms).toLocaleString('sv-SE', { timeZone: 'Europe/Amsterdam' }).slice(0, 16)
    await page.getByRole('button', { name: /Time range/ }).click()
    expect(await page.locator('.custom-range').last().innerText()).toContain(
      'Europe/Amsterdam, UTC+1',
    )
    // Text, in 24 hours: the browser's own fields would follow its language.
    const given = await page.getByLabel('To', { exact: true }).inputValue()
    expect(given).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d$/)
    expect(await page.locator('[type="datetime-local"], [type="time"]').count()).toBe(0)
    await page.getByLabel('From', { exact: true }).fill(local(from))
    await page.getByLabel('To', { exact: true }).fill(local(to))
    await page.getByRole('button', { name: 'Apply' }).click()
    await showsRowsOf(
      page,
      `limit=100&timeStart=${new Date(from).toISOString()}&timeEnd=${new Date(to).toISOString()}`,
    )
  })

  test('the same link shows the same to somebody else', async () => {
    const page = await lab.open()
    await lab.choose(page, 'protocol:t')
    await page.getByRole('button', { name: 'Duration' }).click()
    await showsRowsOf(page, 'limit=100&protocol=tcp&sort=-duration')
    await page.locator('.row-button').nth(2).click()
    await page.locator('.drawer').waitFor()
    const link = new URL(page.url())
    const other = await lab.open(link.pathname + link.search)
    await showsRowsOf(other, 'limit=100&protocol=tcp&sort=-duration')
    expect(await other.locator('.drawer h2').innerText()).toBe(
      await page.locator('.drawer h2').innerText(),
    )
  })

  test('the back button undoes a filter', async () => {
    const page = await lab.open()
    await showsRowsOf(page, 'limit=100')
    await lab.choose(page, 'protocol:u')
    await showsRowsOf(page, 'limit=100&protocol=udp')
    await page.goBack()
    await showsRowsOf(page, 'limit=100')
  })

  test('the drawer shows every field, copies them in four ways, and leads on', async () => {
    const page = await lab.open('/?connState=SF&protocol=tcp')
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    // Some clients belong to nobody, and some addresses are nothing that has a name: of those there is less to show.
    const whole = (r: Record<string, unknown>) => r.userName !== null && r.resourceName !== null
    const row = (await log('limit=50&connState=SF&protocol=tcp')).log.find(whole)
    await page.locator(`tr[data-session="${row.sessionId}"]`).click()
    const drawer = page.locator('.drawer')
    await drawer.waitFor()
    const text = await drawer.innerText()
    const told = [
      row.sessionId,
      row.meterId,
      row.orgId,
      row.clientName,
      row.userName,
      row.userEmail,
      row.resourceName,
      row.siteName,
      row.sourceAddr,
      row.destAddr,
      row.clientEndpoint,
      row.peerPublicKey,
      row.connState,
      row.endReason,
      row.directionBasis,
      row.packetsTx.toLocaleString('en-US'),
      row.packetsRx.toLocaleString('en-US'),
      `${row.bytesTx.toLocaleString('en-US')} bytes`,
      `${row.payloadRx.toLocaleString('en-US')} bytes`,
      'FIN SYN PSH ACK',
      /\.(\d{6})Z$/.exec(row.startTime)![1],
    ]
    for (const field of told) expect(text.replace(/\s+/g, ' ')).toContain(field)
    const copied = async (label: string, told: string): Promise<string> => {
      await drawer.getByRole('button', { name: 'Copy', exact: true }).click()
      await drawer.getByRole('button', { name: new RegExp(`^${label}`) }).click()
      await page.getByText(`${told} copied`).waitFor()
      return page.evaluate('navigator.clipboard.readText()')
    }
    expect(JSON.parse(await copied('JSON', 'Session as JSON'))).toEqual(row)
    const cells = (await copied('Row', 'Row')).split('\t')
    expect(cells).toHaveLength(11)
    expect(cells.slice(0, 5)).toEqual([
      row.startTime,
      'Closed',
      row.resourceName,
      row.clientName,
      row.userEmail,
    ])
    expect(cells.slice(5, 8)).toEqual([row.duration, row.bytesTx, row.bytesRx].map(String))
    // In a shell it gives the same row.
    const command = await copied('curl', 'curl command')
    const output = execFileSync('sh', ['-c', command], {
      env: { ...process.env, KEY: lab.readKey },
    })
    expect(JSON.parse(output.toString()).data.log).toEqual([row])
    const link = await copied('Link', 'Link')
    const other = await lab.open(link.slice(lab.server.url.length))
    await other.locator('.drawer').getByText(row.sessionId).waitFor()
    expect(new URL(link).search).toBe(`?org=${ORG}&session=${row.sessionId}`)
    // Narrows what is shown, and keeps the filters that are set.
    await drawer.getByRole('button', { name: `Only ${row.clientName}` }).click()
    await showsRowsOf(page, `limit=100&connState=SF&protocol=tcp&clientId=${row.clientId}`)
  })

  test('a link to a session that is not on the page opens it', async () => {
    const { log: rows } = await log(`limit=1&offset=${COUNT - 1}`)
    const page = await lab.open(`/?session=${rows[0].sessionId}`)
    await page.locator('.drawer', { hasText: rows[0].sessionId }).waitFor()
  })

  test('by keyboard: j, k, Enter, Escape, ?', async () => {
    const page = await lab.open()
    await showsRowsOf(page, 'limit=100')
    const focused = () =>
      page.evaluate(
        "document.activeElement?.closest('[data-session]')?.getAttribute('data-session') ?? null",
      )
    const rows = await ids(page)
    await page.keyboard.press('j')
    expect(await focused()).toBe(rows[0])
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('k')
    expect(await focused()).toBe(rows[1])
    await page.keyboard.press('Enter')
    await page.locator('.drawer', { hasText: rows[1]! }).waitFor()
    await page.keyboard.press('j')
    await page.locator('.drawer', { hasText: rows[2]! }).waitFor()
    await page.keyboard.press('Escape')
    await page.locator('.drawer').waitFor({ state: 'detached' })
    expect(await focused()).toBe(rows[2])
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  })

  test('an open session is marked and its duration ticks', async () => {
    const page = await lab.open('/?state=open')
    await showsRowsOf(page, 'limit=100&state=open')
    expect(await page.locator('tr[data-session] .outcome').allInnerTexts()).toEqual(
      Array(4).fill('Open'),
    )
    const first = page.locator('.ticking').first()
    const before = await first.innerText()
    await until(async () => (await first.innerText()) !== before)
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
