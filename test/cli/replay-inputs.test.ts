/** What replay can be given: files, pipes and FIFOs, several, some of them wrong; and being interrupted. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { FakeServer } from '../support/fake-server.js'
import { follow, ROOT, start } from '../support/process.js'
import { run } from '../support/run-here.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

const SITE = `${ROOT}fixtures/wireguard/site.pcap`
const DEMO = `${ROOT}fixtures/demo/site.pcap`
const PACKETS = 651

/**
 * In bash, with `tunmeter` and `$SITE`; its exit code and what it printed. Whatever writes to a FIFO in the background
 * must not hold the output open, or a fault of the reader would show as a hang.
 */
async function shell(script: string, env: Record<string, string> = {}) {
  const head = `tunmeter() { "${process.execPath}" "${ROOT}dist/cli.js" "$@"; }\n`
  const child = spawn('bash', ['-c', head + script], {
    env: { ...process.env, TUNMETER_KEY: '', SITE, DEMO, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const { code, stdout, stderr } = await follow(child).finished
  return { code, stdout, stderr }
}

const packetsOf = (stdout: string): number =>
  (JSON.parse(stdout) as { readonly packets: number }).packets

describe('pipes', () => {
  test.each<[string, string]>([
    ['a process substitution', 'tunmeter replay --format summary <(gzip -c "$SITE")'],
    ['/dev/stdin of a pipe', 'cat "$SITE" | tunmeter replay --format summary /dev/stdin'],
    ['/dev/stdin of a file', 'tunmeter replay --format summary /dev/stdin < "$SITE"'],
    [
      'a FIFO',
      'f=$D/fifo; mkfifo "$f"; (exec > /dev/null 2>&1; cat "$SITE" > "$f") & tunmeter replay --format summary "$f"',
    ],
  ])('%s is read like a file', async (_, script) => {
    const { code, stdout, stderr } = await shell(script, { D: temporaryDirectory() })
    expect([stderr, code]).toEqual(['', 0])
    expect(packetsOf(stdout)).toBe(PACKETS)
  })

  test('a FIFO is delivered', async () => {
    const server = await new FakeServer().start()
    const { code, stderr } = await shell(
      `mkfifo "$D/fifo"; (exec > /dev/null 2>&1; cat "$DEMO" > "$D/fifo") & tunmeter replay --to ${server.url} --key k "$D/fifo"`,
      { D: temporaryDirectory() },
    )
    expect([code, stderr]).toEqual([0, '192 sessions stored for site 3 of acme\n'])
  })

  test('--shift-to-now refuses what it cannot read twice', async () => {
    const { code, stderr } = await shell('tunmeter replay --shift-to-now <(cat "$SITE")')
    expect(stderr).toMatch(
      /--shift-to-now reads its input twice, and \/dev\/fd\/\d+ can be read once/,
    )
    expect(code).toBe(2)
    expect((await run(['replay', '--shift-to-now', '-'])).stderr).toContain('standard input can be')
  })
})

describe('several files', () => {
  test('one missing, one in a loop of links, one cut: the others are read, each is named, exit 1', async () => {
    const directory = temporaryDirectory()
    const loop = join(directory, 'loop.pcap')
    symlinkSync(loop, loop)
    const cut = join(directory, 'cut.pcap')
    writeFileSync(cut, readFileSync(SITE).subarray(0, 3000))
    const { code, stdout, stderr } = await run([
      ...['replay', '--format', 'summary'],
      ...['/nowhere.pcap', loop, cut, SITE],
    ])
    expect(packetsOf(stdout)).toBe(PACKETS + 27)
    const [merged, ...lines] = stderr.trim().split('\n')
    expect(merged).toBe('tunmeter: 1 of 4 files begin before others end: merged by time')
    expect(lines.map((line) => /\w+\.pcap/.exec(line)?.[0])).toEqual([
      'nowhere.pcap',
      'loop.pcap',
      'cut.pcap',
    ])
    expect([code, stderr.includes('bug')]).toEqual([1, false])
  })

  test('a missing file does not change the ids of the others', async () => {
    const server = await new FakeServer().start()
    const args = ['replay', '--to', server.url, '--key', 'k', DEMO]
    expect((await run([...args, '/nowhere.pcap'])).code).toBe(1)
    const again = await run(args)
    expect([again.code, again.stderr.includes('were there')]).toEqual([0, true])
  })

  test('none that can be read: each is named, and no output is begun', async () => {
    const output = join(temporaryDirectory(), 'out.csv')
    const { code, stderr } = await run(['replay', '--output', output, '/nowhere.pcap', ROOT])
    expect(stderr).toMatch(/cannot read \/nowhere\.pcap: there is no such file\n.*is a directory/)
    expect(code).toBe(1)
    expect(() => readFileSync(output)).toThrow('ENOENT')
  })
})

test('delivered from a gzip or from the file itself, it is the same capture', async () => {
  const server = await new FakeServer().start()
  const packed = join(temporaryDirectory(), 'site.pcap.gz')
  const bytes = readFileSync(DEMO)
  writeFileSync(
    packed,
    Buffer.concat([gzipSync(bytes.subarray(0, 1000)), gzipSync(bytes.subarray(1000))]),
  )
  expect((await run(['replay', '--to', server.url, '--key', 'k', DEMO])).code).toBe(0)
  const again = await run(['replay', '--to', server.url, '--key', 'k', packed])
  expect(again.stderr).toContain('were there')
})

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s during a delivery leaves nothing behind',
  async (signal) => {
    const temporary = temporaryDirectory()
    const server = await new FakeServer().start()
    server.misbehave = () => true
    const args = ['replay', DEMO, '--to', server.url, '--key', 'k']
    const { child, finished } = start(args, { env: { TMPDIR: temporary } })
    await until(() => server.requests > 0)
    expect(readdirSync(temporary)).toEqual([expect.stringMatching(/^tunmeter-replay-/)])
    child.kill(signal)
    const ended = await finished
    expect([ended.signal, readdirSync(temporary)]).toEqual([signal, []])
    expect(ended.stderr).toContain('interrupted, 0 sessions are stored')
  },
)

describe('an output that takes nothing', () => {
  test.each(['ndjson', 'csv', 'table', 'summary'])(
    '%s to a full disk: a sentence, exit 1',
    async (format) => {
      const { code, stderr } = await shell(`tunmeter replay --format ${format} "$SITE" > /dev/full`)
      expect(stderr).toMatch(/^tunmeter: cannot write the output: .*no space left.*\n$/)
      expect(code).toBe(1)
    },
  )

  test('a reader that goes away is no failure', async () => {
    const script = 'tunmeter replay "$DEMO" | true; echo "$PIPESTATUS"'
    expect(await shell(script)).toEqual({ code: 0, stdout: '0\n', stderr: '' })
  })
})

test.each([80, 100, 140])('on a terminal of %d columns no line is longer', async (columns) => {
  const { stdout } = await shell(
    `export -f tunmeter; script -qec 'stty cols ${columns}; tunmeter replay "$SITE" 2>/dev/null' /dev/null`,
    { SHELL: '/bin/bash', NO_COLOR: '1', TERM: 'xterm' },
  )
  const lines = stdout.trimEnd().split(/\r*\n/)
  expect(lines.length).toBe(1 + 20)
  expect(lines[0]).toMatch(/^STARTED UTC +(CLIENT +RESOURCE|SOURCE +DESTINATION) .*RESULT$/)
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns)
  // The time, a whole address each, that of the responder with its port, and how it ended.
  const row =
    /^(\d{4}-)?\d\d-\d\d \d\d:\d\d:\d\d +(\S+[\d\]](:\d+)?) +(\d[\d.]+|\[[\da-f:]+\]):\d+ .*[A-Z][a-z ]+$/
  for (const line of lines.slice(1)) expect(line).toMatch(row)
})
