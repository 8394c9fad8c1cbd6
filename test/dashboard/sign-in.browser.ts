/** Who gets in, who is sent out, and what they are told. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog } from '../support/office.js'

describe.skipIf(NO_CHROMIUM)('sign-in', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  const newKey = (scope: string, change: object = {}) =>
    lab.api('POST', `/org/${ORG}/keys`, { scope, name: `a ${scope} key`, ...change })

  test('a wrong key is refused with a reason, a right one leads where one wanted to go', async () => {
    const page = await lab.newPage()
    await page.goto(`${lab.server.url}/settings`)
    const field = page.getByLabel('Key', { exact: true })
    await field.fill(`tm_read_${'x'.repeat(43)}`)
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('this key is not known').waitFor()
    await field.fill(lab.readKey)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Settings' }).waitFor()
  })

  test('the key is nowhere that a script could read', async () => {
    const page = await lab.newPage()
    await lab.signIn(page)
    const readable = await page.evaluate(
      'JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, location.href])',
    )
    expect(readable).not.toContain('tm_')
    const cookies = await page.context().cookies()
    expect(cookies.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite }))).toEqual([
      { httpOnly: true, sameSite: 'Strict' },
    ])
  })

  test('signing out forgets the cookie', async () => {
    const page = await lab.newPage()
    await lab.signIn(page)
    await page.getByRole('button', { name: /Signed in with key/ }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in with a key' }).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'Sign in with a key' }).waitFor()
    expect(await page.context().cookies()).toEqual([])
  })

  test('a key that is revoked meanwhile sends back to sign-in and says so', async () => {
    const { key, keyId } = await newKey('read')
    const page = await lab.newPage()
    await lab.signIn(page, key, '/usage')
    await page.getByRole('heading', { name: 'Usage' }).waitFor()
    await lab.api('DELETE', `/org/${ORG}/keys/${keyId}`)
    // A request that was under way may have signed out already: then there is no link.
    const sites = page.getByRole('link', { name: 'Sites' })
    await sites.click({ timeout: 5_000 }).catch(() => undefined)
    await page.getByText('You were signed out').waitFor()
    expect(await page.locator('.note').innerText()).toContain('revoked')
    await lab.signIn(page, lab.readKey, '/')
  })

  test('a key that has expired does too', async () => {
    const { key } = await newKey('read', { expiresAt: new Date(Date.now() + 5000).toISOString() })
    const page = await lab.newPage()
    await lab.signIn(page, key, '/sites')
    // The page asks again by itself, every five seconds.
    await page.getByText('this key has expired').waitFor()
  })

  test('a read key sees settings and may not change them', async () => {
    const page = await lab.newPage()
    await lab.signIn(page, lab.readKey, '/settings')
    await page.getByRole('heading', { name: 'Catalog' }).waitFor()
    expect(await page.getByRole('heading', { name: 'Keys' }).count()).toBe(0)
    expect(await page.getByRole('button', { name: 'Save' }).count()).toBe(0)
    expect(await page.getByLabel('For ever').isDisabled()).toBe(true)
  })

  test('an ingest key is told that it only sends', async () => {
    const { key } = await newKey('ingest', { siteId: 1 })
    const page = await lab.newPage()
    await page.goto(lab.server.url)
    await page.getByLabel('Key', { exact: true }).fill(key)
    await page.keyboard.press('Enter')
    await page.getByRole('alert').getByText('only sends').waitFor()
  })

  test('a root key chooses among organisations', async () => {
    await lab.server.key({ scope: 'read', org: 'another' })
    const root = await lab.server.key({ scope: 'root' })
    const page = await lab.newPage()
    await lab.signIn(page, root, `/settings?org=${ORG}`)
    await page.getByText(`Organisation ${ORG}`).waitFor()
    await page.getByRole('button', { name: `Organisation: ${ORG}` }).click()
    await page.getByRole('button', { name: 'another' }).click()
    await page.getByText('Organisation another').waitFor()
    expect(page.url()).toContain('org=another')
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
