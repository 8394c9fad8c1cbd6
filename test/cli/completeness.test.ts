import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { batch, report, session } from '../support/batches.js'
import { runHere } from '../support/run-here.js'
import { TestServer } from '../support/server.js'

let server: TestServer
let admin: string
const work = mkdtempSync(join(tmpdir(), 'tunmeter-completeness-'))
const HOUR_MS = 3600e3
const now = Date.now()
const hoursAgo = (hours: number) => new Date(now - hours * HOUR_MS).toISOString()

/** Metered from ten hours to five hours ago, and from four hours ago on. */
beforeAll(async () => {
  server = await TestServer.start()
  admin = await server.key({ scope: 'admin', org: 'acme', retentionDays: 30 })
  const runs = [
    { startedAt: hoursAgo(10), at: hoursAgo(5) },
    { startedAt: hoursAgo(4), at: new Date(now).toISOString() },
  ]
  for (const [i, run] of runs.entries()) {
    const sessions = i === 0 ? [] : [session(1), session(2)]
    const its = batch(i + 1, sessions, { spoolId: 's1', report: report(run) })
    const path = '/api/v1/org/acme/site/1/sessions'
    expect((await server.request('POST', path, admin, its)).status).toBe(200)
  }
})
afterAll(async () => {
  await server.stop()
  rmSync(work, { recursive: true })
})

function run(...args: string[]) {
  return runHere([...args, '--server', server.url], { env: { TUNMETER_KEY: admin } }).finished
}

function verify(file: string) {
  return runHere(['verify', file]).finished
}

test('a range with a hole: the sentence, the hole, exit code 3; the range beside it is complete', async () => {
  const holed = await run('completeness', '--from', hoursAgo(6), '--to', hoursAgo(1))
  expect(holed.code).toBe(3)
  expect(holed.stdout).toMatch(/^0 of 1 site is complete, .*Site 1: not metered /)
  const utc = (hours: number) => hoursAgo(hours).slice(0, 19).replace('T', ' ')
  expect(holed.stdout).toContain(`unmetered  ${utc(5)}  ${utc(4)}`)
  const whole = await run('completeness', '--from', hoursAgo(3), '--to', hoursAgo(1), '--json')
  expect(whole.code).toBe(0)
  expect(JSON.parse(whole.stdout)).toMatchObject({ complete: true, coveredShare: 1 })
})

test('a site that has a key and never reported is missing; a site filter leaves it out', async () => {
  await server.key({ scope: 'ingest', org: 'acme', site: 9 })
  const all = await run('completeness', '--from', hoursAgo(3), '--to', hoursAgo(1))
  expect(all.stdout).toContain('Site 9: no meter has ever reported')
  const one = await run('completeness', '--from', hoursAgo(3), '--to', hoursAgo(1), '--site', '1')
  expect(one).toMatchObject({ code: 0 })
})

test('a wrong time is refused with its name', async () => {
  const done = await run('completeness', '--from', 'yesteday')
  expect(done.code).toBe(2)
  expect(done.stderr).toContain('--from: "yesteday": expected a time as in 24h')
})

test.each(['csv', 'ndjson', 'parquet'])(
  'an export as %s has a manifest that verify checks',
  async (format) => {
    const file = join(work, `x.${format}`)
    const range = ['--from', hoursAgo(6), '--to', new Date(now + 1000).toISOString()]
    const done = await run(
      'export',
      ...range,
      '--format',
      format,
      '--filter',
      'siteId=1',
      '--output',
      file,
    )
    expect(done.code).toBe(0)
    const manifest = JSON.parse(readFileSync(`${file}.manifest.json`, 'utf8'))
    const bytes = readFileSync(file)
    expect(manifest).toMatchObject({
      org: 'acme',
      format,
      filters: ['siteId=1'],
      range: { from: hoursAgo(6) },
      rows: format === 'parquet' ? null : 2,
      bytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      askedBy: { name: 'unnamed' },
      completeness: { complete: false },
    })
    if (format === 'csv')
      expect(manifest.columns).toEqual(bytes.toString().split(/\r?\n/, 1)[0]!.split(','))
    const right = await verify(file)
    expect(right.code).toBe(0)
    expect(right.stdout).toContain('completeness: 0 of 1 site is complete')
    bytes[bytes.length - 5]! ^= 1
    writeFileSync(file, bytes)
    const wrong = await verify(file)
    expect(wrong.code).toBe(1)
    expect(wrong.stderr).toContain('is not the exported file: the same size')
  },
)

