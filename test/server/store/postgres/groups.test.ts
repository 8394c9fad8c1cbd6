/** What waits together: nobody's item fails or holds up another's. */
import { expect, test } from 'vitest'
import { Groups } from '../../../../src/server/store/postgres/groups.js'

interface Item {
  readonly owner: string
  readonly size: number
}

function groupsOf(work: (items: readonly Item[]) => Promise<readonly (number | Error)[]>) {
  let number = 0
  return new Groups<Item, number>(work, {
    keyOf: () => `${number++}`,
    sizeOf: ({ size }) => size,
    ownerOf: ({ owner }) => owner,
    ...{ itemsMax: 10, sizeMax: 100, waitingMax: 100 },
  })
}

const sizes = async (items: readonly Item[]) => items.map(({ size }) => size)

test('an error of one item is not one of the others', async () => {
  const groups = groupsOf(async (items) =>
    items.map(({ owner, size }) => (owner === 'busy' ? new Error('busy') : size)),
  )
  const results = await Promise.allSettled(
    ['a', 'busy', 'b'].map((owner) => groups.add({ owner, size: 1 })),
  )
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
})

test('one owner fills half of what may wait, and the others have the rest', async () => {
  let letGo = () => {}
  const held = new Promise<void>((done) => {
    letGo = done
  })
  const groups = groupsOf(async (items) => held.then(() => sizes(items)))
  const adding = [1, 2, 3, 4, 5].map(() => groups.add({ owner: 'a', size: 10 }))
  expect(() => groups.add({ owner: 'a', size: 1 })).toThrow('too many sessions are waiting')
  adding.push(groups.add({ owner: 'b', size: 50 }))
  letGo()
  expect(await Promise.all(adding)).toEqual([10, 10, 10, 10, 10, 50])
  expect(await groups.add({ owner: 'a', size: 40 })).toBe(40)
})

test('an item that is added as the last one ends is done, too', async () => {
  const groups = groupsOf(sizes)
  for (let size = 1; size <= 20; size++) {
    expect(await groups.add({ owner: 'a', size })).toBe(size)
    for (let ticks = size; ticks > 0; ticks--) await Promise.resolve()
  }
  await groups.close()
})
