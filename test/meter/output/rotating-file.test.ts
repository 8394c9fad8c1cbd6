import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { outputPlace } from '../../../src/meter/output/output-place.js'
import { RotatingFile, type RotatingFileOptions } from '../../../src/meter/output/rotating-file.js'
import { temporaryDirectory } from '../../support/temporary.js'
import { until } from '../../support/until.js'

const AT_MS = Date.parse('2026-11-29T03:15:12.345Z')

async function opened(
  given: string,
  change: Partial<RotatingFileOptions> = {},
): Promise<RotatingFile> {
  const file = await RotatingFile.open({
    place: outputPlace(given)!,
    bytesMax: 100,
    ageMsMax: 0,
    packs: true,
    keep: 0,
    onTrouble: (message) => expect.unreachable(message),
    onRemoved: () => undefined,
    nowMs: () => AT_MS,
    ...change,
  })
  onTestFinished(() => file.close().catch(() => undefined))
  return file
}

const line = (text: string) => Buffer.from(`${text}\n`)
const visible = (folder: string) => readdirSync(folder).filter((name) => !name.startsWith('.'))

function all(folder: string): string {
  return visible(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name)))
    .map((bytes) => (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString())
    .join('')
}

describe('the place', () => {
  test.each([
    ['-', null],
    ['/x/y/', { ownsFolder: true, folder: '/x/y', name: 'sessions.ndjson' }],
    ['/x/y', { ownsFolder: true, folder: '/x/y', name: 'sessions.ndjson' }],
    ['/x/y.ndjson', { ownsFolder: false, folder: '/x', name: 'y.ndjson' }],
    ['/etc', { ownsFolder: true, folder: '/etc', name: 'sessions.ndjson' }],
    ['/etc/hostname', { ownsFolder: false, folder: '/etc', name: 'hostname' }],
  ])('%s', (given, place) => {
    expect(outputPlace(given)).toEqual(place)
  })

  test('a device or a pipe is refused, with what to do', () => {
    expect(() => outputPlace('/dev/null')).toThrow(/neither a file nor a directory.*--output -/)
    // A file in the place of a directory.
    for (const path of ['/dev/null/', '/dev/null/log.ndjson'])
      expect(() => outputPlace(path)).toThrow(/--output \/dev\/null\/.* cannot be used: ENOTDIR/)
  })
})

