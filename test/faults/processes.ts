/** Real processes for the fault runner: a server that can be killed and started again, and replays. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ExpectedSession } from './capture.js'

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const ORG = 'faults'
const ALL_TIME = 'timeStart=2000-01-01T00:00:00Z&timeEnd=2100-01-01T00:00:00Z'

/** So long a start or an answer may take on a busy machine; beyond, something hangs. */
const START_MS_MAX = 60_000
const ANSWER_MS_MAX = 60_000

interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly limitMs?: number
}

/** A row of the export; what fault runs look at. */
export interface StoredSession extends ExpectedSession {
  readonly sessionId: string
  readonly payloadTx: number
  readonly packetsTx: number
}

export function cli(...args: string[]): string {
  return execFileSync(process.execPath, [CLI, ...args], { encoding: 'utf8' }).trim()
}

export function spawnCli(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [CLI, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

export class Server {
  readonly data: string
  readonly ingestKey: string
  readonly #readKey: string
  #rootKey: string | undefined
  #child: ChildProcess | null = null
  url = ''

  constructor(data: string) {
    this.data = data
    const make = (scope: string, ...more: string[]): string =>
      cli('keys', 'create', '--data', data, '--org', ORG, '--create-org', '--scope', scope, ...more)
    this.ingestKey = make('ingest', '--site', '1', '--create-org', '--retention-days', '-1')
    this.#readKey = make('read')
  }

  async start(): Promise<void> {
    const startedMs = performance.now()
    const address = join(this.data, 'server.json')
    rmSync(address, { force: true })
    const child = spawnCli(['serve', '--data', this.data, '--listen', '127.0.0.1:0'])
    let said = ''
    child.stderr!.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000)
    })
    this.#child = child
    while (!existsSync(address) || readFileSync(address, 'utf8') === '') {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the server ended: ${said}`)
      if (performance.now() - startedMs > START_MS_MAX) throw new Error(`no start: ${said}`)
      await sleep(10)
    }
    this.url = (JSON.parse(readFileSync(address, 'utf8')) as { url: string }).url
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null) return
    const closed = once(child, 'close')
    child.kill(signal)
    await closed
  }

  /**
   * With the right to everything. @param path below the organisation, or from /api/ on
   * @returns null: no answer came, or not all of it
   */
  async ask(
    method: string,
    path: string,
    body?: unknown,
    { headers = {}, limitMs = ANSWER_MS_MAX }: AskOptions = {},
  ): Promise<{ status: number; text: string } | null> {
    this.#rootKey ??= cli('keys', 'create', '--data', this.data, '--scope', 'root')
    const whole = path.startsWith('/api/') || path === '/metrics'
    const isBytes = body instanceof Uint8Array
    const json = body !== undefined && !isBytes
    try {
      const answer = await fetch(this.url + (whole ? path : `/api/v1/org/${ORG}${path}`), {
        method,
        headers: {
          authorization: `Bearer ${this.#rootKey}`,
          ...(json && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: isBytes ? (body as BodyInit) : JSON.stringify(body) }),
        signal: AbortSignal.timeout(limitMs),
      })
      return { status: answer.status, text: await answer.text() }
    } catch (error) {
      if ((error as Error).name === 'TimeoutError')
        throw new Error(`${method} ${path}: no answer in ${limitMs} ms`)
      return null
    }
  }

  get pid(): number {
    return this.#child?.pid ?? Number.NaN
  }

  /** What is stored, in all. */
  async totals(): Promise<{ sessions: number; packets: number }> {
    const path = `/api/v1/org/${ORG}/logs/connection/summary?groupBy=protocol&${ALL_TIME}`
    const answer = await fetch(this.url + path, {
      headers: { authorization: `Bearer ${this.#readKey}` },
    })
    const { data } = (await answer.json()) as {
      data: { totals: { sessions: number; packetsTx: number; packetsRx: number } }
    }
    const { sessions, packetsTx, packetsRx } = data.totals
    return { sessions, packets: packetsTx + packetsRx }
  }

  /** Every stored session of a site, by the export. */
  async sessions(siteId = 1): Promise<StoredSession[]> {
    const path = `/api/v1/org/${ORG}/logs/connection/export?format=ndjson&siteId=${siteId}&${ALL_TIME}`
    const answer = await fetch(this.url + path, {
      headers: { authorization: `Bearer ${this.#readKey}` },
    })
    if (!answer.ok) throw new Error(`export: HTTP ${answer.status} ${await answer.text()}`)
    const text = await answer.text()
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as StoredSession)
  }
}

export interface Verdict {
  readonly expected: number
  readonly stored: number
  readonly duplicated: number
  readonly lost: number
  readonly wrong: number
}

/** Against what the capture holds: each session once, with its bytes. */
export function compare(
  expected: readonly ExpectedSession[],
  stored: readonly ExpectedSession[],
): Verdict {
  const keyOf = (s: ExpectedSession): string => `${s.sourceAddr} ${s.destAddr}`
  const times = new Map<string, number>()
  const bytes = new Map(expected.map((s) => [keyOf(s), `${s.bytesTx} ${s.bytesRx}`]))
  let wrong = 0
  for (const session of stored) {
    const key = keyOf(session)
    times.set(key, (times.get(key) ?? 0) + 1)
    if (bytes.get(key) !== `${session.bytesTx} ${session.bytesRx}`) wrong++
  }
  return {
    expected: expected.length,
    stored: stored.length,
    duplicated: stored.length - times.size,
    lost: [...bytes.keys()].filter((key) => !times.has(key)).length,
    wrong,
  }
}

export function isExact(v: Verdict): boolean {
  return v.stored === v.expected && v.duplicated === 0 && v.lost === 0 && v.wrong === 0
}
