/** Debian's aiosmtpd, which keeps what it gets in a folder. AIOSMTPD_PATH: where its modules are, if not installed. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { answers, freePort } from './syslog-daemons.js'
import { until } from './until.js'

// Debian's own: another one on the PATH does not have its packages.
const PYTHON = '/usr/bin/python3'
const ENV = { ...process.env, PYTHONPATH: process.env.AIOSMTPD_PATH ?? '' }

export const NO_SMTP =
  spawnSync(PYTHON, ['-c', 'import aiosmtpd'], { env: ENV }).status === 0
    ? false
    : 'no python3-aiosmtpd'

export class SmtpServer {
  readonly port: number
  readonly #directory: string
  readonly #process: ChildProcess

  private constructor(port: number, directory: string, child: ChildProcess) {
    this.port = port
    this.#directory = directory
    this.#process = child
  }

  static async start(): Promise<SmtpServer> {
    const port = await freePort()
    const directory = mkdtempSync(join(tmpdir(), 'tunmeter-smtp-'))
    const mailbox = join(directory, 'mail')
    const args = ['-m', 'aiosmtpd', '-n', '-l', `127.0.0.1:${port}`]
    args.push('-c', 'aiosmtpd.handlers.Mailbox', mailbox)
    const child = spawn(PYTHON, args, { env: ENV, stdio: 'ignore' })
    await until(() => answers(port))
    return new SmtpServer(port, directory, child)
  }

  /** Header and text of each mail. */
  mails(): string[] {
    const folder = join(this.#directory, 'mail', 'new')
    if (!existsSync(folder)) return []
    return readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
  }

  async stop(): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill()
    await ended
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
