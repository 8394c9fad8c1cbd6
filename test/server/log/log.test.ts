/** The log's files: what was acknowledged is there after a cut, damage is told from a cut, and what is over goes. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { type FileHandle, open as openFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  type Entry,
  encode,
  Kind,
  SEGMENT_HEADER_BYTES,
  segmentHeader,
  segmentName,
} from '../../../src/server/log/format.js'
import { Log, type LogOptions } from '../../../src/server/log/log.js'

const SEED = Number(process.env.TUNMETER_SEED ?? Date.now() % 1e6)
console.log(`log: TUNMETER_SEED=${SEED}`)

let directory = ''
let nowMs = 0
beforeEach(() => {
  nowMs = Date.now()
  directory = mkdtempSync(join(tmpdir(), 'tunmeter-log-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const open = (options: Partial<LogOptions> = {}) =>
  Log.open({ directory, bytesMax: 1e6, keepMs: 1000, clockMs: () => nowMs, ...options })

const entry = (number: number, bytes = 20): Entry => ({
  kind: Kind.batch,
  orgId: 'acme',
  siteId: 7,
  meterId: 'mètre-1',
  spoolId: number % 2 === 0 ? '' : 'spool',
  number,
  crc: number % 2 === 0 ? undefined : number,
  receivedUs: 1_764_000_000_000_000 + number,
  refused: number % 3 === 0 ? [0, 4999] : [],
  gzip: true,
  body: Buffer.alloc(bytes, number),
})
const file = () => join(directory, readdirSync(directory).sort().at(-1)!)
const lsns = (log: Log, after = 0) => log.entriesAfter(after).found.map(({ lsn }) => lsn)

async function fill(log: Log, count: number, bytes?: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => log.append(entry(i + 1, bytes))))
}

test('an entry has the bytes that are drawn', () => {
  const one = { ...entry(3), meterId: 'm', body: Buffer.from('body') }
  expect(encode(258, one).toString('hex')).toBe(
    [
      '0201000000000000' + '01' + '01' + '0300' + '33000000',
      'CRC',
      '0340624159440600' + '0700000000000000' + '0300000000000000' + '03000000',
      '0461636d65' + '016d' + '0573706f6f6c' + '0200' + '0000' + '8713' + '626f6479',
    ]
      .join('')
      .replace('CRC', encode(258, one).subarray(16, 20).toString('hex')),
  )
})

test('a segment of version 1 is written and read as the golden file has it', async () => {
  const golden = readFileSync(new URL('golden/version-1.segment', import.meta.url))
  const entries = [1, 2, 3].map((number) => entry(number))
  const header = segmentHeader('0102030405060708', 1)
  const written = Buffer.concat([header, ...entries.map((one, i) => encode(i + 1, one))])
  expect(written.toString('hex')).toBe(golden.toString('hex'))
  writeFileSync(join(directory, segmentName(1)), golden)
  const { log, recovery } = open()
  expect(recovery).toEqual({ cutBytes: 0, damagedPlaces: 0 })
  expect(log.id).toBe('0102030405060708')
  const { found } = log.entriesAfter(0)
  const read = await Promise.all(found.map((place) => log.read(place)))
  expect(read.map((one) => ({ ...one, body: Buffer.from(one.body) }))).toEqual(entries)
})

test('what was appended is read back, after a restart too, and numbers go on', async () => {
  const { log } = open()
  await fill(log, 7)
  expect(statSync(file()).mode & 0o777).toBe(0o600)
  await log.close()
  const again = open()
  expect(again.recovery).toEqual({ cutBytes: 0, damagedPlaces: 0 })
  expect(again.log.id).toBe(log.id)
  const { found, lost } = again.log.entriesAfter(2)
  expect(lost).toBe(0)
  for (const [i, place] of found.entries()) {
    expect(place.lsn).toBe(i + 3)
    const read = await again.log.read(place)
    expect({ ...read, body: Buffer.from(read.body) }).toEqual(entry(i + 3))
  }
  expect((await again.log.append(entry(8))).lsn).toBe(8)
  await again.log.close()
})

test('wherever the file is cut, all whole entries before it are there, and it goes on', async () => {
  const { log } = open()
  await fill(log, 5)
  const places = log.entriesAfter(0).found
  await log.close()
  const path = file()
  const bytes = readFileSync(path)
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: bytes.length }), async (at) => {
      writeFileSync(path, bytes.subarray(0, at))
      const whole = places.filter((place) => place.offset + place.bytes <= at).length
      const cut = open()
      expect(cut.recovery.damagedPlaces).toBe(0)
      expect(lsns(cut.log)).toEqual([1, 2, 3, 4, 5].slice(0, whole))
      expect((await cut.log.append(entry(9))).lsn).toBe(whole + 1)
      await cut.log.close()
      expect(lsns(open().log)).toHaveLength(whole + 1)
    }),
    { seed: SEED },
  )
})

test('a damaged byte costs its entry only; at the end it is a cut, before the end it is counted', async () => {
  const { log } = open()
  await fill(log, 5)
  const places = log.entriesAfter(0).found
  await log.close()
  const path = file()
  const bytes = readFileSync(path)
  const places_ = fc.integer({ min: SEGMENT_HEADER_BYTES, max: bytes.length - 1 })
  await fc.assert(
    fc.asyncProperty(places_, fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const changed = Buffer.from(bytes)
      changed[at]! ^= flip
      writeFileSync(path, changed)
      const hit = places.findIndex((place) => at < place.offset + place.bytes)
      const opened = open()
      expect(lsns(opened.log)).toEqual([1, 2, 3, 4, 5].filter((lsn) => lsn !== hit + 1))
      expect(opened.recovery.damagedPlaces).toBe(hit === 4 ? 0 : 1)
      expect(opened.recovery.cutBytes > 0).toBe(hit === 4)
      expect(opened.log.entriesAfter(0).lost).toBe(hit === 4 ? 0 : 1)
      await opened.log.close()
    }),
    { seed: SEED },
  )
})

test('a later version is too new, and is not touched', async () => {
  const { log } = open()
  await fill(log, 1)
  await log.close()
  const bytes = readFileSync(file())
  const newer = encode(2, { ...entry(2), kind: 9 as Kind })
  writeFileSync(file(), Buffer.concat([bytes, newer]))
  expect(() => open()).toThrow(/newer tunmeter/)
  expect(readFileSync(file())).toEqual(Buffer.concat([bytes, newer]))
})

test('the header of a closed segment: of another log it is refused, damaged it is counted', async () => {
  const { log } = open({ segmentBytes: 200 })
  for (let number = 1; number <= 3; number++) await log.append(entry(number, 200))
  await log.close()
  expect(readdirSync(directory).length).toBeGreaterThan(1)
  const first = join(directory, readdirSync(directory).sort()[0]!)
  const bytes = readFileSync(first)
  const others = segmentHeader('0102030405060708', 1)
  writeFileSync(first, Buffer.concat([others, bytes.subarray(SEGMENT_HEADER_BYTES)]))
  expect(() => open()).toThrow(/segments of several logs/)
  writeFileSync(first, Buffer.concat([others.fill(0), bytes.subarray(SEGMENT_HEADER_BYTES)]))
  const damaged = open()
  expect([damaged.log.id, damaged.recovery.damagedPlaces]).toEqual([log.id, 1])
  await damaged.log.close()
})

test('segments go when every reader has passed and their time is over, at the bound at once', async () => {
  const { log } = open({ segmentBytes: 300, bytesMax: 1200 })
  for (let number = 1; number <= 6; number++) await log.append(entry(number, 100))
  const before = readdirSync(directory).length
  expect(before).toBeGreaterThan(2)
  await expect(Promise.all([1, 2, 3].map((n) => log.append(entry(n, 200))))).rejects.toMatchObject({
    code: 'STORE_BUSY',
  })
  nowMs += 2000
  log.passed('slow', 0)
  log.passed('store', log.lastLsn)
  expect(readdirSync(directory).length).toBeGreaterThanOrEqual(before)
  log.passed('slow', log.lastLsn)
  expect(readdirSync(directory)).toHaveLength(1)
  const { lsn } = await log.append(entry(9, 100))
  await log.close()
  expect(open().log.lastLsn).toBe(lsn)
})

test('what is to be forgotten goes with the segment that is written to, as soon as readers have passed', async () => {
  const { log } = open({ keepMs: 1e9 })
  await fill(log, 3)
  log.passed('store', 2)
  const forgetting = log.forgetPassed()
  const during = log.append(entry(4))
  await forgetting
  expect(lsns(log).slice(0, 3)).toEqual([1, 2, 3])
  log.passed('store', 3)
  expect((await during).lsn).toBe(4)
  expect(lsns(log)).toEqual([4])
  log.passed('store', 4)
  expect(lsns(log)).toEqual([4])
  await log.forgetPassed()
  expect(lsns(log)).toEqual([])
  await log.close()
  const again = open().log
  expect((await again.append(entry(5))).lsn).toBe(5)
  await again.close()
})

test('when nothing comes, what is over goes, too', async () => {
  const { log } = open()
  await fill(log, 3)
  log.passed('store', 3)
  await log.tidy()
  expect(lsns(log)).toEqual([1, 2, 3])
  nowMs += 3600e3 + 2000
  await log.tidy()
  expect(lsns(log)).toEqual([])
})

test('a bound that the segment that is written to fills alone does not keep it from going', async () => {
  const { log } = open({ bytesMax: 4000, segmentBytes: 4000, keepMs: 1e9 })
  // Written at once, so in one segment, though it has more than a quarter of the bound.
  await fill(log, 5, 600)
  expect(readdirSync(directory)).toHaveLength(1)
  await expect(log.append(entry(6, 1000))).rejects.toMatchObject({ code: 'STORE_BUSY' })
  log.passed('store', log.lastLsn)
  for (let number = 6; number < 60; number++) {
    const { lsn } = await log.append(entry(number, 1000))
    log.passed('store', lsn)
    expect(log.bytes).toBeLessThanOrEqual(4000)
  }
  expect(lsns(log).at(-1)).toBe(59)
})

test('a write that fails keeps none of its group, and it goes on by itself', async () => {
  const { log } = open()
  await fill(log, 1)
  const handle = await openFile(file())
  const inside = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  const faults = [
    vi.spyOn(inside, 'datasync').mockRejectedValue(full),
    vi.spyOn(inside, 'truncate').mockRejectedValue(full),
  ]
  const failed = await Promise.allSettled([log.append(entry(2)), log.append(entry(3))])
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await expect(log.append(entry(4))).rejects.toBe(full)
  for (const fault of faults) fault.mockRestore()
  expect((await log.append(entry(5))).lsn).toBe(2)
  await log.close()
  const { log: again, recovery } = open()
  expect(recovery).toEqual({ cutBytes: 0, damagedPlaces: 0 })
  expect(again.entriesAfter(0).found.map((found) => found.entry.number)).toEqual([1, 5])
})

test('on a full disk what every reader has goes, however short it was kept, and the write is tried again', async () => {
  const { log } = open({ keepMs: 3600e3, segmentBytes: 200 })
  await fill(log, 1)
  for (let number = 2; number <= 9; number++) await log.append(entry(number))
  log.passed('store', 5)
  const handle = await openFile(file())
  const inside = Object.getPrototypeOf(handle) as FileHandle
  await handle.close()
  const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
  const append = vi.spyOn(inside, 'appendFile').mockRejectedValueOnce(full)
  expect((await log.append(entry(10))).lsn).toBe(10)
  expect(lsns(log)[0]).toBeLessThanOrEqual(6)
  expect(lsns(log)).toEqual(expect.arrayContaining([6, 7, 8, 9, 10]))
  expect(lsns(log)).not.toContain(1)
  // All of it, the one that is written to included.
  log.passed('store', 10)
  append.mockRejectedValueOnce(full)
  expect((await log.append(entry(11))).lsn).toBe(11)
  expect(lsns(log)).toEqual([11])
  // At once, and one that begins then counts on, with its own name.
  log.passed('store', 11)
  await log.freePassed()
  expect([readdirSync(directory), log.bytes]).toEqual([[], 0])
  expect((await log.append(entry(12))).lsn).toBe(12)
  // Nothing is left that may go.
  append.mockRejectedValueOnce(full)
  await expect(log.append(entry(13))).rejects.toBe(full)
  append.mockRestore()
  expect((await log.append(entry(14))).lsn).toBe(13)
  await log.close()
  expect(lsns(open().log)).toEqual([12, 13])
})

test('a store that knows of more than the log has makes it go on after that', async () => {
  const { log } = open()
  await fill(log, 2)
  log.continueAfter(5)
  expect((await log.append(entry(6))).lsn).toBe(6)
  await log.close()
  expect(open().log.entriesAfter(5)).toMatchObject({ lost: 0, found: [{ lsn: 6 }] })
  expect(open().log.entriesAfter(0).lost).toBe(3)
})
