/**
 * Makes the pictures of docs/images with a real server and a real browser: `npm run screenshots`.
 *
 * The content is made up (test/support/office.ts): an office with two sites. Needs Chromium and
 * pngquant. A palette of 256 colours is invisible on pages with flat colours, and keeps each
 * picture below IMAGE_BYTES_MAX.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { Lab, NO_CHROMIUM } from '../test/support/browser.ts'
import { officeCatalog, officeSessions } from '../test/support/office.ts'

const OUT = fileURLToPath(new URL('../docs/images', import.meta.url))
const IMAGE_BYTES_MAX = 200 * 1024
const DAY_MS = 86_400e3

const WIDE = { width: 1440, height: 900 }
const NARROW = { width: 390, height: 844 }

interface Shot {
  readonly name: string
  readonly path: string
  readonly options: BrowserContextOptions
  /** A selector that must match before the picture is taken. */
  readonly ready: string
  readonly prepare?: (page: Page) => Promise<void>
}

async function openThird(page: Page): Promise<void> {
  const rows = page.locator('tr[data-session]', { hasText: 'Orders database' })
  await rows.filter({ hasText: 'Closed' }).first().click()
  await page.locator('.pair-strip a').waitFor()
  await page.mouse.move(720, 6)
}

const light = { viewport: WIDE, colorScheme: 'light' } as const
const dark = { viewport: WIDE, colorScheme: 'dark' } as const
const narrow = { viewport: NARROW, deviceScaleFactor: 2 } as const

const SHOTS: readonly Shot[] = [
  { name: 'logs-light', path: '/', options: light, ready: 'tr[data-session]' },
  { name: 'logs-dark', path: '/', options: dark, ready: 'tr[data-session]' },
  {
    name: 'session-light',
    path: '/',
    options: light,
    ready: 'tr[data-session]',
    prepare: openThird,
  },
  {
    name: 'session-dark',
    path: '/',
    options: dark,
    ready: 'tr[data-session]',
    prepare: openThird,
  },
  { name: 'overview-light', path: '/overview', options: light, ready: '.chart canvas' },
  { name: 'overview-dark', path: '/overview', options: dark, ready: '.chart canvas' },
  { name: 'usage-light', path: '/usage', options: light, ready: '.plain-table' },
  { name: 'sites-dark', path: '/sites', options: dark, ready: '.facts' },
  { name: 'settings-light', path: '/settings', options: light, ready: '.plain-table' },
  {
    name: 'logs-narrow',
    path: '/',
    options: { ...narrow, colorScheme: 'light' },
    ready: '.log-card',
  },
  {
    name: 'overview-narrow',
    path: '/overview',
    options: { ...narrow, colorScheme: 'dark' },
    ready: '.chart canvas',
  },
]

async function fill(lab: Lab): Promise<void> {
  const now = Date.now()
  const day = { fromMs: now - DAY_MS, toMs: now }
  await lab.ingest(officeSessions({ ...day, count: 2600, seed: 7, open: 6 }))
  const before = { fromMs: now - 75 * DAY_MS, toMs: now - DAY_MS }
  await lab.ingest(officeSessions({ ...before, count: 4500, seed: 9 }))
  await lab.ingest(officeSessions({ ...day, count: 500, seed: 8, open: 2 }), {
    siteId: 2,
    report: { packetsDropped: 312, spool: { batches: 4, bytes: 182_000, quarantined: 0 } },
  })
}

function reduced(png: Buffer): Buffer {
  const { stdout, status, error } = spawnSync(
    'pngquant',
    ['--quality', '80-100', '--speed', '1', '-'],
    {
      input: png,
      maxBuffer: 64 * 1024 * 1024,
    },
  )
  if (status === 0) return stdout
  throw new Error(`pngquant failed (is it installed?): ${error?.message ?? `exit ${status}`}`)
}

async function take(lab: Lab, shot: Shot): Promise<void> {
  const page = await lab.open(shot.path, shot.options)
  await page.locator(shot.ready).first().waitFor()
  await page.waitForLoadState('networkidle')
  await shot.prepare?.(page)
  await page.evaluate('document.fonts.ready')
  const png = reduced(await page.screenshot())
  const file = join(OUT, `dashboard-${shot.name}.png`)
  writeFileSync(file, png)
  process.stdout.write(`${file} ${Math.round(png.length / 1024)} KiB\n`)
  if (png.length > IMAGE_BYTES_MAX) throw new Error(`${file} has ${png.length} bytes`)
  await page.context().close()
}

if (NO_CHROMIUM) throw new Error(NO_CHROMIUM)
mkdirSync(OUT, { recursive: true })
const lab = await Lab.start(officeCatalog())
try {
  await fill(lab)
  for (const shot of SHOTS) await take(lab, shot)
} finally {
  await lab.stop()
}
