/** Connected clients: who was connected when, who is now, each event, and the same on a client's page. */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { PeerEvent } from '../../src/session/peer-event.js'
import { contentOf, Lab, NO_CHROMIUM } from '../support/browser.js'
import { officeCatalog } from '../support/office.js'
import { aPeerEvent } from '../support/peer-events.js'

const HOME = '203.0.113.7:51820'
const CAFE = '198.51.100.9:4500'
const NOW_US = Math.floor(Date.now() / 1e3) * 1e6
const HOUR_S = 3600
const STRANGER = `${'B'.repeat(42)}A=`
const catalog = officeCatalog()
const [first, second] = catalog.clients
const [FIRST, SECOND] = [first!.name, second!.name]

function at(hoursAgo: number, change: Partial<PeerEvent> = {}): PeerEvent {
  const timeUs = NOW_US - hoursAgo * HOUR_S * 1e6
  return aPeerEvent({
    timeUs,
    clientId: first!.clientId,
    userId: first!.userId ?? null,
    endpoint: HOME,
    ...change,
  })
}
const ofSecond = {
  publicKey: `${'C'.repeat(42)}A=`,
  clientId: second!.clientId,
  userId: second!.userId ?? null,
}

describe.skipIf(NO_CHROMIUM)('connected', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await Lab.start(catalog)
    await lab.ingest([], {
      peerEvents: [
        at(6),
        at(5.5, { event: 'endpointChanged', endpoint: CAFE, endpointBefore: HOME }),
        at(5, { event: 'disconnected', endpoint: CAFE }),
        at(4, { clientId: null, userId: null, publicKey: STRANGER }),
        at(3.5, { clientId: null, userId: null, publicKey: STRANGER, event: 'disconnected' }),
        at(2, { ...ofSecond, already: true }),
        // Long before the time range: it is connected all the same.
        at(300, { interface: 'wg1', endpoint: '192.0.2.44:1' }),
        // A meter tells it again each day.
        at(20, { interface: 'wg1', endpoint: '192.0.2.44:1', already: true }),
      ],
    })
    // Its meter reports nothing any more.
    await lab.ingest([], { siteId: 2, peerEvents: [] })
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  const rowsOf = async (page: Page) => {
    await page.locator('.plain-table tbody tr').first().waitFor()
    const rows = await page.locator('.plain-table tbody tr').all()
    return Promise.all(
      rows.map(async (row) =>
        (await row.locator('th, td').allInnerTexts()).map((cell) => cell.trim()),
      ),
    )
  }

  test('in the time range: when, until when, how long, from where', async () => {
    const page = await lab.open('/connected')
    const rows = await rowsOf(page)
    expect(rows.map((cells) => cells[1])).toEqual([
      ...[SECOND, `${STRANGER.slice(0, 12)}…`],
      ...[FIRST, FIRST],
    ])
    expect(rows[0]![0]).toMatch(/^before /)
    expect(rows[0]![3]).toBe('now')
    expect(rows[2]!.slice(3, 6)).toEqual([
      expect.stringMatching(/\d\d:\d\d:\d\d$/),
      '1h 00m',
      `${CAFE} after 1 other`,
    ])
    expect(rows[3]!.slice(3, 6)).toEqual(['now', '12d 12h', '192.0.2.44:1'])
    await page.getByText('4 connections; 2 connected now.').waitFor()
    await page
      .getByRole('cell', { name: CAFE })
      .and(page.getByTitle(`${HOME} → ${CAFE}`))
      .waitFor()
  })

  test('now: only those, and one that comes appears by itself', async () => {
    const page = await lab.open('/connected')
    await page.getByRole('button', { name: 'Now', exact: true }).click()
    await page.getByText('2 connected now.').waitFor()
    expect((await rowsOf(page)).map((cells) => cells[1])).toEqual([SECOND, FIRST])
    await lab.ingest([], {
      peerEvents: [at(0.01, { clientId: 3, userId: null, publicKey: `${'D'.repeat(42)}A=` })],
    })
    await page.getByText('3 connected now.').waitFor()
  })

  test('events: each, with what was before; and as a file', async () => {
    const page = await lab.open(`/connected?view=events&clientId=${first!.clientId}`)
    const rows = await rowsOf(page)
    expect(rows.map((cells) => [cells[1], cells[4], cells[5]])).toEqual([
      ['Disconnected', CAFE, ''],
      ['Moved', CAFE, HOME],
      ['Connected', HOME, ''],
      ['Connected already', '192.0.2.44:1', ''],
    ])
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'CSV' }).click(),
    ])
    const lines = (await contentOf(download)).toString().trimEnd().split('\r\n')
    expect(lines).toHaveLength(5)
    expect(lines[2]).toContain(`,${CAFE},${HOME},`)
    await page.getByRole('button', { name: `${FIRST} : show all` }).click()
    await expect.poll(async () => (await rowsOf(page)).length).toBeGreaterThan(4)
  })

  test('nothing in a time range is said', async () => {
    const page = await lab.open(
      '/connected?view=events&timeStart=2026-01-01T00:00:00Z&timeEnd=2026-01-02T00:00:00Z',
    )
    await page.getByText('Nothing happened in this time').waitFor()
  })

  test('the page of a client has its own, and leads to all of them and back', async () => {
    const page = await lab.open(`/client/${first!.clientId}`)
    const card = page.getByRole('region', { name: 'Connected', exact: true })
    await card.locator('tbody tr').first().waitFor()
    expect(await card.locator('tbody tr').count()).toBe(2)
    await card.getByRole('link', { name: 'Events' }).click()
    await page.getByRole('heading', { name: 'Connected clients' }).waitFor()
    const { pathname, searchParams } = new URL(page.url())
    expect([pathname, searchParams.get('clientId'), searchParams.get('view')]).toEqual([
      '/connected',
      String(first!.clientId),
      'events',
    ])
    expect(await rowsOf(page)).toHaveLength(4)
    await page.getByRole('link', { name: FIRST }).first().click()
    await page.locator('.entity .lead').waitFor()
  })
})
