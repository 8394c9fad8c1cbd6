/** A FIFO in place of a file: its reader may come late, or never, and the process must still end on a signal. */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  createReadStream,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
} from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { batch, session } from '../support/batches.js'
import { ROOT, start } from '../support/process.js'
import { run } from '../support/run-here.js'
import { TestServer } from '../support/server.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

const CAPTURE = `${ROOT}fixtures/demo/site.pcap`

function fifo(): string {
  const path = join(temporaryDirectory(), 'fifo')
  execFileSync('mkfifo', [path])
  return path
}

const KINDS = [
  ['--output', ['--format', 'ndjson']],
  ['--ipfix', []],
] as const

test.each(KINDS)(
  'replay %s: a FIFO without a reader is named, and SIGTERM ends it',
  async (option, more) => {
    const path = fifo()
    const { child, output, finished } = start(['replay', option, path, ...more, CAPTURE])
    await until(() => output.stderr.includes(`${path} is a FIFO, and waits for its reader`))
    child.kill('SIGTERM')
    expect((await finished).signal).toBe('SIGTERM')
  },
)

test.each(KINDS)('replay %s: a reader that comes late gets everything', async (option, more) => {
  const path = fifo()
  const { output, finished } = start(['replay', option, path, ...more, CAPTURE])
  await until(() => output.stderr.includes('waits for its reader'))
  let bytes = 0
  for await (const chunk of createReadStream(path)) bytes += (chunk as Buffer).length
  expect((await finished).code).toBe(0)
  const file = join(temporaryDirectory(), 'file')
  await run(['replay', option, file, ...more, CAPTURE])
  expect(bytes).toBe(readFileSync(file).length)
})

test('replay: a reader that stops reading does not keep SIGTERM from ending it', async () => {
  const path = fifo()
  const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  onTestFinished(() => closeSync(reader))
  const { child, finished } = start(['replay', '--output', path, '--format', 'ndjson', CAPTURE])
  // More is written than the FIFO holds.
  await until(() => hasByte(reader))
  child.kill('SIGTERM')
  expect((await finished).signal).toBe('SIGTERM')
})

function hasByte(fd: number): boolean {
  try {
    return readSync(fd, Buffer.alloc(1)) === 1
  } catch {
    return false
  }
}

test.each(KINDS)(
  'export %s: a FIFO stays one, and its reader gets everything',
  async (option, more) => {
    const server = await TestServer.start()
    onTestFinished(() => server.stop())
    const admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
    const sessions = Array.from({ length: 50 }, (_, i) => session(i + 1))
    await server.request('POST', '/api/v1/org/acme/site/1/sessions', admin, batch(1, sessions))
    const path = fifo()
    const from = ['export', '--server', server.url, '--org', 'acme', '--key', admin, ...more]
    const { output, finished } = start([...from, option, path])
    await until(() => output.stderr.includes('waits for its reader'))
    const read = await text(createReadStream(path))
    const { code, stderr } = await finished
    expect([code, stderr]).toEqual([0, expect.stringContaining('50 sessions of acme')])
    expect(read.length).toBeGreaterThan(1000)
    expect(lstatSync(path).isFIFO()).toBe(true)
  },
)
