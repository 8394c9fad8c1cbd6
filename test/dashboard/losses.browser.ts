/** The log says what it does not hold, of the sites that are asked for and of no other. */
import type { Page, Route } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Lab, NO_CHROMIUM, ORG } from '../support/browser.js'
import { officeCatalog, officeSessions } from '../support/office.js'

describe.skipIf(NO_CHROMIUM)('losses', () => {
  let lab: Lab
  const now = Date.now()
  /** Site 2 began to be metered then. */
  const beganMs = now - 30 * 86400e3
  beforeAll(async () => {
    lab = await Lab.start(officeCatalog())
    const rows = (seed: number) =>
      officeSessions({ count: 10, fromMs: now - 5 * 3600e3, toMs: now, seed })
    // It was heard last two hours ago.
    const silentReport = { startedAt: new Date(beganMs).toISOString(), at: hoursAgo(2) }
    await lab.ingest(rows(1), { siteId: 2, report: silentReport })
    const reconciliation = { unexplainedPacketsMin: 0, unexplainedPacketsMax: 0, exact: 1 }
    await lab.ingest(rows(2), { siteId: 1, report: { packets: 8_175_912, reconciliation } })
    // Two batches never came.
    await lab.ingest([], {
      siteId: 1,
      skip: 2,
      report: { packets: 8_175_912, reconciliation },
    })
  })
  afterEach(() => lab.closePages())
  afterAll(() => lab?.stop())

  function hoursAgo(hours: number): string {
    return new Date(now - hours * 3600e3).toISOString()
  }

  /** Only the silence is made up: what has come just now is not silent to a server. */
  async function open(path: string): Promise<Page> {
    const page = await lab.open('/settings')
    const silenced = async (route: Route) => {
      const response = await route.fetch()
      const body = await response.json()
      for (const site of body.data.sites.filter((s: { siteId: number }) => s.siteId === 2)) {
        const [from, to] = [hoursAgo(2), body.data.to]
        if (from >= to) continue
        const hole = { cause: 'silent', from, to, seconds: 7200, sessions: null }
        Object.assign(site, { complete: false })
        Object.assign(site.meters[0], { holes: [hole], until: to, coveredShare: 0.9 })
      }
      await route.fulfill({ response, json: body })
    }
    // A page that is closed meanwhile waits for no answer; one that is open fails without it.
    await page.route('**/completeness?*', (route) => silenced(route).catch(() => undefined))
    const asked = page.waitForResponse((response) => response.url().includes('/completeness?'))
    await page.goto(lab.server.url + path)
    await asked
    return page
  }

  async function told(path: string): Promise<string> {
    const page = await open(path)
    await page.locator('.losses').waitFor()
    return page.locator('.losses').innerText()
  }

  test('a loss names its site, and is not told of another', async () => {
    const one = await told('/?siteId=1')
    expect(one).toContain('Rotterdam: ')
    expect(one).toContain('batches that never arrived (2 batches)')
    expect(one).not.toContain('silent')
    const other = await told('/?siteId=2')
    expect(other).toContain('Genova: since')
    expect(other).toContain('silent')
    expect(other).not.toContain('Rotterdam')
    expect(other).not.toContain('batches')
  })

  test('of all sites both are told, the silent one first', async () => {
    const text = await told('/')
    expect(text.indexOf('Genova')).toBeLessThan(text.indexOf('Rotterdam'))
  })

  test('a range that was over before the silence began says nothing of it', async () => {
    const page = await open(`/?siteId=2&timeStart=${hoursAgo(6)}&timeEnd=${hoursAgo(3)}`)
    await page.locator('.completeness-badge.ok', { hasText: 'Complete' }).waitFor()
    expect(await page.locator('.losses').count()).toBe(0)
  })

  test('every page says in its header how complete the time range is', async () => {
    const page = await open('/')
    for (const path of ['/overview', '/settings']) {
      await page.goto(lab.server.url + path)
      await page
        .locator('.completeness-badge', { hasText: '1 site silent, 1 with losses' })
        .waitFor()
    }
    await page.goto(`${lab.server.url}/usage?range=7d`)
    await page.locator('.completeness-badge').click()
    await page.waitForURL('**/sites?range=7d')
  })

  test('the sites page begins with the verdict, then the worst site', async () => {
    const page = await open('/sites')
    await page.locator('.verdict', { hasText: '0 of 2 sites are complete' }).waitFor()
    const answer = await lab.api('GET', `/org/${ORG}/completeness?timeStart=${hoursAgo(24)}`)
    expect(answer.sites[0].meters[0].reconciled.packets).toBe(8_175_912)
    const rotterdam = page.locator('.card', { hasText: 'Rotterdam' })
    await rotterdam.getByText('Reconciled: 8,175,912 of 8,175,912 packets').waitFor()
    expect(await page.locator('.card h2').first().innerText()).toBe('Rotterdam')
    await rotterdam.getByText('1 hole in this time').click()
    await rotterdam.getByText('batches that never arrived').waitFor()
    // The last two of 24 hours of the other one, hatched.
    const genova = page.locator('.card', { hasText: 'Genova' })
    const strip = await genova.locator('.strip svg').boundingBox()
    const silent = await genova.locator('.strip-silent').boundingBox()
    expect(silent!.width / strip!.width).toBeCloseTo(2 / 24, 1)
    expect(silent!.x + silent!.width).toBeCloseTo(strip!.x + strip!.width, 0)
  })

  test('nothing was refused by the policy, asked elsewhere or thrown', () => {
    expect(lab.faults).toEqual([])
  })
})
