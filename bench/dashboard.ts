/**
 * How fast the dashboard's log and overview are in Chromium on a large store:
 * npm run bench:dashboard [-- --rows 1300000 --rounds 7 --data DIR --keep]
 *
 * A server with ROWS sessions of 60 days (support/log-fill.ts), and a page that measures itself with its own clock: from the
 * start of the navigation, of the click or of the key to the change of the document. Prints the best and the median of
 * the rounds beside each target. Other work on the machine makes all of them slower, so the load is printed as well.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { openChromium } from '../test/support/browser.ts'
import { fillLog } from './support/log-fill.ts'
import { CLIENTS, LOG_ORG, RESOURCES, SITES } from './support/log-rows.ts'
import { describeMachine, median } from './support/machine.ts'
import { BenchServer, createKey } from './support/serve.ts'

const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string', default: '1300000' },
    rounds: { type: 'string', default: '7' },
    data: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})
const DAYS = 60
const LIVE_MS = 10_000
const KEYS = 40
const rounds = Number(flags.rounds)
const rows = Number(flags.rows)
const work = flags.data ?? mkdtempSync(join(tmpdir(), 'tunmeter-bench-'))

/** Runs before the page's own scripts. */
const CLOCK = `(() => {
  const ids = () => [...document.querySelectorAll('[data-session]')].map((row) => row.dataset.session).join()
  const watch = (isThere) => new Promise((done) => {
    const look = () => {
      if (!isThere()) return
      observer.disconnect()
      // With the time that the layout takes.
      document.body.getBoundingClientRect()
      done(performance.now())
    }
    const observer = new MutationObserver(look)
    observer.observe(document, { subtree: true, childList: true, attributes: true })
  })
  const changeOf = (read) => async (act) => {
    const before = read()
    const seen = watch(() => read() !== before && read() !== '')
    const start = performance.now()
    act()
    return (await seen) - start
  }
  window.clock = {
    first: watch(() => ids() !== ''),
    overview: watch(() => document.querySelector('.matrix') !== null),
    rows: changeOf(ids),
    selected: changeOf(() => document.querySelector('[aria-selected=true]')?.dataset.session ?? ''),
  }
})()`

interface Figure {
  readonly what: string
  readonly unit: 'ms' | 'kB'
  readonly target?: number
  readonly values: readonly number[]
}

async function fill(): Promise<string> {
  const usPerRow = Math.floor((DAYS * 86400e6) / rows)
  const fromUs = Date.now() * 1e3 - rows * usPerRow
  if (!existsSync(join(work, 'sessions.duckdb')))
    await fillLog({ data: work, from: 0, to: rows, fromUs, usPerRow })
  const key = createKey(...[work, '--scope', 'admin', '--org', LOG_ORG, '--retention-days', '-1'])
  return key
}

async function putCatalog(server: BenchServer, key: string): Promise<void> {
  const names = (count: number, word: string, id: string, more = (_: number) => ({})) =>
    Array.from({ length: count }, (_, i) => ({ [id]: i + 1, name: `${word}-${i + 1}`, ...more(i) }))
  await server.send('PUT', `/api/v1/org/${LOG_ORG}/catalog`, key, {
    users: [],
    clients: names(CLIENTS, 'client', 'clientId', (i) => ({
      publicKey: Buffer.from(String(i).padStart(32, '0')).toString('base64'),
      addresses: [`10.8.${i >> 7}.${(i & 127) + 2}/32`],
    })),
    sites: names(SITES, 'site', 'siteId'),
    resources: names(RESOURCES, 'resource', 'siteResourceId', (i) => ({
      ...{ destination: `192.168.${i >> 3}.${(i & 7) + 10}`, ports: [] },
    })),
  })
}

/** A page without anything in its cache, signed in. */
async function openPage(browser: Browser, server: BenchServer, key: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
  await context.request.post(`${server.url}/api/v1/login`, { data: { key } })
  const page = await context.newPage()
  await page.addInitScript(CLOCK)
  return page
}

/** Bytes on the wire with their headers. */
async function received(page: Page): Promise<{ kB: () => number; ofAnswers: () => number }> {
  const session = await page.context().newCDPSession(page)
  const kinds = new Map<string, string>()
  const sums = { all: 0, answers: 0 }
  session.on('Network.responseReceived', ({ requestId, response }) =>
    kinds.set(requestId, response.url),
  )
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    sums.all += encodedDataLength
    if (kinds.get(requestId)?.includes('/api/') === true) sums.answers += encodedDataLength
  })
  await session.send('Network.enable')
  return { kB: () => sums.all / 1e3, ofAnswers: () => sums.answers / 1e3 }
}

type Inside = (page: Page, script: string) => Promise<number>
const inside: Inside = (page, script) => page.evaluate(script) as Promise<number>

async function inRounds(round: (n: number) => Promise<number>): Promise<number[]> {
  const values: number[] = []
  for (let n = 0; n < rounds; n++) values.push(await round(n))
  return values
}

