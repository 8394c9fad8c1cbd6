/** `tunmeter meter --output`: what a running meter writes itself. */
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { messagesIn, recordsIn } from '../../src/meter/ipfix/encode.js'
import { FakeServer } from '../support/fake-server.js'
import { ROOT, run as runProcess, type Started, start } from '../support/process.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

const canCapture = process.geteuid?.() === 0

interface Row {
  readonly sessionId: string
  readonly destAddr: string
  readonly endReason: string
  readonly duration: number | null
}

/** Connections through loopback, each echoed and ended. */
async function traffic(): Promise<{ port: number; dial: (count?: number) => Promise<void> }> {
  const echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket))
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void echo.close())
  const { port } = echo.address() as AddressInfo
  const one = () =>
    new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => socket.end('hello'))
      socket.resume().once('close', () => resolve())
    })
  const dial = async (count = 1): Promise<void> => {
    for (let i = 0; i < count; i++) await one()
  }
  return { port, dial }
}

async function metering(port: number, args: readonly string[]): Promise<Started> {
  const meter = start(['meter', '--interface', 'lo', '--filter', `port ${port}`, ...args])
  await until(() => meter.output.stderr.includes('"metering"') || meter.child.exitCode !== null)
  expect(meter.child.exitCode, meter.output.stderr).toBeNull()
  return meter
}

function parse(text: string): Row[] {
  expect(text === '' || text.endsWith('\n')).toBe(true)
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row)
}

const rowsIn = (path: string) => parse(readFileSync(path, 'utf8'))

/** Takes IPFIX by TCP. */
async function aCollector() {
  let bytes = Buffer.alloc(0)
  const server = createServer((socket) => {
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        bytes = Buffer.concat([bytes, chunk])
      })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, bytes: () => bytes }
}

const ipfixRecords = (bytes: Buffer) =>
  [...messagesIn(bytes)].reduce((sum, message) => sum + recordsIn(message), 0)

/** A folder whose way the meter's user may go. */
function place(): string {
  const folder = temporaryDirectory()
  chmodSync(folder, 0o755)
  return folder
}

async function ended(meter: Started): Promise<number | null> {
  meter.child.kill('SIGTERM')
  return (await meter.finished).code
}

test.each([
  [['--interface', 'lo'], '--to URL is required'],
  [['--interface', 'lo', '--output', '/dev/null'], 'neither a file nor a directory'],
  [['--interface', 'lo', '--output', '-', '--key', 'k'], '--key does nothing without --to'],
  [['--interface', 'lo', '--output', '-', '--output-rotate-size', '1KiB'], 'from 1MiB to 1TiB'],
])('%j is refused: %s', async (args, says) => {
  const { code, stderr } = await runProcess(['meter', ...args])
  expect(stderr).toContain(says)
  expect(code).toBe(2)
})

