/** tunmeter's own two programs inside a lab's site: the server on the site's loopback, the meter on its tunnel. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Catalog } from '../../src/session/catalog.js'
import { type LabProcess, type Namespace, run, until } from './lab.js'

export const CLI = join(import.meta.dirname, '../../dist/cli.js')
export const ORG = 'lab'

/** A row of the log as the API answers it; the fields that tests read. */
export interface LogRow {
  readonly sessionId: string
  readonly protocol: string
  readonly sourceAddr: string
  readonly destAddr: string
  readonly bytesTx: number
  readonly bytesRx: number
  readonly packetsTx: number
  readonly packetsRx: number
  readonly payloadTx: number
  readonly payloadRx: number
  readonly connState: string
  readonly endReason: string
  readonly interrupted: boolean
  readonly midstream: boolean
  readonly clientId: number | null
  readonly clientName: string | null
  readonly clientEndpoint: string | null
  readonly userEmail: string | null
  readonly siteResourceId: number | null
  readonly resourceName: string | null
  readonly siteId: number
  readonly peerPublicKey: string | null
  readonly connectionCount: number
}

export interface SiteReport {
  readonly at: string
  readonly packets: number
  readonly bytes: number
  readonly packetsDropped: number
  readonly other: Readonly<Record<string, { readonly packets: number; readonly bytes: number }>>
  readonly reconciliation?: Readonly<Record<string, number>>
}

export interface KnownHole {
  readonly cause: string
  readonly from: string
  readonly to: string
  readonly seconds: number
  readonly sessions: number | null
  readonly packets?: number
  readonly bytes?: number
  readonly otherMeter?: string
}

export interface SiteAnswer {
  readonly complete: boolean
  readonly coveredShare: number
  readonly until: string
  readonly sentence: string
  readonly sites: readonly {
    readonly meters: readonly {
      readonly meterId: string | null
      readonly until: string
      readonly holes: readonly KnownHole[]
    }[]
  }[]
}

export class LabServer {
  readonly directory = mkdtempSync(join(tmpdir(), 'tunmeter-lab-'))
  readonly #space: Namespace
  readonly url: string
  #process!: LabProcess
  #admin = ''

  readonly #more: readonly string[]

  private constructor(space: Namespace, address: string, more: readonly string[]) {
    this.#space = space
    this.url = `http://${address}`
    this.#more = more
  }

  /** In the namespace, at `ip:port`, with `more` options; an organisation with retention and an admin key. */
  static async start(
    space: Namespace,
    address = '127.0.0.1:8480',
    more: readonly string[] = [],
  ): Promise<LabServer> {
    const server = new LabServer(space, address, more)
    server.#admin = await server.key('admin', '--create-org', '--retention-days', '30')
    await server.spawn()
    return server
  }

  async spawn(): Promise<void> {
    const address = this.url.slice('http://'.length)
    const args = [CLI, 'serve', '--data', this.directory, '--listen', address, ...this.#more]
    this.#process = this.#space.spawn('node', args)
    await this.#process.says('"listening"')
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#process.stop(signal)
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.directory, { recursive: true, force: true })
  }

  async key(scope: string, ...more: string[]): Promise<string> {
    const args = [
      'keys',
      'create',
      '--data',
      this.directory,
      '--scope',
      scope,
      '--org',
      ORG,
      '--create-org',
    ]
    return (await run('node', [CLI, ...args, ...more])).stdout.trim()
  }