test.each(['csv', 'ndjson', 'parquet'])(
  'verify refuses a manifest of an export as %s that the file refutes',
  async (format) => {
    const file = join(work, `refuted.${format}`)
    const range = ['--from', hoursAgo(6), '--format', format, '--output', file]
    expect((await run('export', ...range)).code).toBe(0)
    const path = `${file}.manifest.json`
    const manifest = JSON.parse(readFileSync(path, 'utf8'))
    for (const [change, why] of [
      [{ rows: 99_999 }, 'it says 99999 rows, and the file has '],
      [{ bytes: 1 }, 'it says 1 bytes, and the file has '],
      [{ columns: ['a'] }, 'it says the columns a, and the file has '],
    ] as const) {
      writeFileSync(path, JSON.stringify({ ...manifest, ...change }))
      const { code, stdout, stderr } = await verify(file)
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toContain(why)
    }
  },
)

test('NDJSON in a pipe ends with its manifest, and verify checks the file that was made of it', async () => {
  const range = ['--from', hoursAgo(6), '--to', new Date(now + 1000).toISOString()]
  const asked = ['export', ...range, '--format', 'ndjson', '--filter', 'siteId=1']
  const plain = (await run(...asked)).stdout
  const done = await run(...asked, '--manifest-line')
  expect(done.code).toBe(0)
  expect(done.stdout.startsWith(plain)).toBe(true)
  const manifest = JSON.parse(done.stdout.slice(plain.length))
  expect(manifest).toMatchObject({
    manifest: 1,
    org: 'acme',
    format: 'ndjson',
    range: { from: hoursAgo(6) },
    filters: ['siteId=1'],
    rows: 2,
    bytes: Buffer.byteLength(plain),
    sha256: createHash('sha256').update(plain).digest('hex'),
    completeness: { complete: false, sites: [{ siteId: 1 }] },
  })
  const file = join(work, 'piped.ndjson')
  writeFileSync(file, done.stdout)
  const right = await verify(file)
  expect([right.code, right.stdout]).toEqual([0, expect.stringContaining('2 sessions')])
  writeFileSync(file, done.stdout.replace('"tcp"', '"udp"'))
  expect((await verify(file)).code).toBe(1)
  writeFileSync(file, `${done.stdout}${plain.split('\n')[0]}\n`)
  const longer = await verify(file)
  expect([longer.code, longer.stderr]).toEqual([
    1,
    expect.stringContaining('it goes on after the line of its manifest'),
  ])
  writeFileSync(file, done.stdout.slice(0, -20))
  expect((await verify(file)).stderr).toContain('the last line of')
})

const MiB = 2 ** 20

/** An export in a pipe, with a manifest of so many bytes. @returns the file */
function exportWith(manifestBytes: number, name: string): string {
  const rows = '{"a":1}\n{"a":2}\n'
  const known = {
    ...{ manifest: 1, org: 'acme', format: 'ndjson', range: null, filters: [], columns: null },
    ...{ rows: 2, bytes: rows.length, sha256: createHash('sha256').update(rows).digest('hex') },
    ...{ askedAt: hoursAgo(0), askedBy: { keyId: 'k', name: 'n' } },
    ...{ server: { url: null, version: '0.1.0' } },
    completeness: { complete: false, sentence: 'long', holes: 'x'.repeat(manifestBytes) },
  }
  const file = join(work, name)
  writeFileSync(file, `${rows}${JSON.stringify(known)}\n`)
  return file
}

