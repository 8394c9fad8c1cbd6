/** What becomes of a batch of which a receiver takes a part. */
import { describe, expect, test } from 'vitest'
import { deliver, REFUSED_IN_ROW_MAX } from '../../../src/server/destinations/delivering.js'
import { testRow } from '../../../src/server/destinations/events.js'
import type { Delivery } from '../../../src/server/destinations/kind.js'
import type { Outcome } from '../../../src/server/destinations/outcome.js'

const DELIVERED = { kind: 'delivered', status: 200 } as const
const letter = (at: number) => ({ at, status: 400, text: 'bad' })

/** @returns what came of it, the ids of events in each request, and those in the list */
async function run(
  events: number,
  answer: (ids: readonly string[]) => Outcome,
  isStale: () => boolean = () => false,
) {
  const rows = Array.from({ length: events }, (_, i) => ({
    ...testRow('acme', 1e15),
    sessionId: `s${i}`,
  }))
  const requests: string[] = []
  const letters: string[] = []
  const receiver = {
    deliver: ({ rows: given }: Delivery) => {
      const ids = given.map(({ sessionId }) => sessionId)
      requests.push(ids.join(' '))
      return Promise.resolve(answer(ids))
    },
    close: () => Promise.resolve(),
  }
  const put = ({ sessionId }: { sessionId: string }) => {
    letters.push(sessionId)
    return Promise.resolve(true)
  }
  const parts = { receiver, letters: { has: () => Promise.resolve(false), put }, clockMs: Date.now }
  const batch = { id: 'd', orgId: 'acme', sinceMs: 0, rows, events: rows.map((r) => r.sessionId) }
  const { signal } = new AbortController()
  const done = await deliver({ ...parts, signal }, { ...batch, isStale }, 0)
  return { done, requests, letters }
}

describe('an event that the answer names', () => {
  test('goes alone, and then the others: no halving', async () => {
    const { done, requests, letters } = await run(8, (ids) => {
      const at = ids.indexOf('s5')
      return at === -1 ? DELIVERED : { kind: 'refused', status: 400, text: 'bad', at }
    })
    expect(requests).toEqual(['s0 s1 s2 s3 s4 s5 s6 s7', 's0 s1 s2 s3 s4', 's5', 's6 s7'])
    expect(letters).toEqual(['s5'])
    expect(done).toMatchObject({ outcome: { kind: 'delivered' }, delivered: 7, deadLettered: 1 })
  })

  // Whether the first is 0 or 1 is not documented.
  test.each([1, -1, 100])(
    'wrongly by %i is found all the same, and no other is lost',
    async (by) => {
      const { done, letters } = await run(8, (ids) => {
        const at = ids.indexOf('s5')
        return at === -1 ? DELIVERED : { kind: 'refused', status: 400, text: 'bad', at: at + by }
      })
      expect(letters).toEqual(['s5'])
      expect(done).toMatchObject({ outcome: { kind: 'delivered' }, delivered: 7, deadLettered: 1 })
    },
  )
})

describe('a batch that is taken but for some', () => {
  test('leaves those as dead letters, with one request', async () => {
    const refused = [letter(1), letter(3)]
    const { done, requests, letters } = await run(5, () => ({
      kind: 'partly',
      status: 200,
      refused,
    }))
    expect([requests.length, letters]).toEqual([1, ['s1', 's3']])
    expect(done).toMatchObject({ delivered: 3, deadLettered: 2, refusedInRow: 0 })
  })

  test('is blocked when too many in a row are refused', async () => {
    const refused = Array.from({ length: 30 }, (_, at) => letter(at))
    const { done, letters } = await run(30, () => ({ kind: 'partly', status: 200, refused }))
    expect(letters.length).toBe(REFUSED_IN_ROW_MAX)
    expect(done.outcome).toMatchObject({
      kind: 'blocked',
      text: expect.stringContaining('in a row'),
    })
  })
})

test('what is rejected without a name is counted, and nothing is sent again', async () => {
  const rejected = { events: 2, text: '2 of 5' }
  const { done, requests, letters } = await run(5, () => ({ ...DELIVERED, rejected }))
  expect([requests.length, letters]).toEqual([1, []])
  expect(done).toMatchObject({ delivered: 3, rejected: 2, deadLettered: 0 })
})

test('once sessions were deleted, no half of a refused batch is sent from memory', async () => {
  let deleted = false
  const answer = (): Outcome => {
    deleted = true
    return { kind: 'refused', status: 400, text: 'bad' }
  }
  const { done, requests, letters } = await run(4, answer, () => deleted)
  expect(requests).toEqual(['s0 s1 s2 s3'])
  expect(letters).toEqual([])
  expect(done).toMatchObject({ outcome: { kind: 'later' }, delivered: 0 })
  // Also when it was read before and is sent after.
  expect(
    (
      await run(
        4,
        () => DELIVERED,
        () => true,
      )
    ).requests,
  ).toEqual([])
})