  async putCatalog(catalog: Catalog): Promise<void> {
    const answer = await this.#curl(`/api/v1/org/${ORG}/catalog`, [
      '-X',
      'PUT',
      '-H',
      'content-type: application/json',
      '--data-binary',
      JSON.stringify(catalog),
    ])
    if (answer.status !== 200) throw new Error(`catalog: ${JSON.stringify(answer)}`)
  }

  /** All rows, oldest first. */
  async rows(query = ''): Promise<LogRow[]> {
    const answer = await this.#curl(`/api/v1/org/${ORG}/logs/connection?sort=startTime${query}`)
    if (answer.status !== 200) throw new Error(`rows: ${JSON.stringify(answer)}`)
    return answer.data.log
  }

  /** The answer of one site about a time. */
  async completeness(siteId: number, fromMs: number, toMs: number): Promise<SiteAnswer> {
    const [timeStart, timeEnd] = [fromMs, toMs].map((ms) => new Date(ms).toISOString())
    const query = new URLSearchParams({
      siteId: `${siteId}`,
      timeStart: timeStart!,
      timeEnd: timeEnd!,
    })
    const answer = await this.#curl(`/api/v1/org/${ORG}/completeness?${query}`)
    if (answer.status !== 200) throw new Error(`completeness: ${JSON.stringify(answer)}`)
    return answer.data
  }

  async export(): Promise<string> {
    const path = `/api/v1/org/${ORG}/logs/connection/export?format=csv&sort=startTime`
    return (await this.#space.run('curl', this.#arguments(path, []))).stdout
  }

  /** The newest report of the site's meter. */
  async report(siteId: number): Promise<SiteReport> {
    const answer = await this.#curl(`/api/v1/org/${ORG}/sites`)
    const site = answer.data.sites.find((one: { siteId: number }) => one.siteId === siteId)
    const newest = (a: { startedAt: string }, b: { startedAt: string }) =>
      a.startedAt < b.startedAt ? 1 : -1
    return site.meters.sort(newest)[0].report
  }

  /** `data` of a GET below the organisation. */
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape.
  async get(path: string): Promise<any> {
    const answer = await this.#curl(`/api/v1/org/${ORG}/${path}`)
    if (answer.status !== 200) throw new Error(`${path}: ${JSON.stringify(answer)}`)
    return answer.data
  }

  #arguments(path: string, more: readonly string[]): string[] {
    return [
      '-sS',
      '-m',
      '20',
      '-H',
      `authorization: Bearer ${this.#admin}`,
      ...more,
      `${this.url}${path}`,
    ]
  }

  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape.
  async #curl(path: string, more: readonly string[] = []): Promise<any> {
    const { stdout } = await this.#space.run('curl', this.#arguments(path, more))
    return JSON.parse(stdout)
  }
}

export interface MeterOptions {
  readonly space: Namespace
  readonly interfaceName: string
  readonly server: LabServer
  readonly siteId: number
  readonly catalog: Catalog
  readonly more?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly spool?: string
}

export class LabMeter {
  readonly directory = mkdtempSync(join(tmpdir(), 'tunmeter-meter-'))
  readonly #options: MeterOptions
  #key = ''
  process!: LabProcess

  private constructor(options: MeterOptions) {
    this.#options = options
  }

  static async start(options: MeterOptions): Promise<LabMeter> {
    const meter = new LabMeter(options)
    meter.#key = await options.server.key('ingest', '--site', String(options.siteId))
    writeFileSync(join(meter.directory, 'catalog.json'), JSON.stringify(options.catalog))
    await meter.spawn()
    return meter
  }

  async spawn(): Promise<void> {
    const { space, interfaceName, server, more = [], env } = this.#options
    const { spool = join(this.directory, 'spool') } = this.#options
    this.process = space.spawn(
      'node',
      [
        CLI,
        'meter',
        '--interface',
        interfaceName,
        '--to',
        server.url,
        '--allow-plain-http',
        '--spool',
        spool,
        '--catalog',
        join(this.directory, 'catalog.json'),
        '--peers-interval',
        '1s',
        ...more,
      ],
      { TUNMETER_KEY: this.#key, ...env },
    )
    await this.process.says('"metering"')
  }

  /** Ends open sessions and delivers everything. */
  async stop(): Promise<void> {
    const code = await this.process.stop('SIGTERM')
    if (code !== 0) throw new Error(`the meter exited with ${code}: ${this.process.stderr}`)
    if (!this.process.stderr.includes('everything is stored'))
      throw new Error(`not all was delivered: ${this.process.stderr}`)
  }

  async remove(): Promise<void> {
    await this.process.stop('SIGKILL')
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Awaits rows for which the condition holds. */
export function untilRows(
  server: LabServer,
  what: string,
  condition: (rows: readonly LogRow[]) => boolean,
  query = '',
): Promise<LogRow[]> {
  const found = async () => {
    const rows = await server.rows(query)
    return condition(rows) ? rows : null
  }
  // Each asking is a process.
  return until(what, found, 90_000, 200)
}
