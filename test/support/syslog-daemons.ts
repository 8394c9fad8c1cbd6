/**
 * Debian's rsyslog and syslog-ng in the foreground, with a configuration of the test's, that are ended, killed and
 * started again.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { until } from './until.js'

const CONFIGURATION = 'daemon.conf'
const PID = 'pid'

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

export function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => done(true))
    socket.once('error', () => done(false)).once('connect', () => socket.destroy())
  })
}

interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

class SyslogDaemon {
  readonly directory: string
  readonly #port: number
  /** Where its configuration writes messages to. */
  readonly output: string
  readonly #command: Command
  #daemon: ChildProcess | undefined

  constructor(directory: string, port: number, command: Command) {
    this.directory = directory
    this.#port = port
    this.#command = command
    this.output = join(directory, 'out.log')
  }

  async start(configuration?: string): Promise<void> {
    if (configuration !== undefined)
      writeFileSync(join(this.directory, CONFIGURATION), configuration)
    // Of one that was killed; another process may have its number by now.
    rmSync(join(this.directory, PID), { force: true })
    const { program, args, environment } = this.#command
    this.#daemon = spawn(program, args, {
      stdio: 'inherit',
      env: { ...process.env, ...environment },
    })
    await once(this.#daemon, 'spawn')
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

export class Rsyslog extends SyslogDaemon {
  constructor(directory: string, port: number) {
    const modules = process.env.RSYSLOG_MODULES
    const more = modules === undefined ? [] : ['-M', modules]
    const files = ['-f', join(directory, CONFIGURATION), '-i', join(directory, PID)]
    super(directory, port, { program: 'rsyslogd', args: ['-n', ...files, ...more] })
  }
}

/** Installed, or unpacked by scripts/unpack-syslog-ng.sh into SYSLOG_NG_ROOT, because it conflicts with rsyslog. */
export class SyslogNg extends SyslogDaemon {
  constructor(directory: string, port: number) {
    const root = process.env.SYSLOG_NG_ROOT ?? ''
    const files = ['--cfgfile', '--pidfile', '--persist-file', '--control'] as const
    const paths = [CONFIGURATION, PID, 'persist', 'control'].map((name) => join(directory, name))
    const libraries = ['/usr/lib/x86_64-linux-gnu', '/lib/x86_64-linux-gnu', '/usr/lib/syslog-ng']
    super(directory, port, {
      program: `${root}/usr/sbin/syslog-ng`,
      args: [
        ...['--foreground', '--no-caps', '--module-path', `${root}/usr/lib/syslog-ng/3.38`],
        ...files.flatMap((option, i) => [option, paths[i]!]),
      ],
      ...(root !== '' && {
        environment: { LD_LIBRARY_PATH: libraries.map((path) => `${root}${path}`).join(':') },
      }),
    })
  }
}
