/** Debian's rsyslog in the foreground, with a configuration of the test's, that is ended, killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { until } from './until.js'

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => done(true))
    socket.once('error', () => done(false)).once('connect', () => socket.destroy())
  })
}

export class Rsyslog {
  readonly #directory: string
  readonly #port: number
  readonly #configuration: string
  /** Where its configuration writes messages to. */
  readonly output: string
  #daemon: ChildProcess | undefined

  constructor(directory: string, port: number) {
    this.#directory = directory
    this.#port = port
    this.#configuration = join(directory, 'rsyslog.conf')
    this.output = join(directory, 'out.log')
  }

  async start(configuration?: string): Promise<void> {
    if (configuration !== undefined) writeFileSync(this.#configuration, configuration)
    // Of one that was killed; another process may have its number by now.
    rmSync(join(this.#directory, 'pid'), { force: true })
    const modules = process.env.RSYSLOG_MODULES
    const more = modules === undefined ? [] : ['-M', modules]
    const args = ['-n', '-f', this.#configuration, '-i', join(this.#directory, 'pid'), ...more]
    this.#daemon = spawn('rsyslogd', args, { stdio: 'inherit' })
    await until(() => answers(this.#port))
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const daemon = this.#daemon
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return
    const ended = once(daemon, 'exit')
    daemon.kill(signal)
    await ended
  }

  /** Those of the destination, in the order in which they were written. */
  lines(): string[] {
    const text = existsSync(this.output) ? readFileSync(this.output, 'utf8') : ''
    return text.split('\n').filter((line) => line.includes(' tunmeter session '))
  }
}
