/**
 * A real server process with a data directory of its own, for tests that talk to it over its socket.
 * Needs the compiled program (npm test builds it first).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { runHere } from './run-here.js'

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

export interface KeyOptions {
  readonly scope: 'root' | 'admin' | 'read' | 'ingest'
  readonly org?: string
  readonly site?: number
  readonly retentionDays?: number
  readonly name?: string
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The envelope. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read into answers of every shape.
  readonly body: any
}

export class TestServer {
  readonly data: string
  url = ''
  #process: ChildProcess | undefined
  readonly #args: readonly string[]
  /** Lines of its log. */
  readonly log: string[] = []

  private constructor(data: string, args: readonly string[]) {
    this.data = data
    this.#args = args
  }

  static async start(...args: string[]): Promise<TestServer> {
    const server = new TestServer(mkdtempSync(join(tmpdir(), 'tunmeter-test-')), args)
    await server.spawn()
    return server
  }

  /** On a directory that exists; stop() removes it. */
  static async on(data: string, ...args: string[]): Promise<TestServer> {
    const server = new TestServer(data, args)
    await server.spawn()
    return server
  }

  /** Starts the process (again), on the same data and at the same address. */
  async spawn(): Promise<void> {
    const listen = this.url === '' ? '127.0.0.1:0' : new URL(this.url).host
    const args = [CLI, 'serve', '--data', this.data, '--listen', listen, ...this.#args]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#process = child
    const lines = createInterface({ input: child.stderr! })
    this.url = await new Promise<string>((resolve, reject) => {
      lines.on('line', (line) => {
        this.log.push(line)
        if (line.includes('"listening"')) resolve((JSON.parse(line) as { url: string }).url)
      })
      child.once('exit', (code) =>
        reject(new Error(`serve ended with ${code}:\n${this.log.join('\n')}`)),
      )
    })
  }

  /** Made beside the process, as `tunmeter keys` does, but without one more. */
  async key(options: KeyOptions): Promise<string> {
    const args = ['keys', 'create', '--data', this.data, '--scope', options.scope]
    if (options.org !== undefined) args.push('--org', options.org, '--create-org')
    if (options.site !== undefined) args.push('--site', String(options.site))
    if (options.retentionDays !== undefined)
      args.push('--retention-days', String(options.retentionDays))
    if (options.name !== undefined) args.push('--name', options.name)
    const { code, stdout, stderr } = await runHere(args).finished
    if (code !== 0) throw new Error(stderr)
    return stdout.trim()
  }

  async get(path: string, key?: string): Promise<Answer> {
    return this.request('GET', path, key)
  }

  async request(method: string, path: string, key?: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const json = response.headers.get('content-type')?.includes('application/json') === true
    return {
      status: response.status,
      headers: response.headers,
      body: json ? JSON.parse(text) : text,
    }
  }

  /** One that does not end it. */
  signal(signal: NodeJS.Signals): void {
    this.#process!.kill(signal)
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }

  async stop(): Promise<void> {
    await this.kill('SIGTERM')
    rmSync(this.data, { recursive: true, force: true })
  }
}
