/** Destinations in the dashboard: made, tried, looked at, changed and removed by hand, against a receiver. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { contentOf, Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'
import { Receiver } from '../support/receiver.js'
import { until } from '../support/until.js'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const PATH = `/org/${ORG}/destinations`

describe.skipIf(NO_CHROMIUM)('destinations', () => {
  let lab: Lab
  let receiver: Receiver
  let seed = 20
  const ingest = async (count: number) => {
    const now = Date.now()
    const span = { fromMs: now - 3 * 3600e3, toMs: now }
    await lab.ingest(officeSessions({ ...span, count, seed: seed++ }))
  }
  const list = async () => (await lab.api('GET', PATH)).destinations
  const add = (change: object = {}) =>
    lab.api('POST', PATH, {
      kind: 'webhook',
      name: 'siem',
      settings: { url: receiver.url },
      ...change,
    })

  beforeAll(async () => {
    lab = await Lab.start(officeCatalog(), [
      '--allow-plain-destinations',
      '--allow-private-destinations',
    ])
    await ingest(30)
    // What is not stored yet when a destination is made is sent to it.
    const log = `/org/${ORG}/logs/connection`
    await until(async () => (await lab.api('GET', log)).pagination.total > 0)
  })
  afterEach(async () => {
    await lab.closePages()
    for (const { id } of await list()) await lab.api('DELETE', `${PATH}/${id}`)
    await receiver.close()
  })
  afterAll(() => lab?.stop())
  const begin = async () => {
    receiver = await Receiver.start()
  }

  test('pseudonyms and reports of open sessions are asked for, shown, and still there in a change', async () => {
    await begin()
    const page = await lab.open('/destinations')
    await page.getByRole('button', { name: 'New destination' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('siem')
    await dialog.getByLabel('url', { exact: true }).fill(receiver.url)
    await dialog.getByText('Sessions, fields, and size of an attempt').click()
    await dialog.getByLabel('Seconds between reports of open sessions').fill('300')
    await dialog.getByLabel('Pseudonyms in place of persons').selectOption('week')
    await dialog.getByLabel('Addresses too').uncheck()
    await dialog.getByRole('button', { name: 'Create' }).click()
    await dialog.getByRole('alert').waitFor()
    expect(await dialog.getByRole('alert').innerText()).toContain('secrets.pseudonymKey')
    await dialog.getByLabel('pseudonymKey').fill('a-key-of-this-destination-0123456789')
    await dialog.getByRole('button', { name: 'Create' }).click()
    await page.getByText('of persons, not addresses, new ones each week').waitFor()
    await page.getByText('each 300 s; 0 reports so far').waitFor()
    const kept = { openSeconds: 300, pseudonyms: { period: 'week', addresses: false } }
    expect(await list()).toMatchObject([kept])
    await page.getByRole('button', { name: 'Change' }).click()
    await dialog.getByLabel('Name').fill('archive')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'archive', level: 1 }).waitFor()
    expect(await list()).toMatchObject([kept])
  })

  test('one is made, tried, changed and removed; its secret is never shown', async () => {
    await begin()
    const page = await lab.open('/destinations')
    await page.getByText('Sessions are sent nowhere yet').waitFor()
    await page.getByRole('button', { name: 'New destination' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('siem')
    await dialog.getByLabel('url', { exact: true }).fill('ftp://nowhere')
    await dialog.getByLabel('secret', { exact: true }).fill(SECRET)
    await dialog.getByRole('button', { name: 'Create' }).click()
    await dialog.getByRole('alert').waitFor()
    expect(await dialog.getByRole('alert').innerText()).toContain('settings.url')
    // What was typed is still there.
    await dialog.getByLabel('url', { exact: true }).fill(receiver.url)
    await dialog.getByLabel('headers').fill('{"X-Tenant": "acme"}')
    await dialog.getByRole('button', { name: 'Create' }).click()
    await page.getByRole('heading', { name: 'siem', level: 1 }).waitFor()
    await page.getByText('secret …LaSw').waitFor()
    expect(await list()).toMatchObject([
      { name: 'siem', settings: { url: receiver.url, headers: { 'X-Tenant': 'acme' } } },
    ])

    await page.getByRole('button', { name: 'Test' }).click()
    await page.getByText(': taken, 200').waitFor()
    expect(receiver.events()[0]).toMatchObject({ test: true })
    receiver.reply = () => ({ status: 403, text: 'wrong <b>token</b>' })
    await page.getByRole('button', { name: 'Test' }).click()
    await page.getByText(': not taken, 403, wrong <b>token</b>').waitFor()

    await page.getByRole('button', { name: 'Change' }).click()
    expect(await dialog.getByLabel('secret', { exact: true }).inputValue()).toBe('')
    await dialog.getByText('It is set and ends in LaSw').waitFor()
    await dialog.getByLabel('Name').fill('archive')
    await dialog.getByLabel('format').selectOption('array')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'archive', level: 1 }).waitFor()
    expect(await list()).toMatchObject([
      {
        name: 'archive',
        settings: { url: receiver.url, format: 'array', headers: { 'X-Tenant': 'acme' } },
        secrets: { secret: { lastFour: 'LaSw' } },
      },
    ])
    await page.getByRole('button', { name: 'Change' }).click()
    await dialog.getByLabel('Remove secret').check()
    await dialog.getByRole('button', { name: 'Save' }).click()
    await expect.poll(async () => (await list())[0].secrets).toEqual({})

    await page.getByRole('button', { name: 'Remove' }).click()
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await page.getByText('Sessions are sent nowhere yet').waitFor()
    expect(await list()).toEqual([])
  })

  test('how delivery stands: paused, blocked with the answer, tried again, delivered', async () => {
    await begin()
    receiver.reply = () => ({ status: 410, text: 'this hook has gone' })
    const { id } = await add()
    const page = await lab.open(`/destination/${id}`)
    await page.getByText('Delivering').waitFor()
    await ingest(3)
    await page.getByText('Blocked').waitFor()
    await page.getByText('410 this hook has gone').waitFor()
    const fact = (name: string) =>
      page.locator('.facts > div', { has: page.getByText(name, { exact: true }) }).locator('dd')
    expect(await fact('Waiting').innerText()).toMatch(/^3, the oldest for \d/)
    receiver.reply = () => ({ status: 200 })
    await page.getByRole('button', { name: 'Try now' }).click()
    await expect.poll(() => fact('Delivered').innerText()).toBe('3 sessions')
    const refused = page.locator('tr', { hasText: 'Refused (4xx)' }).locator('td')
    const counts = (await list())[0].attempts
    expect(await refused.allInnerTexts()).toEqual([
      String(counts.day['4xx']),
      String(counts.month['4xx']),
    ])
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByText('Paused').waitFor()
    await page.getByText('when it is resumed').waitFor()
    await page.getByText('All destinations').click()
    const row = page.locator('tbody tr')
    await row.getByText('Paused').waitFor()
    expect(await row.getByRole('link').innerText()).toBe('siem')
  })

  test('a backfill is started, shown and stopped', async () => {
    await begin()
    const { id } = await add()
    await lab.api('POST', `${PATH}/${id}/pause`)
    const page = await lab.open(`/destination/${id}`)
    await page.getByRole('button', { name: 'New backfill' }).click()
    // A second click before the answer starts no second one.
    await page.getByRole('dialog').getByRole('button', { name: 'Start' }).dblclick()
    await page.getByRole('img', { name: 'Backfill 1: 0 %' }).waitFor()
    expect((await list())[0].backfills).toHaveLength(1)
    await page.getByRole('button', { name: /^Stop/ }).click()
    await page.getByText('stopped at 0 %').waitFor()
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByRole('button', { name: 'New backfill' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Start' }).click()
    await page.getByRole('img', { name: 'Backfill 2: 100 %' }).waitFor()
    const [shown] = await list()
    expect(shown.backfills).toMatchObject([{ stopped: true }, { stopped: false }])
    await page.getByText(`done, ${shown.backfills[1].delivered} sessions`).waitFor()
    expect(shown.backfills[1].delivered).toBeGreaterThan(0)
  })

  test('dead letters are shown, saved, sent again and given up', async () => {
    await begin()
    receiver.reply = () => ({ status: 422, text: 'no such field' })
    const { id } = await add()
    await ingest(2)
    await expect.poll(async () => (await list())[0].deadLetters).toBe(2)
    const page = await lab.open(`/destination/${id}`)
    const row = page.locator('tr', { hasText: '422 no such field' })
    await row.first().getByText('Show').click()
    expect(JSON.parse(await row.first().locator('pre').innerText())).toHaveProperty('sessionId')
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'NDJSON' }).click(),
    ])
    const lines = (await contentOf(file)).toString().trim().split('\n')
    expect(lines.map((line) => JSON.parse(line).status)).toEqual([422, 422])
    let answered = 0
    receiver.reply = () => ({ status: answered++ === 0 ? 200 : 422, text: 'no' })
    await page.getByRole('button', { name: 'Send again' }).click()
    await page.getByText('1 taken, 1 refused again').waitFor()
    await expect.poll(() => row.count()).toBe(1)
    await page.getByRole('button', { name: 'Give up' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Give up' }).click()
    await page.getByText('A dead letter is a session that the receiver refused').waitFor()
    expect((await list())[0].deadLetters).toBe(0)
  })

  test('a key that reads sees none, and one of nobody is said to be none', async () => {
    await begin()
    const page = await lab.open('/destination/d000')
    await page.getByText('There is no such destination').waitFor()
    const reader = await lab.newPage()
    await lab.signIn(reader, lab.readKey, '/destinations')
    await reader.getByText('Destinations are for admins').waitFor()
    expect(lab.faults).toEqual([])
  })
})