describe('a rotating file', () => {
  test('is closed before it is larger than its bound, packed, and nothing is lost', async () => {
    const folder = join(temporaryDirectory(), 'made/here')
    const file = await opened(`${folder}/`)
    for (let i = 0; i < 10; i++) await file.write(line(`row ${i} ${'x'.repeat(20)}`))
    await file.close()
    // 28 bytes each: three fit into 100.
    expect(visible(folder)).toHaveLength(4)
    expect(visible(folder)).toContain('sessions-20261129T031512.345Z.ndjson.gz')
    expect(visible(folder)).toContain('sessions.ndjson')
    expect(all(folder).match(/row \d/g)).toEqual([...'0123456789'].map((n) => `row ${n}`))
  })

  test('is closed at its age, also when nothing is written', async () => {
    const folder = temporaryDirectory()
    let nowMs = Date.now()
    const file = await opened(folder, { ageMsMax: 60_000, nowMs: () => nowMs })
    await file.write(line('old'))
    expect(file.isDue).toBe(false)
    nowMs += 60_000
    expect(file.isDue).toBe(true)
    await file.write(new Uint8Array(0))
    expect(file.isDue).toBe(false)
    await file.write(line('new'))
    await file.close()
    expect(visible(folder)).toHaveLength(2)
    expect(readFileSync(join(folder, 'sessions.ndjson'), 'utf8')).toBe('new\n')
  })

  test('goes on where it ended, and its age counts on', async () => {
    const path = join(temporaryDirectory(), 'x.ndjson')
    const first = await opened(path)
    await first.write(line('one'))
    await first.close()
    const second = await opened(path, { ageMsMax: 1000, nowMs: () => Date.now() + 3600e3 })
    expect(second.isDue).toBe(true)
    expect(second.tornBytes).toBe(0)
  })

  test.each([
    ['half a line', 'one\ntwo\n{"half', 'one\ntwo\n', 6],
    ['only half a line', '{"half', '', 6],
    ['half a line of more than a block', `one\n${'x'.repeat(200_000)}`, 'one\n', 200_000],
    ['whole lines', 'one\n', 'one\n', 0],
  ])('cuts off what a kill left: %s', async (_, there, stays, torn) => {
    const path = join(temporaryDirectory(), 'x.ndjson')
    writeFileSync(path, there)
    const file = await opened(path)
    expect(file.tornBytes).toBe(torn)
    await file.write(line('next'))
    expect(readFileSync(path, 'utf8')).toBe(`${stays}next\n`)
  })

  test('packs at the start what was closed and not packed, whatever a kill left of it', async () => {
    const folder = temporaryDirectory()
    const [a, b] = ['sessions-20260101T000000.000Z.ndjson', 'sessions-20260102T000000.000Z.ndjson']
    writeFileSync(join(folder, a!), 'a\n')
    writeFileSync(join(folder, `${a}.gz.partial`), 'half')
    // Packed, and killed before the plain one was removed.
    writeFileSync(join(folder, b!), 'b\n')
    const { gzipSync } = await import('node:zlib')
    writeFileSync(join(folder, `${b}.gz`), gzipSync('b\n'))
    const file = await opened(folder)
    await file.close()
    expect(visible(folder).sort()).toEqual([`${a}.gz`, `${b}.gz`, 'sessions.ndjson'])
    expect(all(folder)).toBe('a\nb\n')
  })

  test('keeps as many closed files as it should, and says what goes', async () => {
    const folder = temporaryDirectory()
    writeFileSync(join(folder, 'other-20260101T000000.000Z.ndjson'), 'not ours\n')
    const removed: string[] = []
    let nowMs = AT_MS
    const file = await opened(folder, {
      bytesMax: 4,
      keep: 2,
      packs: false,
      onRemoved: (names) => removed.push(...names),
      nowMs: () => nowMs,
    })
    for (const name of ['one', 'two', 'six', 'ten']) {
      nowMs += 1000
      await file.write(line(name))
    }
    await file.close()
    expect(removed).toEqual(['sessions-20261129T031514.345Z.ndjson'])
    expect(all(folder)).toBe('not ours\ntwo\nsix\nten\n')
  })

  test('is begun anew when somebody moves it away', async () => {
    const folder = temporaryDirectory()
    const path = join(folder, 'x.ndjson')
    const file = await opened(path)
    await file.write(line('one'))
    renameSync(path, `${path}.1`)
    await file.write(line('two'))
    expect(readFileSync(path, 'utf8')).toBe('two\n')
    expect(readFileSync(`${path}.1`, 'utf8')).toBe('one\n')
  })

  test('is written by one meter', async () => {
    const folder = temporaryDirectory()
    await opened(folder)
    await expect(opened(folder)).rejects.toMatchObject({ code: 'OUTPUT_LOCKED' })
  })

  test('a folder that cannot be written is said with what to do', async () => {
    const folder = temporaryDirectory()
    mkdirSync(join(folder, 'x.ndjson'))
    await expect(
      RotatingFile.open({
        place: { ownsFolder: false, folder, name: 'x.ndjson' },
        bytesMax: 100,
        ageMsMax: 0,
        packs: true,
        keep: 0,
        onTrouble: () => undefined,
        onRemoved: () => undefined,
      }),
    ).rejects.toMatchObject({ code: 'OUTPUT_FAILED', hint: expect.stringContaining('directory') })
  })

  test('a closed file that cannot be packed stays, is said, and does not stop the writing', async () => {
    const folder = temporaryDirectory()
    const said: string[] = []
    const file = await opened(folder, { bytesMax: 4, onTrouble: (message) => said.push(message) })
    // Where the packed one would be written stands a folder.
    mkdirSync(join(folder, 'sessions-20261129T031512.345Z.ndjson.gz.partial'))
    await file.write(line('one'))
    await file.write(line('two'))
    await until(() => said.length > 0)
    expect(said[0]).toContain('EISDIR')
    expect(existsSync(join(folder, 'sessions-20261129T031512.345Z.ndjson'))).toBe(true)
    await file.close()
  })
})
