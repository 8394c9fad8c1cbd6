/**
 * A PostgreSQL of the test's own: Debian's package, in a temporary directory, on a Unix socket. As root it runs as the
 * user postgres, because PostgreSQL refuses root.
 */
import { execFile, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'

const BIN = '/usr/lib/postgresql/15/bin'
const USER = 'tunmeter'
const run = promisify(execFile)

/** Null: it can be run here. */
export function whyNoPostgres(): string | null {
  if (!existsSync(join(BIN, 'initdb')))
    return 'PostgreSQL 15 is not installed: apt-get install postgresql'
  return process.getuid?.() === 0 && owner() === undefined ? 'there is no user postgres' : null
}

function owner(): { uid: number; gid: number } | undefined {
  const [uid, gid] = ['-u', '-g'].map((which) =>
    Number(spawnSync('id', [which, 'postgres'], { encoding: 'utf8' }).stdout || Number.NaN),
  )
  return Number.isInteger(uid) && Number.isInteger(gid) ? { uid: uid!, gid: gid! } : undefined
}

export class TestPostgres {
  readonly #directory: string
  readonly #as: { uid?: number; gid?: number }
  #databases = 0

  private constructor(directory: string, as: { uid?: number; gid?: number }) {
    this.#directory = directory
    this.#as = as
  }

  static async start(): Promise<TestPostgres> {
    const directory = mkdtempSync(join(tmpdir(), 'tunmeter-pg-'))
    const as: { uid?: number; gid?: number } = process.getuid?.() === 0 ? owner()! : {}
    if (as.uid !== undefined) chownSync(directory, as.uid, as.gid!)
    const postgres = new TestPostgres(directory, as)
    const data = join(directory, 'data')
    await postgres.#run('initdb', '-D', data, '-A', 'trust', '-U', USER, '-E', 'UTF8', '--no-sync')
    await postgres.go()
    return postgres
  }

  async #run(program: string, ...args: string[]): Promise<void> {
    await run(join(BIN, program), args, { ...this.#as, cwd: this.#directory })
  }

  /** Starts it, again after kill(). */
  async go(): Promise<void> {
    // Killed processes lose nothing without fsync; only a machine would.
    const options = `-c listen_addresses= -c unix_socket_directories=${this.#directory} -c fsync=off -c max_connections=60`
    const log = join(this.#directory, 'log')
    await this.#run(
      'pg_ctl',
      '-D',
      join(this.#directory, 'data'),
      '-w',
      '-l',
      log,
      '-o',
      options,
      'start',
    )
  }

  /** As after kill -9: nothing is written any more, and the next start recovers. */
  async kill(): Promise<void> {
    await this.#run('pg_ctl', '-D', join(this.#directory, 'data'), '-m', 'immediate', 'stop')
  }

  /** A new, empty database. @returns its URL */
  async database(): Promise<string> {
    const name = `t${++this.#databases}`
    const client = new pg.Client({ connectionString: this.#url('postgres') })
    await client.connect()
    await client.query(`CREATE DATABASE ${name}`)
    await client.end()
    return this.#url(name)
  }

  #url(database: string): string {
    return `postgresql://${USER}@${encodeURIComponent(this.#directory)}/${database}`
  }

  get isUp(): boolean {
    return existsSync(join(this.#directory, 'data', 'postmaster.pid'))
  }

  async close(): Promise<void> {
    if (this.isUp) await this.kill()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
