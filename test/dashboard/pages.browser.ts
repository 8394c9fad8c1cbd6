/** Overview, usage, sites and settings: their figures are the API's, and what they offer works. */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bytesOf } from '../../src/dashboard/format/bytes.js'
import { contentOf, Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

const shownBytes = (bytes: number) => {
  const { value, unit } = bytesOf(bytes)
  return `${value} ${unit}`
}

interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** How much of a part of the chart is neither grey nor empty: bars. */
function colouredShare(page: Page, box: Box): Promise<number> {
  return page.locator('.chart canvas').evaluate((element, { x, y, width, height }) => {
    const canvas = element as unknown as {
      getContext(kind: '2d'): { getImageData(...box: number[]): { data: Uint8ClampedArray } }
    }
    const { data } = canvas.getContext('2d').getImageData(x, y, width, height)
    const pixels = Array.from({ length: data.length / 4 }, (_, i) => data.slice(4 * i, 4 * i + 3))
    return pixels.filter((rgb) => Math.max(...rgb) - Math.min(...rgb) > 40).length / pixels.length
  }, box)
}

describe.skipIf(NO_CHROMIUM)('pages', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    const now = Date.now()
    const span = { fromMs: now - 20 * 3600e3, toMs: now }
    await lab.ingest(officeSessions({ ...span, count: 400, seed: 10, open: 5 }))
    await lab.ingest(officeSessions({ ...span, count: 60, seed: 11 }), { siteId: 2 })
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  const summary = (query: string) => lab.api('GET', `/org/${ORG}/logs/connection/summary?${query}`)

  test('overview: figures, and each leads to its sessions', async () => {
    const page = await lab.open('/overview')
    const { totals } = await summary('')
    const figure = async (label: string) =>
      (await page.locator('.figure-tile', { hasText: label }).locator('.figure-value').innerText())
        .replace(/\s+/g, ' ')
        .trim()
    await page.locator('.figure-tile').first().waitFor()
    expect(await figure('Sessions')).toBe(totals.sessions.toLocaleString('en-US'))
    expect(await figure('Sent')).toBe(shownBytes(totals.bytesTx))
    expect(await figure('Received')).toBe(shownBytes(totals.bytesRx))
    expect(await figure('Open now')).toBe(String(totals.open))
    expect(await figure('Refused')).toBe(String(totals.refused))
    expect(await figure('No answer')).toBe(String(totals.unanswered))
    await page.locator('.figure-tile', { hasText: 'Refused' }).click()
    await page.locator('.position strong', { hasText: String(totals.refused) }).waitFor()
    expect(new URL(page.url()).searchParams.get('connState')).toBe('REJ')
  })

  test('overview: top lists are in order; bytes lead to the sessions, a name to its page', async () => {
    const page = await lab.open('/overview')
    for (const group of ['resource', 'client', 'user']) {
      const { groups } = await summary(`groupBy=${group}&top=7`)
      const list = page.locator('.top-list').nth(['resource', 'client', 'user'].indexOf(group))
      await list.locator('.top-row').first().waitFor()
      const names = await list.locator('.top-name').allInnerTexts()
      expect(names).toEqual(groups.map((g: { name: string | null }) => g.name ?? 'No user'))
    }
    const { groups } = await summary('groupBy=client&top=7')
    const first = page.locator('.top-list').nth(1).locator('.top-row').first()
    await first.locator('.figures').click()
    await page.locator('.position strong', { hasText: String(groups[0].sessions) }).waitFor()
    expect(new URL(page.url()).searchParams.get('clientId')).toBe(groups[0].id)
    await page.goBack()
    await first.locator('.top-name').click()
    await page.getByRole('heading', { name: groups[0].name }).waitFor()
    expect(new URL(page.url()).pathname).toBe(`/client/${groups[0].id}`)
  })

  test('overview: who used what, with the API’s bytes; a cell leads to its sessions', async () => {
    const page = await lab.open('/overview')
    const { matrix } = await summary('groupBy=client&across=resource&top=8&topAcross=8')
    const table = page.getByRole('region', { name: 'Who used what' }).getByRole('table')
    await table.waitFor()
    type Side = { name: string | null }
    const names = (sides: Side[], none: string) => sides.map(({ name }) => name ?? none)
    expect(await table.getByRole('rowheader').allInnerTexts()).toEqual(
      names(matrix.rows, 'Unknown client'),
    )
    expect(await table.getByRole('columnheader').allInnerTexts()).toEqual(
      names(matrix.columns, 'Not in the catalog'),
    )
    const [row, column] = [2, 1]
    const cell = matrix.cells.find(
      (one: { row: number; column: number }) => one.row === row && one.column === column,
    )
    const shown = table.locator('tbody tr').nth(row).getByRole('cell').nth(column)
    expect(await shown.innerText()).toBe(shownBytes(cell.bytesTx + cell.bytesRx))
    expect(await table.locator('td.shade-5').count()).toBeGreaterThan(0)
    await shown.getByRole('link').click()
    await page.locator('.position strong', { hasText: String(cell.sessions) }).waitFor()
    const { searchParams } = new URL(page.url())
    expect(searchParams.get('clientId')).toBe(matrix.rows[row].id)
    expect(searchParams.get('siteResourceId')).toBe(matrix.columns[column].id)
  })

  test('overview: under filters, everything on it is, and where it leads', async () => {
    const page = await lab.open('/overview?siteResourceId=4')
    const { totals, groups } = await summary('siteResourceId=4&groupBy=user&top=7')
    const sessions = totals.sessions.toLocaleString('en-US')
    await page.locator('.figure-tile', { hasText: 'Sessions' }).getByText(sessions).waitFor()
    const users = page.locator('.top-list').nth(2)
    await users.locator('.top-row').first().waitFor()
    expect(await users.locator('.top-name').allInnerTexts()).toEqual(
      groups.map((g: { name: string | null }) => g.name ?? 'No user'),
    )
    await page.getByLabel('Search and filter').fill('protocol:')
    await page.getByRole('option', { name: /udp\s*\d/ }).waitFor()
    await page.getByLabel('Search and filter').fill('')
    await page.keyboard.press('Escape')
    await users.locator('.top-row').first().locator('.figures').click()
    await page.locator('.position strong', { hasText: String(groups[0].sessions) }).waitFor()
    const { searchParams } = new URL(page.url())
    expect(searchParams.get('siteResourceId')).toBe('4')
    expect(searchParams.get('userId')).toBe(groups[0].id ?? 'none')
  })

  test('overview: the chart is drawn, speaks, and a drag zooms', async () => {
    const page = await lab.open('/overview')
    const chart = page.getByRole('img', { name: /Bytes over time/ })
    await chart.waitFor()
    const { totals } = await summary('')
    expect(await chart.getAttribute('aria-label')).toContain(`${shownBytes(totals.bytesTx)} sent`)
    const { width, height } = (await page.locator('.chart canvas').boundingBox())!
    expect(await colouredShare(page, { x: 0, y: 0, width, height })).toBeGreaterThan(0.005)
    const box = (await page.locator('.chart .u-over').boundingBox())!
    await page.mouse.move(box.x + box.width * 0.3, box.y + 50)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.6, box.y + 60, { steps: 5 })
    await page.mouse.up()
    await expect.poll(() => page.url()).toContain('timeStart=')
    const params = new URL(page.url()).searchParams
    const spanHours =
      (Date.parse(params.get('timeEnd')!) - Date.parse(params.get('timeStart')!)) / 3600e3
    expect(spanHours).toBeGreaterThan(6)
    expect(spanHours).toBeLessThan(9)
  })

  test('overview: open sessions and failed attempts', async () => {
    const page = await lab.open('/overview')
    const open = page.locator('.card', { hasText: 'Open now' }).locator('.recent-row')
    await expect.poll(() => open.count()).toBe(5)
    const failed = page.locator('.card', { hasText: 'Refused and unanswered' })
    await failed.locator('.recent-row').first().click()
    await page.locator('.drawer').waitFor()
    expect(await page.locator('.drawer .outcome').innerText()).toMatch(/Refused|No answer/)
  })

  test('usage: totals are the API’s, and the CSV holds them exactly', async () => {
    const page = await lab.open('/usage')
    const { usage } = await lab.api('GET', `/org/${ORG}/usage?groupBy=client`)
    const month = new Date().toISOString().slice(0, 7)
    const rows = usage
      .filter((row: { month: string }) => row.month === month)
      .sort(
        (a: { bytesTx: number; bytesRx: number }, b: { bytesTx: number; bytesRx: number }) =>
          b.bytesTx + b.bytesRx - a.bytesTx - a.bytesRx,
      )
    expect(rows.length).toBeGreaterThan(5)
    await page.locator('.plain-table').waitFor()
    expect(await page.locator('.plain-table tbody th').allInnerTexts()).toEqual(
      rows.map((row: { name: string }) => row.name),
    )
    const sum = rows.reduce((n: number, row: { bytesTx: number }) => n + row.bytesTx, 0)
    expect((await page.locator('tfoot td').nth(1).innerText()).replace(/\s+/g, ' ').trim()).toBe(
      shownBytes(sum),
    )
    const own = page.locator('.plain-table tbody tr').first()
    const [of] = rows
    expect(await own.locator('th a').getAttribute('href')).toMatch(`/client/${of.id}?`)
    expect(await own.locator('td a').getAttribute('href')).toMatch(`clientId=${of.id}`)
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'CSV' }).click(),
    ])
    const [head, ...lines] = (await contentOf(file)).toString().trimEnd().split('\r\n')
    expect(head).toBe('month,clientId,clientName,sessions,bytesTx,bytesRx,packetsTx,packetsRx')
    expect(lines).toEqual(
      rows.map((row: Record<string, unknown>) =>
        ['month', 'id', 'name', 'sessions', 'bytesTx', 'bytesRx', 'packetsTx', 'packetsRx']
          .map((name) => row[name])
          .join(','),
      ),
    )
  })

  test('usage: found by name, sorted, and the sums of the year', async () => {
    const { usage } = await lab.api('GET', `/org/${ORG}/usage?groupBy=client`)
    type Row = Record<'month' | 'name', string> & Record<'bytesTx' | 'bytesRx' | 'sessions', number>
    const page = await lab.open('/usage')
    await page.getByRole('button', { name: /^All twelve/ }).click()
    const table = page.getByRole('table', {
      name: /^[A-Z][a-z]+ 20\d\d to [A-Z][a-z]+ 20\d\d \(UTC\)$/,
    })
    const names = () => table.locator('tbody th').allInnerTexts()
    const sums = new Map<string, number>()
    for (const { name, sessions } of usage as Row[])
      sums.set(name, (sums.get(name) ?? 0) + sessions)
    await table.getByRole('button', { name: 'Sessions' }).click()
    await table.getByRole('columnheader', { name: 'Sessions' }).waitFor()
    const bySessions = [...sums].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]))
    await expect.poll(names).toEqual(bySessions.map(([name]) => name))
    const counts = await table.locator('tbody tr td:last-child').allInnerTexts()
    expect(counts.map(Number)).toEqual(bySessions.map(([, count]) => count))
    await table.getByRole('button', { name: 'Sessions' }).click()
    await expect
      .poll(names)
      .toEqual(
        [...sums].sort((a, b) => a[1] - b[1] || a[0].localeCompare(b[0])).map(([name]) => name),
      )
    await table.getByRole('button', { name: 'Client' }).click()
    await expect.poll(names).toEqual([...sums.keys()].sort((a, b) => a.localeCompare(b)))
    await page.getByRole('searchbox', { name: 'Find a client' }).fill('Ada')
    await expect.poll(names).toEqual(['ada-laptop', 'ada-phone'])
    await table.getByText('These clients').waitFor()
    const total = sums.get('ada-laptop')! + sums.get('ada-phone')!
    expect(await table.locator('tfoot td').last().innerText()).toBe(String(total))
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'CSV' }).click(),
    ])
    const lines = (await contentOf(file)).toString().trimEnd().split('\r\n')
    const ofAda = (usage as Row[]).filter(({ name }) => name.startsWith('ada-'))
    expect(lines).toHaveLength(1 + ofAda.length)
    const href = await table.locator('tbody th a').first().getAttribute('href')
    const { searchParams } = new URL(href!, lab.server.url)
    const [from, to] = ['timeStart', 'timeEnd'].map((name) => Date.parse(searchParams.get(name)!))
    expect(Math.round((to! - from!) / 86400e3)).toBeGreaterThanOrEqual(365)
    // The view is in the address.
    await page.reload()
    await expect.poll(names).toEqual(['ada-laptop', 'ada-phone'])
  })

  test('sites: what meters report, and what is wrong in words', async () => {
    const page = await lab.open('/sites')
    const rotterdam = page.getByRole('heading', { name: 'Rotterdam' }).getByRole('link')
    expect(await rotterdam.getAttribute('href')).toMatch(/^\/site\/\d+/)
    await lab.ingest([], {
      skip: 3,
      report: { packetsDropped: 4711, spool: { batches: 6, bytes: 12_345, quarantined: 2 } },
    })
    // The page asks again by itself.
    const site = page.locator('.card', { has: page.getByRole('heading', { name: 'Rotterdam' }) })
    await site.getByText('Needs a look').waitFor()
    const text = (await site.innerText()).replace(/\s+/g, ' ')
    for (const told of ['4,711', '6 batches, 12.3 kB', 'wg0', '0.1.0', 'meter-1'])
      expect(text).toContain(told)
    const { sites } = await lab.api('GET', `/org/${ORG}/sites`)
    const { problems } = sites.find((s: { siteId: number }) => s.siteId === 1).meters[0]
    expect(problems.length).toBeGreaterThan(1)
    for (const told of [
      '4,711 packets were dropped',
      '2 batches were refused and quarantined',
      '3 batches have not come',
    ])
      expect(text).toContain(told)
    await lab.ingest([], { siteId: 2, meterId: 'replay', report: { replay: 'finished' } })
    await page.getByText('Replay finished').waitFor()
    await site.getByText('in this time').first().click()
    await site.getByText('batches that never arrived').waitFor()
    await page.getByRole('link', { name: 'Connection logs' }).click()
    await page.locator('.losses', { hasText: 'batches that never arrived' }).waitFor()
  })

  test('settings: a shorter retention asks first', async () => {
    const fromMs = Date.now() - 200 * 86_400e3
    await lab.ingest(officeSessions({ count: 7, fromMs, toMs: fromMs + 3600e3, seed: 12 }))
    const page = await lab.open('/settings')
    const stored = async () => (await lab.api('GET', `/org/${ORG}/settings`)).retentionDays
    await page.getByLabel('A number of days').check()
    await page.getByLabel('Days', { exact: true }).fill('90')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('button', { name: 'Keep them' }).click()
    expect(await stored()).toBe(-1)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('button', { name: 'Delete 7 sessions' }).click()
    await page.getByText('Kept from now on: 90 days').waitFor()
    expect(await stored()).toBe(90)
    await page.getByLabel('For ever').check()
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Kept from now on: everything, for ever').waitFor()
    expect(await stored()).toBe(-1)
  })

  test('settings: a key is made, shown once, works, and is revoked', async () => {
    const page = await lab.open('/settings')
    await page.getByRole('button', { name: 'New key' }).click()
    await page.getByLabel('Name').fill('Auditor')
    await page.getByLabel('Expires').selectOption('30')
    await page.getByRole('button', { name: 'Create' }).click()
    const key = (await page.locator('.new-key').innerText()).trim()
    expect(key).toMatch(/^tm_read_[\w-]{43}$/)
    expect((await lab.server.get('/api/v1/key', key)).body.data.name).toBe('Auditor')
    await page.getByRole('button', { name: 'Done' }).click()
    const row = page.locator('tr', { hasText: 'Auditor' })
    await row.getByText('Active').waitFor()
    await row.getByText(`${key.slice(0, 12)}…${key.slice(-4)}`).waitFor()
    const find = page.getByLabel('Find a key')
    await find.fill(` ${key} `)
    const keys = page.getByRole('region', { name: 'Keys of' }).locator('tbody tr')
    await expect.poll(() => keys.count()).toBe(1)
    await find.fill(`${key.slice(0, -1)}-`)
    await expect.poll(() => keys.count()).toBe(0)
    await find.fill('audit')
    await expect.poll(() => keys.count()).toBe(1)
    await find.fill('')
    expect(await page.content()).not.toContain(key)
    await row.getByRole('button', { name: 'Revoke' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
    await row.getByText('Revoked').waitFor()
    expect((await lab.server.get('/api/v1/key', key)).status).toBe(401)
  })

  test('settings: an ingest key comes with the commands for its gateway', async () => {
    const page = await lab.open('/settings')
    await page.getByRole('button', { name: 'New key' }).click()
    await page.getByLabel('Name').fill('Gateway')
    await page.getByLabel('Scope').selectOption('ingest')
    await page.getByLabel('Site', { exact: true }).fill('3')
    await page.getByRole('button', { name: 'Create' }).click()
    const key = (await page.locator('.new-key').innerText()).trim()
    const [make = '', start = ''] = (await page.locator('.command').nth(1).innerText()).split('\n')
    expect(make).toContain(`echo ${key} > site-3.key`)
    expect(start).toBe(
      `tunmeter meter --interface wg0 --to ${new URL(page.url()).origin} --key-file site-3.key`,
    )
  })

  test('settings: two clicks on Create make one key', async () => {
    const page = await lab.open('/settings')
    await page.getByRole('button', { name: 'New key' }).click()
    await page.getByLabel('Name').fill('Only one')
    await page.evaluate(
      "for (const _ of [0, 1]) document.querySelector('dialog [type=submit]').click()",
    )
    await page.getByRole('button', { name: 'Done' }).click()
    await page.locator('tr', { hasText: 'Only one' }).first().waitFor()
    await page.waitForLoadState('networkidle')
    const { keys } = await lab.api('GET', `/org/${ORG}/keys`)
    expect(keys.filter(({ name }: { name: string }) => name === 'Only one')).toHaveLength(1)
  })

  test('settings: the catalog can be looked through', async () => {
    const page = await lab.open('/settings')
    const table = page.getByRole('region', { name: /Catalog/ })
    await table.getByText('Orders database').waitFor()
    await page.getByLabel('Search the catalog').fill('10.20.0.30')
    await expect.poll(() => table.locator('tbody tr').count()).toBe(1)
    await page.getByLabel('Search the catalog').fill('')
    await page.getByRole('button', { name: 'Clients 7' }).click()
    await table.getByText('chiara-laptop').waitFor()
    const kept = table.getByRole('columnheader', { name: 'Kept' })
    await kept.waitFor()
    await table.getByRole('cell', { name: 'sessions' }).first().waitFor()
  })

  test('overview: the newest bar is in sight, and is the one under a pointer on it', async () => {
    const QUARTER_MS = 900e3
    const end = Math.floor(Date.now() / QUARTER_MS) * QUARTER_MS
    const [start, late] = [end - 24 * 3600e3, end - 300e3]
    const [session] = officeSessions({ count: 1, fromMs: late, toMs: late, seed: 12 })
    await lab.ingest([{ ...session!, bytesTx: 1e11, siteResourceId: 1 }], { siteId: 2 })
    const iso = (ms: number) => new Date(ms).toISOString()
    const page = await lab.open(`/overview?timeStart=${iso(start)}&timeEnd=${iso(end)}`)
    await page.locator('.chart canvas').waitFor()
    const plot = (await page.locator('.chart .u-over').boundingBox())!
    const whole = (await page.locator('.chart canvas').boundingBox())!
    await page.mouse.move(plot.x + plot.width - 2, plot.y + 20)
    await page.locator('.legend-item', { hasText: '100 GB' }).waitFor()
    const bar = plot.width / 96
    const x = plot.x - whole.x + plot.width - bar
    expect(await colouredShare(page, { x, y: 40, width: bar, height: 60 })).toBeGreaterThan(0.6)
  })

  test('the theme is chosen, kept, and charts follow it', async () => {
    const page = await lab.open('/overview')
    await page.locator('.chart canvas').waitFor()
    const ground = () =>
      page.evaluate('getComputedStyle(document.body.parentElement).backgroundColor')
    const light = await ground()
    await page.getByRole('button', { name: /Theme/ }).click()
    await page.getByRole('button', { name: 'Dark' }).click()
    await expect.poll(ground).not.toBe(light)
    const dark = await ground()
    await page.reload()
    await page.locator('.chart canvas').waitFor()
    expect(await ground()).toBe(dark)
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
