import { chmodSync, copyFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { FIELDS } from '../../src/session/fields.js'
import { pcapFile } from '../support/capture-files.js'
import { FakeServer } from '../support/fake-server.js'
import { ipv4, udp } from '../support/packets.js'
import { ROOT, run as runProcess, start } from '../support/process.js'
import { run } from '../support/run-here.js'
import { temporaryDirectory } from '../support/temporary.js'
import { until } from '../support/until.js'

const SITE = `${ROOT}fixtures/wireguard/site.pcap`
const DEMO = `${ROOT}fixtures/demo/site.pcap`
const OWNERS = [
  '--catalog',
  `${ROOT}fixtures/wireguard/catalog.yaml`,
  '--peers',
  `${ROOT}fixtures/wireguard/peers.json`,
]

interface Expected {
  readonly total: { readonly packets: number; readonly bytes: number }
  readonly other: Readonly<Record<string, { readonly packets: number; readonly bytes: number }>>
  readonly sessions: readonly Record<string, unknown>[]
}

const expected = JSON.parse(
  readFileSync(`${ROOT}fixtures/wireguard/expected.json`, 'utf8'),
) as Expected

type Row = Record<string, unknown>

function rowsOf(ndjson: string): Row[] {
  return ndjson
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row)
}

function keyOf(row: Row): string {
  return `${String(row.protocol)} ${String(row.sourceAddr)} ${String(row.destAddr)}`
}

