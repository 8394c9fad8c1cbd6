/** Alerts: made on a saved view, changed, tested, paused and removed. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog } from '../support/office.js'
import { Receiver } from '../support/receiver.js'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

describe.skipIf(NO_CHROMIUM)('alerts', () => {
  let lab: Lab
  let receiver: Receiver
  beforeAll(async () => {
    const plain = ['--allow-private-destinations', '--allow-plain-destinations']
    lab = await Lab.start(officeCatalog(), plain)
    receiver = await Receiver.start()
    await lab.api('POST', `/org/${ORG}/views`, { name: 'Over SSH', query: 'port=22&range=7d' })
  })
  afterEach(() => lab.closePages())
  afterAll(async () => {
    await receiver?.close()
    await lab?.stop()
  })

  test('one is made on a saved view, changed, tested, paused and removed', async () => {
    const page = await lab.open('/alerts')
    await page.getByText('Nobody is told of anything yet').waitFor()
    await page.getByRole('button', { name: 'New alert' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('Much over SSH')
    await dialog.getByLabel('Condition').selectOption('More bytes than')
    await dialog.getByLabel('Megabytes').fill('250')
    await dialog.getByLabel('Within').selectOption('1 hour')
    await dialog.getByLabel('View').selectOption('Over SSH')
    await dialog.getByLabel('Address').fill('https://')
    await dialog.getByLabel('Address').fill(receiver.url)
    await dialog.getByLabel('Secret of the signature').fill(SECRET)
    await dialog.getByLabel('Quiet from').fill('22:00')
    await dialog.getByLabel('Quiet until').fill('07:00')
    await dialog.getByRole('button', { name: 'Create' }).click()
    await page.getByRole('row', { name: /Much over SSH.*250 MB in 60 min/ }).waitFor()
    const { alerts } = await lab.api('GET', `/org/${ORG}/alerts`)
    expect(alerts).toMatchObject([
      {
        query: 'port=22&range=7d',
        condition: { kind: 'bytes', over: 250e6, withinMinutes: 60 },
        quiet: { from: '22:00', to: '07:00', timeZone: 'Europe/Amsterdam' },
        link: `${lab.server.url}/alerts`,
        language: 'en',
        secret: { lastFour: 'LaSw' },
      },
    ])
    await page.getByRole('button', { name: 'Change Much over SSH' }).click()
    await dialog.getByPlaceholder('…LaSw stays').waitFor()
    // What the form shows is the alert as it is.
    expect(await dialog.getByLabel('Megabytes').inputValue()).toBe('250')
    expect(await dialog.getByLabel('Quiet until').inputValue()).toBe('07:00')
    await dialog
      .getByLabel('View')
      .locator('option', { hasText: 'Over SSH' })
      .waitFor({ state: 'attached' })
    await dialog.getByLabel('Megabytes').fill('0.5')
    await dialog.getByLabel('Language of its messages').selectOption('German')
    await dialog.getByLabel('At most one message').fill('60')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('row', { name: /Much over SSH.*500 kB in 60 min/ }).waitFor()
    const changed = await lab.api('GET', `/org/${ORG}/alerts`)
    expect(changed.alerts).toMatchObject([
      {
        ...{
          id: alerts[0].id,
          name: 'Much over SSH',
          query: 'port=22&range=7d',
          link: alerts[0].link,
        },
        ...{ condition: { kind: 'bytes', over: 500e3, withinMinutes: 60 }, quiet: alerts[0].quiet },
        ...{ language: 'de', everyMinutes: 60, secret: { lastFour: 'LaSw' }, to: alerts[0].to },
      },
    ])
    await page.getByRole('button', { name: 'Test Much over SSH' }).click()
    await page.getByText('The receiver took the test').waitFor()
    expect(receiver.requests.map(({ text }) => text)).toEqual([
      expect.stringContaining('Dies ist ein Test'),
    ])
    await page.getByRole('button', { name: 'Pause Much over SSH' }).click()
    await page.getByRole('cell', { name: 'Paused' }).waitFor()
    await page.getByRole('button', { name: 'Remove Much over SSH' }).click()
    await page.getByText('Nobody is told of anything yet').waitFor()
  })

  test('an admin’s page: a read key is told so', async () => {
    const page = await lab.newPage()
    await lab.signIn(page, lab.readKey, '/alerts')
    await page.getByText('Alerts are for admins').waitFor()
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
