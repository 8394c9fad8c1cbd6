/** A server process to measure: runs dist/, queried over its socket, measured through /proc. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Agent, request } from 'undici'

const CLI = new URL('../../dist/cli.js', import.meta.url).pathname
const TICKS_PER_SECOND = 100

export class BenchServer {
  readonly url: string
  readonly #child: ChildProcess
  readonly #agent = new Agent({ connections: 8, bodyTimeout: 0, headersTimeout: 0 })

  private constructor(url: string, child: ChildProcess) {
    this.url = url
    this.#child = child
  }

  static async start(data: string, ...options: string[]): Promise<BenchServer> {
    const child = spawn(
      process.execPath,
      [CLI, 'serve', '--data', data, '--listen', '127.0.0.1:0', ...options],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    for await (const line of createInterface({ input: child.stderr! })) {
      if (!line.includes('"listening"')) continue
      // Show its errors.
      child.stderr!.pipe(process.stderr)
      return new BenchServer((JSON.parse(line) as { url: string }).url, child)
    }
    throw new Error('serve ended before it listened')
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await exited
    await this.#agent.close()
  }

  /** Reads the whole answer, and counts its bytes and line ends. */
  async get(
    path: string,
    key: string,
  ): Promise<{ ms: number; bytes: number; lines: number; text: string }> {
    const start = performance.now()
    const { statusCode, body } = await request(this.url + path, {
      dispatcher: this.#agent,
      headers: { authorization: `Bearer ${key}` },
    })
    let bytes = 0
    let lines = 0
    let text = ''
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++
      if (bytes < 2 ** 22) text += chunk.toString()
    }
    if (statusCode !== 200) throw new Error(`${path}: ${statusCode}: ${text}`)
    return { ms: performance.now() - start, bytes, lines, text }
  }

  async post(path: string, key: string, body: Buffer): Promise<unknown> {
    const answer = await request(this.url + path, {
      method: 'POST',
      dispatcher: this.#agent,
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'content-encoding': 'gzip',
      },
      body,
    })
    const json = (await answer.body.json()) as { data: unknown; message: string }
    if (answer.statusCode !== 200) throw new Error(`${path}: ${answer.statusCode}: ${json.message}`)
    return json.data
  }

  /** @param value as JSON */
  async send(
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    key: string,
    value?: unknown,
  ): Promise<unknown> {
    const { statusCode, body } = await request(this.url + path, {
      method,
      dispatcher: this.#agent,
      headers: {
        authorization: `Bearer ${key}`,
        ...(value !== undefined && { 'content-type': 'application/json' }),
      },
      ...(value !== undefined && { body: JSON.stringify(value) }),
    })
    const text = await body.text()
    if (statusCode >= 300) throw new Error(`${path}: ${statusCode}: ${text}`)
    return (JSON.parse(text) as { data: unknown }).data
  }

  cpuSeconds(): number {
    const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  }

  /** The highest resident memory so far. */
  rssPeakBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) * 1024
  }
}

export function createKey(data: string, ...args: string[]): string {
  const create = [CLI, 'keys', 'create', '--data', data, '--create-org', ...args]
  return execFileSync(process.execPath, create, {
    encoding: 'utf8',
  }).trim()
}