describe.skipIf(!canCapture)('a meter without a server (needs root to capture)', () => {
  test('writes ended sessions to standard output, and nothing else', async () => {
    const { port, dial } = await traffic()
    const meter = await metering(port, ['--output', '-'])
    await dial(3)
    await until(() => meter.output.stdout.split('\n').length > 3)
    expect(await ended(meter)).toBe(0)
    const rows = parse(meter.output.stdout)
    expect(rows).toHaveLength(3)
    for (const row of rows)
      expect(row).toMatchObject({
        destAddr: `127.0.0.1:${port}`,
        endReason: 'endOfFlowDetected',
        connState: 'SF',
        payloadTx: 5,
      })
  })

  test('killed in the middle it leaves whole lines; the next start goes on and says what it missed', async () => {
    const { port, dial } = await traffic()
    const folder = join(place(), 'log')
    const path = join(folder, 'sessions.ndjson')
    const first = await metering(port, ['--output', `${folder}/`])
    await dial(5)
    const noted = () => readdirSync(folder).some((name) => name.includes('.ran.'))
    await until(() => rowsIn(path).length === 5 && noted())
    first.child.kill('SIGKILL')
    await first.finished
    // What a kill in a write, or a power cut, leaves.
    appendFileSync(path, '{"timestamp":179')
    const second = await metering(port, ['--output', `${folder}/`])
    expect(second.output.stderr).toContain('which was removed')
    expect(second.output.stderr).toMatch(/"bytes":16/)
    expect(second.output.stderr).toContain('not metered since the last run')
    await dial(2)
    await until(() => rowsIn(path).length === 7)
    expect(await ended(second)).toBe(0)
    expect(new Set(rowsIn(path).map((row) => row.sessionId)).size).toBe(7)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('whose reader has gone ends, says how much is lost, and fails', async () => {
    const { port, dial } = await traffic()
    const meter = await metering(port, ['--output', '-'])
    meter.child.stdout!.destroy()
    await dial(2)
    const { code, stderr } = await meter.finished
    expect(code).toBe(1)
    expect(stderr).toMatch(/"sessions":[12],"msg":"the output has ended"/)
    expect(stderr).toContain('tunmeter: nobody reads standard output any more (EPIPE)')
  })

  test('whose reader stands still meters on, and at the end gives up within --drain-timeout', async () => {
    const { port, dial } = await traffic()
    const meter = await metering(port, ['--output', '-', '--drain-timeout', '100ms'])
    // The pipe takes 64 KiB, Node’s reading end some more: more than 200 rows.
    meter.child.stdout!.pause()
    await dial(400)
    expect(await ended(meter)).toBe(1)
    expect(meter.output.stderr).toContain('the output lacks sessions')
  })

  test('--consolidate merges a burst while it runs, and lets it go when it is over', async () => {
    const { port, dial } = await traffic()
    const meter = await metering(port, ['--output', '-', '--consolidate'])
    for (let i = 0; i < 3; i++) {
      await dial()
      // A burst with gaps below 5 s, each longer than the meter's second.
      await new Promise((resolve) => setTimeout(resolve, 1_500))
    }
    // While it runs: at its end all that is held would be merged anyway.
    await until(() => meter.output.stdout.includes('\n'))
    expect(parse(meter.output.stdout)).toMatchObject([{ connectionCount: 3 }])
    expect(await ended(meter)).toBe(0)
    expect(parse(meter.output.stdout)).toHaveLength(1)
  })

  test('reports open sessions when asked to, under the id that the ended one has', async () => {
    const { port } = await traffic()
    const args = ['--output', '-', '--output-interim', '--active-timeout', '1s']
    const meter = await metering(port, args)
    const socket = connect(port, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.write('hello')
    await until(() => meter.output.stdout.includes('activeTimeout'))
    expect(await ended(meter)).toBe(0)
    const rows = parse(meter.output.stdout)
    expect(rows.at(-1)).toMatchObject({ endReason: 'forcedEnd' })
    expect(rows[0]).toMatchObject({ endReason: 'activeTimeout', duration: null })
    expect(new Set(rows.map((row) => row.sessionId)).size).toBe(1)
  })
})

describe.skipIf(!canCapture)('the examples of docs/outputs.md (need root to capture)', () => {
  const page = readFileSync(`${ROOT}docs/outputs.md`, 'utf8')
  const examples = [...page.matchAll(/^tunmeter (meter .*)$/gm)].map(([, words]) => words!)

  test('are there', () => expect(examples.length).toBeGreaterThan(2))

  test.each(examples)('%s', async (words) => {
    const { port, dial } = await traffic()
    const server = await new FakeServer().start()
    const home = place()
    const collector = await aCollector()
    const key = join(home, 'site.key')
    writeFileSync(key, 'k', { mode: 0o600 })
    const args = words
      .replace('wg0', `lo --filter`)
      .split(' ')
      .flatMap((word) => (word === '--filter' ? [word, `port ${port}`] : [word]))
      .map((word) => word.replace('https://logs.example.org', server.url))
      .map((word) => word.replace('collector.example.org:4739', collector.address))
      .map((word) => word.replace('/etc/tunmeter/site.key', key))
      .map((word) => word.replace('/var/log/tunmeter', join(home, 'log')))
    const meter = start([...args, ...(words.includes('--to') ? ['--spool', `${home}/spool`] : [])])
    await until(() => meter.output.stderr.includes('"metering"') || meter.child.exitCode !== null)
    await dial()
    expect(await ended(meter), meter.output.stderr).toBe(0)
    if (words.includes('--ipfix')) {
      const file = join(home, 'log/sessions.ipfix')
      const sent = () => (existsSync(file) ? readFileSync(file) : collector.bytes())
      await until(() => ipfixRecords(sent()) === 1)
      return
    }
    const rows = words.includes('--output -')
      ? parse(meter.output.stdout)
      : rowsIn(join(home, 'log/sessions.ndjson'))
    expect(rows).toHaveLength(1)
  })
})

describe.skipIf(!canCapture)('a meter with a server and an output (needs root to capture)', () => {
  test('delivers and writes the same sessions; when the reader has gone it delivers on', async () => {
    const { port, dial } = await traffic()
    const server = await new FakeServer().start()
    const spool = join(place(), 'spool')
    const args = ['--to', server.url, '--key', 'k', '--spool', spool, '--output', '-']
    const meter = await metering(port, args)
    const delivered = () => [...server.stored.values()].flatMap((batch) => batch.sessions)
    await dial(2)
    await until(() => delivered().length === 2 && meter.output.stdout.split('\n').length > 2)
    expect(parse(meter.output.stdout).map((row) => row.sessionId)).toEqual(
      delivered().map((session) => session.sessionId),
    )
    meter.child.stdout!.destroy()
    await dial(2)
    await until(() => delivered().length === 4)
    expect(await ended(meter)).toBe(0)
    expect(meter.output.stderr).toContain('the output has ended')
    expect(meter.output.stderr).toContain('stopped; everything is stored')
  })
})
