/** What was acknowledged and is not in the database; who commits it is played, the file is real. */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { SiteBatch } from '../../../src/server/store/duckdb/write/group-commit.js'
import { Journal } from '../../../src/server/store/duckdb/write/journal.js'
import {
  APPLY_SESSIONS_MAX,
  JOURNAL_SESSIONS_MAX,
  JournaledBatches,
} from '../../../src/server/store/duckdb/write/journaled.js'
import type { StoredSession } from '../../../src/server/store/store.js'
import { batch, session } from '../../support/batches.js'
import { stored } from '../../support/store.js'

const ONE: StoredSession = stored(session(1), 'acme', 1, 'meter-1')

let directory = ''
let journaled: JournaledBatches
/** Groups of batch numbers, as they were committed. */
let committed: number[][] = []
/** Numbers that the database does not take, and whether it takes nothing at all. */
let refused: number[] = []
let stopped = false

const groups = {
  fateOf: (given: SiteBatch) =>
    committed.flat().includes(numberOf(given)) ? ('repeated' as const) : ('fresh' as const),
  commitAnyOf(group: readonly SiteBatch[]) {
    if (stopped) return Promise.reject(new Error('stopped'))
    const taken = group.filter((given) => !refused.includes(numberOf(given)))
    if (taken.length > 0) committed.push(taken.map(numberOf))
    return Promise.resolve(group.filter((given) => refused.includes(numberOf(given))))
  },
}

function numberOf({ batch }: SiteBatch): number {
  return batch!.batch
}

function given(number: number, sessions = 1): SiteBatch {
  const list = new Array<StoredSession>(sessions).fill(ONE)
  return { orgId: 'acme', siteId: 1, batch: batch(number, []), sessions: list }
}

const file = () => join(directory, 'journal')
const between = () => Promise.resolve()

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tunmeter-journaled-'))
  committed = []
  refused = []
  stopped = false
  journaled = (await JournaledBatches.open(directory, groups)).journaled
})
afterEach(async () => {
  await journaled.close()
  rmSync(directory, { recursive: true, force: true })
})

test('it is written, then committed a part at a time, then cut off the file', async () => {
  const half = APPLY_SESSIONS_MAX / 2
  await journaled.add([given(1, half), given(2, half), given(3, half)])
  expect(journaled).toMatchObject({ areDue: true, count: 3, bytes: statSync(file()).size })
  expect(journaled.bytes).toBeGreaterThan(0)
  const seen: number[][][] = []
  await journaled.apply(() => Promise.resolve(void seen.push([...committed])))
  expect(seen).toEqual([[[1, 2]]])
  expect(committed).toEqual([[1, 2], [3]])
  expect(journaled).toMatchObject({ areDue: false, count: 3, bytes: 0 })
  expect(statSync(file()).size).toBe(0)
})

test('a number that was committed, journaled or is in the group already is not written again', async () => {
  committed = [[1]]
  await journaled.add([given(2)])
  const { bytes } = journaled
  const again = [given(1), given(2), given(3), given(3)]
  const known = await journaled.add(again)
  expect(again.map((one) => known.get(one))).toEqual([
    'repeated',
    'repeated',
    undefined,
    'repeated',
  ])
  expect(journaled.bytes).toBeLessThan(2.5 * bytes)
  const loose = { ...given(3), batch: null }
  expect(await journaled.add([loose, loose])).toEqual(new Map())
})

test('a number that is journaled with another content is a conflict', async () => {
  const [one, same, other] = [7, 7, 8].map((crc) => {
    const batchOne = given(1)
    return { ...batchOne, batch: { ...batchOne.batch!, spoolId: 'a', crc } }
  })
  expect((await journaled.add([one!])).size).toBe(0)
  const known = await journaled.add([same!, other!])
  expect([known.get(same!), known.get(other!)]).toEqual(['repeated', 'conflict'])
})

test('its room is that of its sessions, and of one more for each batch', async () => {
  expect(journaled.room).toBe(JOURNAL_SESSIONS_MAX)
  await journaled.add([given(1, 5), given(2, 0)])
  expect(journaled.room).toBe(JOURNAL_SESSIONS_MAX - 7)
  await journaled.apply(between)
  expect(journaled.room).toBe(JOURNAL_SESSIONS_MAX)
})

test('what the database refuses stays alone, and nothing is added to it', async () => {
  refused = [2]
  await journaled.add([given(1), given(2), given(3)])
  const { bytes } = journaled
  await journaled.apply(between)
  expect(committed).toEqual([[1, 3]])
  expect(journaled).toMatchObject({ takesMore: false, areDue: false, bytes })
  refused = []
  await journaled.apply(between)
  expect(committed).toEqual([[1, 3], [2]])
  expect(journaled).toMatchObject({ takesMore: true, areDue: false, bytes: 0 })
})

test('when the database takes nothing, all stays; who waits is answered, and asks for it again', async () => {
  expect(journaled.applied()).toBe(null)
  await journaled.add([given(1)])
  stopped = true
  const first = journaled.applied()
  await journaled.apply(between)
  await first
  expect(journaled).toMatchObject({ takesMore: false, areDue: false })
  const second = journaled.applied()
  expect(journaled.areDue).toBe(true)
  stopped = false
  await journaled.apply(between)
  await second
  expect(committed).toEqual([[1]])
  expect(journaled.applied()).toBe(null)
})

test('what it held is committed when it is opened, and what is refused then is set aside', async () => {
  stopped = true
  await journaled.add([given(1), given(2)])
  await journaled.close()
  stopped = false
  refused = [2]
  const opened = await JournaledBatches.open(directory, groups)
  journaled = opened.journaled
  expect(opened.leftovers.batches.map(numberOf)).toEqual([1, 2])
  expect(opened.refusedBatches).toBe(1)
  expect(committed).toEqual([[1]])
  expect(journaled).toMatchObject({ takesMore: true, areDue: false, bytes: 0 })
  const aside = await Journal.open(join(directory, 'journal.refused'))
  expect(aside.leftovers.batches.map(numberOf)).toEqual([2])
  await aside.journal.close()
})