function sorted(rows: readonly Row[]): Row[] {
  return [...rows].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

describe('printed', () => {
  test('the golden capture gives the golden sessions, with their owners', async () => {
    const { code, stdout, stderr } = await run(['replay', SITE, ...OWNERS])
    expect([code, stderr]).toEqual([0, ''])
    const rows = sorted(rowsOf(stdout))
    const golden = sorted(expected.sessions)
    expect(rows.length).toBe(golden.length)
    // What the golden file says under a field's name, that field has to say.
    const names = FIELDS.map((f) => f.name).filter((n) => n in golden[0]!)
    expect(names.length).toBeGreaterThan(12)
    for (const [i, want] of golden.entries()) {
      for (const name of names) expect(rows[i]![name], `${keyOf(want)} ${name}`).toEqual(want[name])
    }
  })

  test('summary is one JSON object that adds up to the capture', async () => {
    const { stdout } = await run(['replay', SITE, '--format', 'summary'])
    const summary = JSON.parse(stdout) as Row
    expect(summary).toMatchObject({ ...expected.total, other: expected.other })
    expect(summary.sessions).toBe(expected.sessions.length)
  })

  test('CSV to a file: a header and a line for each session', async () => {
    const file = join(temporaryDirectory(), 'out.csv')
    const { code, stdout } = await run(['replay', SITE, '--format', 'csv', '--output', file])
    expect([code, stdout]).toEqual([0, ''])
    const lines = readFileSync(file, 'utf8').trim().split('\r\n')
    expect(lines[0]).toBe(FIELDS.map((f) => f.name).join(','))
    expect(lines.length).toBe(1 + expected.sessions.length)
  })

  test('an output that is read is refused, by whatever name, and keeps its content', async () => {
    const directory = temporaryDirectory()
    const input = join(directory, 'in.pcap')
    const link = join(directory, 'link.pcap')
    const peers = join(directory, 'peers.json')
    copyFileSync(SITE, input)
    symlinkSync(input, link)
    copyFileSync(`${ROOT}fixtures/wireguard/peers.json`, peers)
    for (const output of [input, link, peers]) {
      const before = readFileSync(output)
      const { code, stderr } = await run(['replay', input, '--peers', peers, '--output', output])
      expect([code, stderr]).toEqual([2, expect.stringContaining('would be emptied')])
      expect(readFileSync(output).equals(before)).toBe(true)
    }
  })

  test('standard input, gzip’d, and two files as one capture', async () => {
    const input = gzipSync(readFileSync(SITE))
    const packets = async (...files: string[]): Promise<number> => {
      const { stdout } = await runProcess(['replay', ...files, '--format', 'summary'], { input })
      return Number((JSON.parse(stdout) as Row).packets)
    }
    expect(await packets('-')).toBe(expected.total.packets)
    expect(await packets(SITE, DEMO)).toBe(expected.total.packets + (await packets(DEMO)))
  })

  test('the same file gives the same ids, other options others', async () => {
    const ids = async (...options: string[]): Promise<unknown[]> =>
      rowsOf((await run(['replay', SITE, ...options])).stdout).map((r) => r.sessionId)
    const first = await ids()
    expect(await ids()).toEqual(first)
    expect(await ids('--udp-timeout', '59s')).not.toEqual(first)
    const owned = await ids(...OWNERS)
    expect(owned).not.toEqual(first)
    expect(await ids(...OWNERS)).toEqual(owned)
  })

  test('--shift-to-now: the newest packet is now, durations stay', async () => {
    const plain = rowsOf((await run(['replay', DEMO])).stdout)
    const before = Date.now()
    const moved = rowsOf((await run(['replay', DEMO, '--shift-to-now'])).stdout)
    const newest = Math.max(...moved.map((r) => Date.parse(String(r.endTime))))
    expect(newest).toBeLessThanOrEqual(Date.now())
    expect(newest).toBeGreaterThan(before - 120_000)
    expect(moved.map((r) => r.duration)).toEqual(plain.map((r) => r.duration))
  })

  test('--shift-to-now goes by the newest packet, not by a clock that was set back', async () => {
    const at = (seconds: number, port: number) => ({
      seconds,
      data: Uint8Array.from(
        ipv4({ from: '10.8.0.2', to: '10.0.0.9', protocol: 17 }, udp(port, 53)),
      ),
    })
    const day = 86_400
    const file = join(temporaryDirectory(), 'set-back.pcap')
    writeFileSync(
      file,
      pcapFile([
        at(20_000 * day, 1),
        at(19_999 * day, 2),
        at(19_999 * day + 3600, 3),
        at(19_999 * day + 3600, 4),
      ]),
    )
    const before = Date.now()
    const rows = rowsOf((await run(['replay', file, '--shift-to-now'])).stdout)
    const ends = rows.map((r) => Date.parse(String(r.endTime)))
    expect(Math.max(...ends)).toBeGreaterThanOrEqual(before - 1)
    expect(Math.max(...ends)).toBeLessThanOrEqual(Date.now())
    expect(Math.max(...ends) - Math.min(...ends)).toBe(day * 1e3)
  })

  test('--consolidate merges and loses no byte', async () => {
    const bytes = (rows: readonly Row[]): number =>
      rows.reduce((sum, r) => sum + Number(r.bytesTx) + Number(r.bytesRx), 0)
    const plain = rowsOf((await run(['replay', SITE])).stdout)
    const merged = rowsOf((await run(['replay', SITE, '--consolidate'])).stdout)
    expect(merged.length).toBeLessThan(plain.length)
    expect(bytes(merged)).toBe(bytes(plain))
    expect(merged.reduce((sum, r) => sum + Number(r.connectionCount), 0)).toBe(plain.length)
  })
})

describe('faults', () => {
  test('a damaged file: sessions up to there, the byte offset, exit 1', async () => {
    const file = join(temporaryDirectory(), 'cut.pcap')
    const whole = readFileSync(SITE)
    writeFileSync(file, whole.subarray(0, whole.length - 5))
    const { code, stdout, stderr } = await run(['replay', file])
    expect(code).toBe(1)
    expect(rowsOf(stdout).length).toBe(expected.sessions.length)
    expect(stderr).toMatch(/cut\.pcap.*byte \d+/)
  })

  test.each<[string, string[], number, RegExp]>([
    ['no such file', ['/nowhere.pcap'], 1, /nowhere\.pcap: there is no such file/],
    ['no capture', [`${ROOT}package.json`], 1, /not a pcap/],
    ['a directory', [ROOT], 1, /directory/],
    ['no file at all', [], 2, /missing required argument/],
    ['a bad option', [SITE, '--udp-timeout', 'soon'], 2, /--udp-timeout: "soon"/],
    ['a bad address', [SITE, '--to', 'nowhere', '--key', 'x'], 2, /--to: "nowhere"/],
    ['no key', [SITE, '--to', 'http://127.0.0.1:1'], 2, /no key/],
    ['a key for nobody', [SITE, '--key', 'x'], 2, /--key does nothing without --to/],
    ['a spool for nothing', [SITE, '--spool', 'x'], 2, /--spool does nothing without --to/],
    ['no catalog', [SITE, '--catalog', '/nowhere'], 2, /the catalog \/nowhere: there is no such/],
    ['a catalog that is none', [SITE, '--catalog', SITE], 2, /site\.pcap/],
    ['an output that cannot be', [SITE, '--output', '/nowhere/x'], 1, /cannot write \/nowhere\/x/],
    ['two that exclude each other', [SITE, '--interim', '--consolidate'], 2, /exclude/],
  ])('%s', async (_, args, exitCode, message) => {
    const { code, stderr } = await run(['replay', ...args])
    expect(stderr).toMatch(message)
    expect(stderr).not.toContain('bug')
    expect(code).toBe(exitCode)
  })

  test('a key file that everybody can read', async () => {
    const file = join(temporaryDirectory(), 'key')
    writeFileSync(file, 'tm_ingest_x\n')
    chmodSync(file, 0o644)
    const args = ['replay', SITE, '--to', 'http://127.0.0.1:1', '--key-file', file]
    const { code, stderr } = await run(args)
    expect(stderr).toMatch(/everybody.*chmod/s)
    expect(code).toBe(2)
  })
})

describe('delivered', () => {
  test('once, however often it is replayed', async () => {
    const server = await new FakeServer().start()
    const args = ['replay', DEMO, '--to', server.url, '--key', 'k', '--batch-sessions', '50']
    const first = await run(args)
    expect([first.code, first.stderr]).toEqual([0, '192 sessions stored for site 3 of acme\n'])
    const ids = [...server.stored.values()].flatMap((b) => b.sessions.map((s) => s.sessionId))
    expect([ids.length, new Set(ids).size, server.stored.size]).toEqual([192, 192, 4])
    const again = await run(args)
    expect(again.stderr).toContain('4 of 4 batches were there')
    expect([...server.stored.values()].flatMap((b) => b.sessions.map((s) => s.sessionId))).toEqual(
      ids,
    )
  })

  test('a refused key ends it at once, with what to do', async () => {
    const server = await new FakeServer().start()
    server.key = { status: 401, data: {} }
    const { code, stderr } = await run(['replay', DEMO, '--to', server.url, '--key', 'k'])
    expect(code).toBe(1)
    expect(stderr).toMatch(/not all sessions are stored: HTTP 401.*Check --to and the key/s)
  })

  test('https to a server without TLS says so', async () => {
    const server = await new FakeServer().start()
    const args = ['replay', DEMO, '--to', server.url.replace('http:', 'https:'), '--key', 'k']
    const { code, stderr } = await run([...args, '--give-up-after', '0s'])
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^tunmeter: not all sessions are stored: .*does not speak TLS.*http:\/\/.*\n .*\n$/,
      ),
    ])
  })

  test('a server that is away is named at once, not only when it is given up', async () => {
    const args = ['replay', DEMO, '--to', 'http://127.0.0.1:1', '--key', 'k']
    const { child, output } = start([...args, '--give-up-after', '1h'])
    await until(() => output.stderr !== '' || child.exitCode !== null)
    expect(output.stderr).toMatch(/^tunmeter: connect ECONNREFUSED.*; trying again for 1h\n/)
  })

  test('names that the server does not have are said to be missing there', async () => {
    const server = await new FakeServer().start()
    const args = ['replay', DEMO, '--to', server.url, '--key', 'k', ...OWNERS]
    expect((await run(args)).stderr).not.toContain('catalog')
    server.catalog = { clients: [], users: [], sites: [], resources: [] }
    expect((await run(args)).stderr).toMatch(/server’s catalog is empty.*catalog push --file/)
    server.catalog = { ...server.catalog, clients: [{ clientId: 1, name: 'a' }] }
    expect((await run(args)).stderr).not.toContain('catalog')
  })

  test('refused sessions make it fail, and say how many', async () => {
    const server = await new FakeServer().start()
    server.refuse = [0, 3]
    const { code, stderr } = await run(['replay', DEMO, '--to', server.url, '--key', 'k'])
    expect([code, stderr]).toEqual([
      1,
      '190 sessions stored for site 3 of acme; 2 sessions REFUSED\n',
    ])
  })

  test('goes on where its spool ends', async () => {
    const server = await new FakeServer().start()
    const spool = temporaryDirectory()
    const args = ['replay', DEMO, '--to', server.url, '--key', 'k', '--spool', spool]
    const small = [...args, '--batch-sessions', '10', '--give-up-after', '0s']
    server.misbehave = ({ batch, socket }) => {
      if (batch.batch < 8) return false
      socket.destroy()
      return true
    }
    expect((await run(small)).code).toBe(1)
    server.misbehave = () => false
    expect((await run(small)).code).toBe(0)
    const ids = [...server.stored.values()].flatMap((b) => b.sessions.map((s) => s.sessionId))
    expect([ids.length, new Set(ids).size]).toEqual([192, 192])
    // Every batch was asked for, none twice but those whose answer was cut.
    const withSessions = [...server.stored].filter(([, b]) => b.sessions.length > 0)
    expect(withSessions.map(([number]) => number).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
  })
})
