/** `--output` on a disk that is full for a while: a small tmpfs. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { start } from '../support/process.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

function smallDisk(): string {
  const home = temporaryDirectory()
  chmodSync(home, 0o755)
  const disk = join(home, 'disk')
  mkdirSync(disk)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk])
  expect(mounted.status, String(mounted.stderr)).toBe(0)
  onTestFinished(() => void spawnSync('umount', ['-l', disk]))
  return disk
}

function fill(path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(2 ** 21, 1))
  } catch {}
}

function textOf(folder: string): string {
  const name = readdirSync(folder).find((one) => one === 'sessions.ndjson')
  return name === undefined ? '' : readFileSync(join(folder, name), 'utf8')
}

/** The sessions of whole lines: a line that is being written may be there by half. */
function rows(folder: string): string[] {
  const whole = textOf(folder).split('\n').slice(0, -1)
  return whole.map((line) => JSON.parse(line).sessionId)
}

const endsWhole = (folder: string) => /(^|\n)$/.test(textOf(folder))

test('a full disk costs nothing: half a line is taken back, sessions wait in memory, and are written', async () => {
  const disk = smallDisk()
  const echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket))
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void echo.close())
  const { port } = echo.address() as AddressInfo
  const dial = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++)
      await new Promise<void>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => socket.end('hello'))
        socket.resume().once('close', () => resolve())
      })
  }
  const folder = join(disk, 'log')
  const meter = start([
    ...['meter', '--interface', 'lo', '--filter', `port ${port}`],
    ...['--output', `${folder}/`],
  ])
  await until(() => meter.output.stderr.includes('"metering"'))
  await dial(2)
  await until(() => rows(folder).length === 2)
  fill(join(disk, 'other'))
  // More than fit into what is left of the file's last page.
  await dial(20)
  await until(() => meter.output.stderr.includes('the output cannot be written'))
  expect(meter.output.stderr).toContain('ENOSPC')
  expect(rows(folder)).toHaveLength(2)
  // Each further attempt leaves half a line for a moment.
  await until(() => endsWhole(folder))
  await dial(5)
  rmSync(join(disk, 'other'))
  await until(() => rows(folder).length === 27)
  expect(new Set(rows(folder)).size).toBe(27)
  expect(meter.output.stderr).toContain('the output can be written again')
  meter.child.kill('SIGTERM')
  expect((await meter.finished).code).toBe(0)
  expect(endsWhole(folder)).toBe(true)
})
