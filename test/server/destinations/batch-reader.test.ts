/** Rows that are read ahead: fewer queries, bounded, and never what was erased. */
import { beforeEach, expect, test } from 'vitest'
import { BatchReader, RowsAhead } from '../../../src/server/destinations/batch-reader.js'
import { type Presenter, testRow } from '../../../src/server/destinations/events.js'
import { changed, LIVE, newState } from '../../../src/server/destinations/progress.js'
import type { DestinationRecord } from '../../../src/server/destinations/records.js'
import { StateKeeper } from '../../../src/server/destinations/state-keeper.js'
import type { ArrivedRequest } from '../../../src/server/store/store.js'

const RECORD = { id: 'd1', orgId: 'acme', eventsMax: 3, bytesMax: 2 ** 20, fillSeconds: 0 }
const COMMIT = 5
const present: Presenter = (rows) => ({ rows, events: rows.map((row) => row.sessionId) })

let queries: number
let gone: Set<number>
let onQuery: () => void
let rowsAhead: RowsAhead
let keeper: StateKeeper
let reader: BatchReader

function rowsOf({ after, limit }: ArrivedRequest) {
  const from = after.arrival < COMMIT ? 1 : after.sequence + 1
  const left = Array.from({ length: 20 }, (_, i) => i + 1).filter((n) => n >= from && !gone.has(n))
  return left.slice(0, limit)
}

beforeEach(() => {
  queries = 0
  gone = new Set()
  onQuery = () => undefined
  rowsAhead = new RowsAhead()
  const saved = { state: newState(-1), version: 0 }
  const records = { putState: () => Promise.resolve(0), state: () => Promise.resolve(saved) }
  const entry = { record: RECORD as unknown as DestinationRecord, recordVersion: 0, isMine: true }
  keeper = new StateKeeper({ entry, records, clockMs: Date.now }, saved)
  reader = new BatchReader(RECORD as unknown as DestinationRecord, {
    store: {
      lastArrival: () => COMMIT,
      arrived: async (_orgId, request) => {
        queries++
        const numbers = rowsOf(request)
        onQuery()
        return {
          rows: numbers.map((n) => ({ ...testRow('acme', 0), sessionId: String(n) })),
          places: numbers.map((sequence) => ({ arrival: COMMIT, siteId: 1, run: 'a', sequence })),
        }
      },
    },
    ...{ clockMs: Date.now, filter: { fromUs: 0, toUs: 1 }, present },
    ...{ keeper, rowsAhead },
  })
})

/** What the next attempt sends; it is delivered. */
async function send(): Promise<string[]> {
  const read = await reader.next(LIVE)
  reader.flows(true)
  await keeper.change((s) => changed(s, LIVE, { cursor: read!.places.at(-1)! }))
  return read!.events.map(String)
}

test('once one was delivered, one query serves the next ones, in order and each once', async () => {
  const sent: string[][] = []
  while (sent.flat().length < 20) sent.push(await send())
  expect(sent.flat()).toEqual(Array.from({ length: 20 }, (_, i) => String(i + 1)))
  expect(Math.max(...sent.map((one) => one.length))).toBe(3)
  expect(queries).toBe(2)
})

test('after an attempt that failed nothing is held, and the rows are read again', async () => {
  await send()
  await send()
  reader.flows(false)
  expect(rowsAhead.take(1e9)).toBe(64_000)
  expect(await send()).toEqual(['7', '8', '9'])
  expect(queries).toBe(3)
})

test('what was erased is not sent from memory, also when it was being read meanwhile', async () => {
  await send()
  await send()
  gone.add(8)
  reader.forget()
  expect(await send()).toEqual(['7', '9', '10'])
  onQuery = () => {
    gone.add(15)
    reader.forget()
  }
  reader.forget()
  // This attempt was under way, so it is read again.
  const read = await reader.next(LIVE)
  expect([read!.events, read!.isStale()]).toEqual([['11', '12', '13'], true])
  onQuery = () => undefined
  expect((await reader.next(LIVE))!.isStale()).toBe(false)
  onQuery = () => {
    gone.add(15)
    reader.forget()
  }
  expect(await send()).toEqual(['11', '12', '13'])
  onQuery = () => undefined
  expect(await send()).toEqual(['14', '16', '17'])
})

test('all destinations together hold a bounded number of rows', async () => {
  await send()
  rowsAhead.take(64_000 - 2)
  await send()
  expect(rowsAhead.take(1e9)).toBe(0)
  // Two were held, and the rest is read again.
  expect([await send(), await send()]).toEqual([
    ['7', '8'],
    ['9', '10', '11'],
  ])
})
