import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { parseEntry } from '../../../src/meter/spool/format.js'
import { openSpool } from '../../../src/meter/spool/open.js'
import type { Spool } from '../../../src/meter/spool/spool.js'
import { openStoreFile } from '../../../src/meter/spool/store-file.js'
import type { Batch, BatchGap } from '../../../src/session/batch.js'
import { aSpool, batchOf, MiB } from '../../support/spools.js'
import { temporaryDirectory } from '../../support/temporary.js'

function contentOf(body: Uint8Array): Batch {
  return JSON.parse(gunzipSync(body).toString()) as Batch
}

async function drain(spool: Spool): Promise<number[]> {
  const numbers: number[] = []
  for (;;) {
    const batch = await spool.next()
    if (batch === null) return numbers
    expect(contentOf(batch.body).batch).toBe(batch.number)
    numbers.push(batch.number)
    await spool.confirm(batch.number)
  }
}

/** Of the next batch: whose number it has. */
async function envelopeOfNext(spool: Spool): Promise<Pick<Batch, 'spoolId' | 'firstBatch'> | null> {
  const batch = await spool.next()
  if (batch === null) return null
  const { spoolId, firstBatch } = contentOf(batch.body)
  return {
    ...(spoolId !== undefined && { spoolId }),
    ...(firstBatch !== undefined && { firstBatch }),
  }
}