test('verify reads a manifest of very many holes, and refuses one without bound', async () => {
  const many = exportWith(5 * MiB, 'many.ndjson')
  expect(await verify(many)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('2 sessions'),
  })
  // Neither takes the room that it seems to.
  const long = (name: string, begin: string) => {
    writeFileSync(join(work, name), begin)
    truncateSync(join(work, name), 65 * MiB)
    return join(work, name)
  }
  const endless = await verify(long('endless.ndjson', '{"manifest":1,'))
  expect(endless).toMatchObject({ code: 2, stderr: expect.stringContaining('more than 64 MiB') })
  const beside = join(work, 'beside.csv')
  writeFileSync(beside, 'x')
  long('beside.csv.manifest.json', '{"manifest":1,')
  expect(await verify(beside)).toMatchObject({
    ...{ code: 2, stderr: expect.stringContaining('it is longer than 64 MiB') },
  })
  const noLines = join(work, 'no-lines.parquet')
  writeFileSync(noLines, 'x'.repeat(3 * MiB))
  expect((await verify(noLines)).stderr).toContain('no-lines.parquet.manifest.json')
})

test.each([
  [['--format', 'csv'], 'goes with --format ndjson'],
  [['--format', 'ndjson', '--output', 'x'], 'is for standard output'],
])('--manifest-line is refused with %j', async (options, why) => {
  const done = await run('export', ...options, '--manifest-line')
  expect([done.code, done.stderr]).toEqual([2, expect.stringContaining(why)])
})

test('verify says what it lacks', async () => {
  const alone = join(work, 'alone.csv')
  writeFileSync(alone, 'x')
  expect(await verify(alone)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('alone.csv.manifest.json'),
  })
  writeFileSync(`${alone}.manifest.json`, '{"manifest":1}')
  expect((await verify(alone)).stderr).toContain('it is not the manifest of an export')
})

test('--require-complete writes nothing when something is missing', async () => {
  const file = join(work, 'never.csv')
  const done = await run('export', '--from', hoursAgo(6), '--output', file, '--require-complete')
  expect(done.code).toBe(3)
  expect(done.stderr).toContain('not metered')
  expect(existsSync(file)).toBe(false)
  const range = ['--from', hoursAgo(3), '--to', hoursAgo(0.5), '--filter', 'siteId=1']
  expect((await run('export', ...range, '--output', file, '--require-complete')).code).toBe(0)
})

test('--require-complete ends where the newest reports end, and refuses a later end', async () => {
  const file = join(work, 'whole.csv')
  const whole = ['--filter', 'siteId=1', '--output', file, '--require-complete']
  const later = await run('export', '--from', hoursAgo(3), '--to', hoursAgo(-1), ...whole)
  expect(later.code).toBe(3)
  expect(later.stderr).toContain('Nothing is known yet of the time from')
  expect(existsSync(file)).toBe(false)
  expect((await run('export', '--from', hoursAgo(3), ...whole)).code).toBe(0)
  const { range, completeness } = JSON.parse(readFileSync(`${file}.manifest.json`, 'utf8'))
  expect(range).toEqual({ from: hoursAgo(3), to: new Date(now).toISOString() })
  expect(completeness).toMatchObject({ complete: true, until: range.to })
})

interface OneMeter {
  readonly meterId: string
  readonly holes: readonly { readonly cause: string; readonly sessions: number | null }[]
}

test('while the retention is 0 the range is not complete', async () => {
  const off = await server.key({ scope: 'admin', org: 'off', retentionDays: 0 })
  for (const number of [1, 2]) {
    const its = batch(number, [session(number)], { spoolId: 's1' })
    await server.request('POST', '/api/v1/org/off/site/1/sessions', off, its)
  }
  const quiet = batch(1, [], { meterId: 'quiet', spoolId: 's2' })
  await server.request('POST', '/api/v1/org/off/site/1/sessions', off, quiet)
  const { body } = await server.get('/api/v1/org/off/completeness', off)
  const lost = (meterId: string) =>
    (body.data.sites[0].meters as OneMeter[])
      .filter((meter) => meter.meterId === meterId)
      .flatMap(({ holes }) => holes)
      .filter(({ cause }) => cause === 'retentionOff')
      .map(({ sessions }) => sessions)
  expect([lost('meter-1'), lost('quiet')]).toEqual([[2], []])
})