async function measure(browser: Browser, server: BenchServer, key: string): Promise<Figure[]> {
  const fresh = async <T>(use: (page: Page) => Promise<T>): Promise<T> => {
    const page = await openPage(browser, server, key)
    const result = await use(page)
    await page.context().close()
    return result
  }
  const cold = (path: string, until: 'first' | 'overview') =>
    inRounds(() =>
      fresh(async (page) => {
        await page.goto(server.url + path)
        return inside(page, `clock.${until}`)
      }),
    )
  const first = [
    {
      what: 'first rows, cold, 24 hours',
      unit: 'ms',
      target: 500,
      values: await cold('/', 'first'),
    },
    {
      ...({ what: 'first rows, cold, 30 days', unit: 'ms', target: 500 } as const),
      values: await cold('/?range=30d', 'first'),
    },
    {
      ...({ what: 'overview with its matrix, cold, 30 days', unit: 'ms' } as const),
      values: await cold('/overview?range=30d', 'overview'),
    },
  ] as const satisfies Figure[]
  const wire = await fresh(async (page) => {
    const bytes = await received(page)
    await page.goto(server.url, { waitUntil: 'networkidle' })
    return { page: bytes.kB() - bytes.ofAnswers(), answers: bytes.ofAnswers() }
  })
  return [
    ...first,
    ...(await fresh((page) => changes(page, server))),
    {
      what: 'j with details open, 500 rows loaded',
      unit: 'ms',
      target: 16,
      values: await fresh((page) => pressJ(page, server)),
    },
    {
      what: 'live mode in 10 s, little happens',
      unit: 'kB',
      target: 30,
      values: [await fresh((page) => live(page, server))],
    },
    { what: 'first page without its answers', unit: 'kB', target: 110, values: [wire.page] },
    { what: 'answers of the first page', unit: 'kB', values: [wire.answers] },
  ]
}

/** A click in the breakdown, and Back, in turn. */
async function changes(page: Page, server: BenchServer): Promise<Figure[]> {
  await page.goto(`${server.url}/?range=30d`, { waitUntil: 'networkidle' })
  const filters: number[] = []
  const backs: number[] = []
  for (let n = 0; n < rounds; n++) {
    await page.locator('button.rail-only').nth(3).waitFor()
    const click = `clock.rows(() => document.querySelectorAll('button.rail-only')[${n % 4}].click())`
    filters.push(await inside(page, click))
    await page.waitForLoadState('networkidle')
    backs.push(await inside(page, 'clock.rows(() => history.back())'))
    await page.waitForLoadState('networkidle')
  }
  return [
    { what: 'filter to rows, 30 days', unit: 'ms', target: 150, values: filters },
    { what: 'Back to rows', unit: 'ms', target: 50, values: backs },
  ]
}

const lastInView = `Number(document.querySelector('.position p').innerText.match(/–([\\d,]+)/)[1].replace(',', ''))`

async function pressJ(page: Page, server: BenchServer): Promise<number[]> {
  await page.goto(`${server.url}/?range=30d`, { waitUntil: 'networkidle' })
  // Five batches, of which the page draws what is in view.
  while ((await inside(page, lastInView)) < 480) {
    await page.locator('.scroller').evaluate((list) => list.scrollTo(0, list.scrollHeight))
    await page.waitForLoadState('networkidle')
  }
  await page.locator('.row-button').first().click()
  await page.locator('.drawer').waitFor()
  const press = `clock.selected(() => document.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', bubbles: true })))`
  const values: number[] = []
  for (let n = 0; n < KEYS; n++) values.push(await inside(page, press))
  return values
}

async function live(page: Page, server: BenchServer): Promise<number> {
  await page.goto(`${server.url}/?live=1`, { waitUntil: 'load' })
  await page.locator('[data-session]').first().waitFor()
  await setTimeout(3000)
  const bytes = await received(page)
  await setTimeout(LIVE_MS)
  return bytes.kB()
}

const shown = (value: number) => (value < 10 ? value.toFixed(1) : String(Math.round(value)))

const key = await fill()
const server = await BenchServer.start(work)
let browser: Browser | undefined
try {
  await putCatalog(server, key)
  browser = await openChromium()
  const figures = await measure(browser, server, key)
  console.log(JSON.stringify({ ...describeMachine(), rows, rounds, chromium: browser.version() }))
  console.log('\n| | best | median | target |\n| --- | ---: | ---: | ---: |')
  for (const { what, unit, target, values } of figures) {
    const [best, middle] = [Math.min(...values), median(values)].map(
      (value) => `${shown(value)} ${unit}`,
    )
    console.log(
      `| ${what} | ${best} | ${middle} | ${target === undefined ? '' : `≤ ${target} ${unit}`} |`,
    )
  }
} finally {
  await browser?.close()
  await server.stop()
  if (!flags.keep) rmSync(work, { recursive: true, force: true })
}