describe('numbers', () => {
  test('rise by one, and go on after a restart', async () => {
    const { spool, directory } = await aSpool()
    expect([await spool.append(batchOf(1)), await spool.append(batchOf(1))]).toEqual([1, 2])
    const { meterId } = spool
    await spool.close()
    const { spool: again } = await aSpool({ directory })
    expect(again.meterId).toBe(meterId)
    expect(await again.append(batchOf(1))).toBe(3)
    expect(await drain(again)).toEqual([1, 2, 3])
  })

  test('do not repeat when all batches are gone', async () => {
    const { spool, directory } = await aSpool()
    await spool.append(batchOf(1))
    await drain(spool)
    await spool.close()
    const { spool: again } = await aSpool({ directory })
    expect(await again.append(batchOf(1))).toBe(2)
  })

  test('a batch that cannot be made uses none', async () => {
    const { spool } = await aSpool()
    await expect(spool.append(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await spool.append(batchOf(1))).toBe(1)
  })

  test('appends at the same time take turns', async () => {
    const { spool } = await aSpool()
    const numbers = await Promise.all(Array.from({ length: 8 }, () => spool.append(batchOf(2))))
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(await drain(spool)).toEqual(numbers)
  })
})

describe('the spoolId', () => {
  test('is random, in each batch, and stays with the file', async () => {
    const { spool, directory } = await aSpool()
    await spool.append(batchOf(1))
    const first = await envelopeOfNext(spool)
    expect(first).toEqual({
      spoolId: expect.stringMatching(/^[\w-]{16}$/) as string,
      firstBatch: 1,
    })
    await spool.close()
    const { spool: again } = await aSpool({ directory })
    await again.append(batchOf(1))
    expect(await envelopeOfNext(again)).toEqual(first)
    expect(await envelopeOfNext(again)).toEqual(first)
    const { spool: other } = await aSpool()
    await other.append(batchOf(1))
    expect((await envelopeOfNext(other))!.spoolId).not.toBe(first!.spoolId)
  })

  test('a spool that had none is given one, from the next number on', async () => {
    const { spool, directory } = await aSpool({ numbersFollowContent: true })
    await spool.append(batchOf(1))
    await spool.close()
    const { spool: again } = await aSpool({ directory })
    await again.append(batchOf(1))
    expect(await envelopeOfNext(again)).toEqual({})
    expect(await envelopeOfNext(again)).toMatchObject({ firstBatch: 2 })
  })

  test('is new after a batch was renumbered; what waits under the old one stays, and a loss names whose number it was', async () => {
    const { spool, directory } = await aSpool({ bytesMax: 2 * MiB })
    for (let i = 0; i < 3; i++) await spool.append(batchOf(1))
    const old = (await envelopeOfNext(spool))!.spoolId
    await spool.renumber(1, batchOf(1))
    const seen: unknown[] = []
    for (let i = 0; i < 3; i++) seen.push(await envelopeOfNext(spool))
    expect(seen.slice(0, 2)).toEqual([
      { spoolId: old, firstBatch: 1 },
      { spoolId: old, firstBatch: 1 },
    ])
    expect(seen[2]).toMatchObject({ firstBatch: 4 })
    expect(spool.depth()).toMatchObject({ batches: 3, sessions: 3 })
    await spool.close()
    const { spool: again, losses } = await aSpool({ directory, bytesMax: 2 * MiB })
    await again.append(batchOf(1, 'm', randomBytes(MiB)))
    await again.append(batchOf(1, 'm', randomBytes(MiB)))
    expect(losses.map((l) => [l.spoolId === old, l.fromBatch, l.toBatch])).toEqual(
      losses.map((_, i) => [i < 2, i + 2, i + 2]),
    )
    expect(losses.length).toBeGreaterThanOrEqual(3)
  })
})

describe('depth', () => {
  test('counts what waits and what is quarantined, and survives a restart', async () => {
    const { spool, directory } = await aSpool()
    for (let i = 1; i <= 4; i++) await spool.append(batchOf(i))
    await spool.quarantine(2, { atMs: 1, status: 422, reason: 'no' })
    await spool.confirm(1)
    const want = { batches: 2, sessions: 7, quarantined: 1 }
    const before = spool.depth()
    expect(before).toMatchObject(want)
    await spool.close()
    const { spool: again } = await aSpool({ directory })
    expect(again.depth()).toEqual(before)
  })

  test('a refusal has another name in files of before 0.2', async () => {
    const { spool, directory } = await aSpool()
    await spool.append(batchOf(1))
    const refusal = { atMs: 1, status: 422, reason: 'no' }
    await spool.quarantine(1, refusal)
    await spool.close()
    const file = openStoreFile(directory, 16 * MiB)
    const { refusal: _, ...plain } = file.quarantine.get(1) as object & { refusal: unknown }
    await file.write((w) => w.put(file.quarantine, 1, { ...plain, aside: refusal }))
    expect(file.quarantine.get(1)).toMatchObject({ aside: refusal })
    expect(parseEntry(file.quarantine.get(1))).toEqual({ ...plain, refusal })
    await file.close()
  })
})

describe('the bound', () => {
  test('the oldest batch goes, its sessions are counted, and a later batch reports the gap', async () => {
    const { spool, losses } = await aSpool({ bytesMax: 4 * MiB })
    const padding = randomBytes(MiB)
    for (let i = 1; i <= 6; i++) await spool.append(batchOf(10 * i, 'm', padding))
    expect(spool.depth().bytes).toBeLessThanOrEqual(4 * MiB)
    expect(losses.map((l) => [l.reason, l.sessions, l.fromBatch, l.toBatch])).toEqual([
      ['spoolFull', 10, 1, 1],
      ['spoolFull', 20, 2, 2],
      ['spoolFull', 30, 3, 3],
    ])
    // Whatever was dropped is reported exactly once by what is left, batches that carried a gap included.
    await spool.append(batchOf(1))
    const reported: number[] = []
    for (let batch = await spool.next(); batch !== null; batch = await spool.next()) {
      const { gaps } = contentOf(batch.body)
      for (const gap of gaps) for (let n = gap.fromBatch!; n <= gap.toBatch!; n++) reported.push(n)
      await spool.confirm(batch.number)
    }
    expect(reported.sort()).toEqual([1, 2, 3])
  })

  test('a batch in flight is not dropped', async () => {
    const { spool, losses } = await aSpool({ bytesMax: 4 * MiB })
    const padding = randomBytes(MiB)
    await spool.append(batchOf(1, 'm', padding))
    const sending = await spool.next()
    for (let i = 0; i < 3; i++) await spool.append(batchOf(1, 'm', padding))
    expect(sending?.number).toBe(1)
    expect(losses.map((l) => l.fromBatch)).toEqual([2])
    await spool.confirm(1)
    expect(await drain(spool)).toEqual([3, 4])
  })

  test('a gap that no batch has carried survives a restart', async () => {
    const { spool, directory } = await aSpool()
    spool.lost({ reason: 'recordQueueFull', sessions: 7, from: 'a', to: 'b' })
    await spool.close()
    const { spool: again } = await aSpool({ directory })
    await again.append(batchOf(1))
    const batch = await again.next()
    expect(contentOf(batch!.body).gaps).toEqual([
      { reason: 'recordQueueFull', sessions: 7, from: 'a', to: 'b' },
    ])
    expect(again.pendingGaps).toEqual([])
  })

  test('the quarantine is bounded too', async () => {
    const { spool, losses } = await aSpool({ quarantineBytesMax: 3 * MiB })
    const padding = randomBytes(MiB)
    for (let n = 1; n <= 4; n++) {
      await spool.append(batchOf(n, 'm', padding))
      await spool.quarantine(n, { atMs: 0, status: 400, reason: 'bad' })
    }
    expect(losses.map((l) => [l.reason, l.sessions])).toEqual([
      ['quarantineFull', 1],
      ['quarantineFull', 2],
    ])
    expect(spool.depth().quarantined).toBe(2)
  })
})

describe('split', () => {
  test('gives the parts new numbers and reports the old one as used up', async () => {
    const { spool } = await aSpool()
    await spool.append(batchOf(5))
    await spool.split(1, [batchOf(3), batchOf(2)])
    const first = await spool.next()
    expect(contentOf(first!.body).gaps).toMatchObject([
      { reason: 'split', sessions: 0, fromBatch: 1, toBatch: 1 },
    ])
    spool.release(2)
    expect(await drain(spool)).toEqual([2, 3])
  })
})

describe('a second meter', () => {
  test('is refused with a message that says who has it', async () => {
    const { directory } = await aSpool()
    await expect(aSpool({ directory })).rejects.toMatchObject({
      code: 'SPOOL_LOCKED',
      message: expect.stringContaining(`pid ${process.pid}`) as string,
    })
  })

  test('another meter id is refused', async () => {
    const { spool, directory } = await aSpool({ meterId: 'one' })
    await spool.close()
    await expect(aSpool({ directory, meterId: 'two' })).rejects.toMatchObject({
      code: 'SPOOL_OTHER_METER',
    })
  })
})

describe('a damaged spool', () => {
  test('that is no data file at all is moved aside, counted, and the new one has numbers of its own', async () => {
    const { spool, directory } = await aSpool()
    await spool.append(batchOf(12))
    const { meterId } = spool
    const { spoolId } = (await envelopeOfNext(spool))!
    await spool.close()
    writeFileSync(join(directory, 'data.mdb'), randomBytes(MiB))
    let movedTo = ''
    const { spool: again, losses } = await aSpool({
      directory,
      onDamage: (to) => {
        movedTo = to
      },
    })
    expect(readdirSync(movedTo)).toContain('data.mdb')
    expect(losses).toMatchObject([{ reason: 'spoolDamaged', sessions: 12 }])
    expect(again.meterId).toBe(meterId)
    expect(await again.append(batchOf(1))).toBe(1)
    expect((await envelopeOfNext(again))!.spoolId).not.toBe(spoolId)
  })

  test.each([
    ['deleted', rmSync],
    ['emptied', truncateSync],
  ])('whose data file was %s is counted, once, with times in order', async (_, lose) => {
    const { spool, directory } = await aSpool()
    // A report without sessions comes first.
    await spool.append(batchOf(0))
    await spool.append(batchOf(12))
    await spool.close()
    lose(join(directory, 'data.mdb'))
    const { spool: again, losses } = await aSpool({ directory })
    expect(losses).toMatchObject([{ reason: 'spoolDamaged', sessions: 12 }])
    const [{ from, to }] = losses as [BatchGap]
    expect(from <= to).toBe(true)
    await again.close()
    expect((await aSpool({ directory })).losses).toEqual([])
  })

  test('of which one batch was changed loses that one, by number', async () => {
    const { spool, directory } = await aSpool()
    for (let i = 0; i < 3; i++) await spool.append(batchOf(4, 'm', randomBytes(20_000)))
    const victim = (await spool.next())!.body
    await spool.close()
    const path = join(directory, 'data.mdb')
    const file = readFileSync(path)
    const at = file.indexOf(victim.subarray(0, 3000))
    expect(at).toBeGreaterThan(0)
    file[at + 2000]! ^= 1
    writeFileSync(path, file)
    const { spool: again, losses } = await aSpool({ directory })
    expect(losses).toMatchObject([
      { reason: 'spoolDamaged', sessions: 4, fromBatch: 1, toBatch: 1 },
    ])
    expect(await drain(again)).toEqual([2, 3])
  })

  test('a lost meter.json costs nothing', async () => {
    const { spool, directory } = await aSpool()
    await spool.append(batchOf(1))
    const { meterId } = spool
    await spool.close()
    rmSync(join(directory, 'meter.json'))
    const { spool: again, losses } = await aSpool({ directory })
    expect(again.meterId).toBe(meterId)
    expect(losses).toEqual([])
    expect(await again.append(batchOf(1))).toBe(2)
  })

  test('of a later format is left alone', async () => {
    const { spool, directory } = await aSpool()
    await spool.close()
    writeFileSync(join(directory, 'meter.json'), '{"version":2}')
    await expect(aSpool({ directory })).rejects.toThrow('format 2')
  })
})

test('a directory that cannot be written is a clear error', async () => {
  const file = join(temporaryDirectory(), 'file')
  writeFileSync(file, '')
  await expect(
    openSpool({ directory: join(file, 'spool'), bytesMax: MiB, quarantineBytesMax: MiB }),
  ).rejects.toMatchObject({
    code: 'SPOOL_UNUSABLE',
    hint: expect.stringContaining('--spool') as string,
  })
})
