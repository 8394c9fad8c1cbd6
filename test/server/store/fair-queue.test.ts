/** Shares of organisations: one alone leaves room, and what becomes free goes to who has least. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FairQueue, mayTake } from '../../../src/server/store/fair-queue.js'
import { Mutex } from '../../../src/server/store/mutex.js'

const LIMITS = { total: 6, orgWaiting: 2, waiting: 3 }

/** Tells which of the takes have come true. */
class Takes {
  readonly queue = new FairQueue(LIMITS)
  readonly begun: string[] = []

  async take(orgId: string, name = orgId, signal?: AbortSignal): Promise<boolean> {
    const taken = this.queue.take(orgId, signal)
    taken?.then(
      () => this.begun.push(name),
      () => this.begun.push(`${name} left`),
    )
    await settled()
    return taken !== undefined
  }

  async release(orgId: string): Promise<void> {
    this.queue.release(orgId)
    await settled()
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve()
}

describe('a fair queue', () => {
  test('gives one organisation half, the next less, and a third one always something', async () => {
    const takes = new Takes()
    for (const orgId of ['a', 'a', 'a', 'a', 'b', 'b', 'c']) await takes.take(orgId)
    expect(takes.begun).toEqual(['a', 'a', 'a', 'b', 'c'])
  })

  test('what becomes free goes to who holds fewest, of several to the first', async () => {
    const takes = new Takes()
    for (const orgId of ['a', 'a', 'a', 'b', 'c', 'd']) await takes.take(orgId)
    for (const name of ['a', 'e', 'f']) await takes.take(name, `${name} waited`)
    takes.begun.length = 0
    await takes.release('a')
    await takes.release('a')
    expect(takes.begun).toEqual(['e waited', 'f waited'])
    await takes.release('a')
    expect(takes.begun).toEqual(['e waited', 'f waited', 'a waited'])
  })

  test('refuses more than may wait, of one organisation and of all', async () => {
    const takes = new Takes()
    for (const orgId of ['a', 'a', 'a', 'b', 'c', 'd']) await takes.take(orgId)
    const waits = []
    for (const orgId of ['a', 'a', 'a', 'b', 'c']) waits.push(await takes.take(orgId))
    expect(waits).toEqual([true, true, false, true, false])
  })

  test('who leaves loses the place and takes nothing', async () => {
    const takes = new Takes()
    for (const orgId of ['a', 'a', 'a']) await takes.take(orgId)
    const leaving = new AbortController()
    await takes.take('a', 'first', leaving.signal)
    await takes.take('a', 'second')
    leaving.abort()
    await takes.release('a')
    expect(takes.begun).toEqual(['a', 'a', 'a', 'first left', 'second'])
  })

  test('never more than there are, never one idle that somebody waits for and may have', () => {
    const steps = fc.array(
      fc.record({ orgId: fc.constantFrom('a', 'b', 'c', 'd'), take: fc.boolean() }),
      {
        maxLength: 60,
      },
    )
    fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const takes = new Takes()
        const asked: Record<string, number> = {}
        const released: Record<string, number> = {}
        const held = (orgId: string) =>
          takes.begun.filter((o) => o === orgId).length - (released[orgId] ?? 0)
        for (const { orgId, take } of all) {
          if (take) {
            if (await takes.take(orgId)) asked[orgId] = (asked[orgId] ?? 0) + 1
          } else if (held(orgId) > 0) {
            released[orgId] = (released[orgId] ?? 0) + 1
            await takes.release(orgId)
          }
          const used = ['a', 'b', 'c', 'd'].reduce((n, o) => n + held(o), 0)
          expect(used).toBeLessThanOrEqual(LIMITS.total)
          for (const o of ['a', 'b', 'c', 'd']) {
            const waits = (asked[o] ?? 0) - takes.begun.filter((b) => b === o).length
            if (waits > 0) expect(mayTake(LIMITS.total, used, held(o))).toBe(false)
          }
        }
      }),
      { numRuns: 200 },
    )
  })
})

test('mutex go round the owners that wait', async () => {
  const mutex = new Mutex()
  const order: string[] = []
  const run = (owner: string) => mutex.run(async () => void order.push(owner), undefined, owner)
  await Promise.all(['a', 'a', 'a', 'b', 'b', 'c'].map(run))
  expect(order).toEqual(['a', 'b', 'a', 'b', 'a', 'c'])
})
