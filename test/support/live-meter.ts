import { chmodSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { Session } from '../../src/session/session.js'
import { FakeServer } from './fake-server.js'
import { type Started, start } from './process.js'
import { temporaryDirectory } from './temporary.js'
import { until } from './until.js'

export const canCapture = process.geteuid?.() === 0

export interface Live {
  readonly server: FakeServer
  readonly meter: Started
  readonly spool: string
  readonly port: number
  /** Opens a connection through loopback that the meter sees. */
  readonly dial: () => Promise<Socket>
}

export async function live(
  args: readonly string[] = [],
  options: { env?: Record<string, string>; key?: string[] } = {},
): Promise<Live> {
  const server = await new FakeServer().start()
  const echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket))
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void echo.close())
  const { port } = echo.address() as AddressInfo
  const directory = temporaryDirectory()
  // For a meter that becomes another user.
  chmodSync(directory, 0o755)
  const spool = join(directory, 'spool')
  const meter = start(
    [
      ...['meter', '--interface', 'lo', '--filter', `port ${port}`, '--to', server.url],
      ...['--spool', spool, ...(options.key ?? ['--key', 'k']), ...args],
    ],
    options.env === undefined ? {} : { env: options.env },
  )
  await running(meter)
  const dial = async (): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    await new Promise<void>((resolve) => socket.once('connect', resolve))
    socket.write('hello')
    await new Promise<void>((resolve) => socket.once('data', () => resolve()))
    return socket
  }
  return { server, meter, spool, port, dial }
}

export async function running(meter: Started): Promise<void> {
  await until(() => meter.output.stderr.includes('"metering"') || meter.child.exitCode !== null)
  expect(meter.child.exitCode, meter.output.stderr).toBeNull()
}

export function sessions(server: FakeServer): Session[] {
  return [...server.stored.values()].flatMap((batch) => batch.sessions)
}
