/** A real Chromium against a real server: what the dashboard's tests and its pictures are made with. */
import { existsSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Download,
  type Page,
} from 'playwright-core'
import type { Batch } from '../../src/session/batch.js'
import type { Catalog } from '../../src/session/catalog.js'
import type { PeerEvent } from '../../src/session/peer-event.js'
import type { Session } from '../../src/session/session.js'
import { report } from './batches.js'
import { TestServer } from './server.js'

/** The one without windows first: it needs 1.3 s of CPU for a new page, the other 4.3 s. */
const PROGRAMS = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium']
export const CHROMIUM =
  process.env.CHROMIUM_PATH ?? PROGRAMS.find((path) => existsSync(path)) ?? PROGRAMS[0]!
export const NO_CHROMIUM = existsSync(CHROMIUM) ? false : `no Chromium at ${CHROMIUM}`

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Set by shareChromium: all test files use one browser, each test in a context of its own. */
const SHARED = 'TUNMETER_TEST_CHROMIUM'

/** Its profile is new and goes with it. */
export function openChromium(): Promise<Browser> {
  const shared = process.env[SHARED]
  if (shared !== undefined) return chromium.connect(shared)
  return chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS })
}

/** @returns ends it */
export async function shareChromium(): Promise<() => Promise<void>> {
  const server = await chromium.launchServer({ executablePath: CHROMIUM, args: ARGUMENTS })
  process.env[SHARED] = server.wsEndpoint()
  return () => server.close()
}

/** By a stream: a browser that is shared keeps its files to itself. */
export async function contentOf(file: Download): Promise<Buffer> {
  return buffer(await file.createReadStream())
}

export const ORG = 'harbour'

/** A server with one organisation, its keys and its catalog, and a browser. */
export class Lab {
  readonly server: TestServer
  readonly browser: Browser
  readonly adminKey: string
  readonly readKey: string
  /** What no page may do: errors, refused content, requests elsewhere. */
  readonly faults: string[] = []
  #cookie: { name: string; value: string } | undefined
  readonly #batches = new Map<string, number>()

  private constructor(server: TestServer, browser: Browser, adminKey: string, readKey: string) {
    this.server = server
    this.browser = browser
    this.adminKey = adminKey
    this.readKey = readKey
  }

  /** @param args of `tunmeter serve` */
  static async start(catalog?: Partial<Catalog>, args: readonly string[] = []): Promise<Lab> {
    const [server, browser] = await Promise.all([TestServer.start(...args), openChromium()])
    const admin = await server.key({ scope: 'admin', org: ORG, name: 'Ada', retentionDays: -1 })
    const read = await server.key({ scope: 'read', org: ORG, name: 'Grace' })
    const lab = new Lab(server, browser, admin, read)
    if (catalog !== undefined) await lab.api('PUT', `/org/${ORG}/catalog`, catalog)
    return lab
  }

  /** After a stop: a new process knows none of the old one's sessions. */
  async respawn(): Promise<void> {
    this.#cookie = undefined
    await this.server.spawn()
  }

  /** What stays open goes on asking the server. */
  async closePages(): Promise<void> {
    await Promise.all(this.browser.contexts().map((context) => context.close()))
  }

  async stop(): Promise<void> {
    // The server ends also when the browser does not.
    await Promise.all([this.browser.close(), this.server.stop()])
  }

  /** @returns `data`. @throws on an answer that is not a success */
  // biome-ignore lint/suspicious/noExplicitAny: tests read into answers of every shape.
  async api(method: string, path: string, body?: unknown): Promise<any> {
    const answer = await this.server.request(method, `/api/v1${path}`, this.adminKey, body)
    if (answer.body.success !== true) {
      throw new Error(`${method} ${path}: ${answer.status} ${answer.body.message}`)
    }
    return answer.body.data
  }

  /** As a meter sends them. A number that is left out before (`skip`) becomes a gap. */
  async ingest(
    sessions: readonly Session[],
    change: {
      siteId?: number
      meterId?: string
      skip?: number
      report?: Partial<Batch['report']>
      peerEvents?: readonly PeerEvent[]
    } = {},
  ): Promise<void> {
    const { siteId = 1, meterId = `meter-${siteId}`, skip = 0 } = change
    const batch = (this.#batches.get(meterId) ?? 0) + 1 + skip
    this.#batches.set(meterId, batch)
    await this.api('POST', `/org/${ORG}/site/${siteId}/sessions`, {
      meterId,
      batch,
      report: report(change.report),
      gaps: [],
      ...(change.peerEvents && { peerEvents: change.peerEvents }),
      sessions,
    })
  }

  /** A page in a context of its own, without a cookie. */
  async newPage(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext({
      viewport: { width: 1440, height: 900 },
      timezoneId: 'Europe/Amsterdam',
      ...options,
    })
    const page = await context.newPage()
    page.on('pageerror', (error) => this.faults.push(`error: ${error.message}`))
    page.on('dialog', (dialog) => {
      this.faults.push(`dialog: ${dialog.message()}`)
      dialog.dismiss().catch(() => undefined)
    })
    page.on('console', (message) => {
      if (/Content Security Policy|Refused to/.test(message.text()))
        this.faults.push(message.text())
    })
    page.on('request', (request) => {
      const url = new URL(request.url())
      const own = url.origin === new URL(this.server.url).origin || url.protocol === 'blob:'
      if (!own) this.faults.push(`request to ${request.url()}`)
    })
    return page
  }

  async signIn(page: Page, key = this.adminKey, path = '/'): Promise<void> {
    await page.goto(this.server.url + path)
    await page.getByLabel('Key', { exact: true }).fill(key)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('navigation', { name: 'Pages of the dashboard' }).waitFor()
  }

  /** Types this into the query bar and takes the first suggestion. */
  async choose(page: Page, text: string): Promise<void> {
    await page.getByLabel('Search and filter').fill(text)
    await page.getByRole('option').first().waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
  }

  /** Signed in and on this path: with the cookie that a sign-in gives, without its page. */
  async open(path = '/', options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.newPage(options)
    this.#cookie ??= await this.#login()
    await page.context().addCookies([{ ...this.#cookie, url: this.server.url }])
    await page.goto(this.server.url + path)
    await page.locator('.nav').waitFor()
    return page
  }

  async #login(): Promise<{ name: string; value: string }> {
    const path = '/api/v1/login'
    const answer = await this.server.request('POST', path, undefined, { key: this.adminKey })
    const [name, value] = answer.headers.getSetCookie()[0]!.split(';')[0]!.split('=') as [
      string,
      string,
    ]
    return { name, value }
  }
}
