/** A real ClickHouse on loopback, in a directory of its own: test/rigs/clickhouse says where it comes from. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { until } from './until.js'

const RIG = fileURLToPath(new URL('../rigs/clickhouse/', import.meta.url))
const LIBRARY = join(RIG, 'node_modules/@chdb/lib-linux-x64-gnu/libchdb.so')

/** Null: there is one; else the reason why not. */
export function whyNoClickHouse(): string | null {
  if (!existsSync(LIBRARY)) return 'no ClickHouse: run `npm ci --prefix test/rigs/clickhouse`'
  return spawnSync('python3', ['--version']).status === 0 ? null : 'python3 is not installed'
}

/** In memory where possible: a kill loses nothing there either, and syncs wait for no other tests. */
const PARENT = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

let databases = 0

export class ClickHouseRig {
  readonly #directory = mkdtempSync(join(PARENT, 'tunmeter-clickhouse-'))
  readonly #port: number
  #process: ChildProcess | undefined
  #output = ''

  private constructor(port: number) {
    this.#port = port
  }

  static async start(): Promise<ClickHouseRig> {
    const rig = new ClickHouseRig(await freePort())
    await rig.start()
    return rig
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Resolves when it answers; after kill() with what it had written. */
  async start(): Promise<void> {
    const command = [join(RIG, 'serve.py'), this.#directory, String(this.#port)]
    const child = spawn('python3', [...command, join(RIG, 'config.xml')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text
      })
    this.#process = child
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`ClickHouse ended: ${this.#output}`)
      return fetch(`${this.url}/ping`).then(
        (answer) => answer.ok,
        () => false,
      )
    })
  }

  /** As a crash does. */
  async kill(): Promise<void> {
    const child = this.#process!
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  async query(sql: string): Promise<string> {
    const answer = await fetch(this.url, { method: 'POST', body: sql })
    const text = await answer.text()
    if (!answer.ok) throw new Error(text)
    return text
  }

  /** A new, empty one. */
  async database(): Promise<string> {
    const name = `test_${++databases}`
    await this.query(`CREATE DATABASE ${name}`)
    return name
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
