import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NOTHING_KNOWN, withNews } from '../../../src/dashboard/api/known-rows.js'
import type { LogRow } from '../../../src/dashboard/api/types.js'
import type { ApiRow } from '../../../src/server/query/api-row.js'
import { tagsOf, withoutKnown } from '../../../src/server/query/known-rows.js'

const row = (id: number, bytes = 0): ApiRow => ({ sessionId: `row-${id}`, bytesTx: bytes })
const rows = (...ids: number[]) => ids.map((id) => row(id))

/** A poll as the page makes it. */
function poll(known: Parameters<typeof withNews>[0], page: readonly ApiRow[]) {
  const answer = withoutKnown(page, tagsOf(known.tags.join(''))!)
  return withNews(known, { ...answer, log: answer.log as unknown as LogRow[] })
}

describe('rows that the client knows', () => {
  test('are left out; changed and new ones are sent', () => {
    const first = withoutKnown(rows(3, 2, 1), [])
    expect(first.log).toEqual(rows(3, 2, 1))
    expect(first.delta.runs).toEqual([[-1, 3]])
    const known = tagsOf(first.delta.tags)!
    expect(withoutKnown(rows(3, 2, 1), known)).toEqual({
      log: [],
      delta: { runs: [[0, 3]], tags: '' },
    })
    const later = withoutKnown([row(4), row(3), row(2, 99)], known)
    expect(later.log).toEqual([row(4), row(2, 99)])
    expect(later.delta.runs).toEqual([
      [-1, 1],
      [0, 1],
      [-1, 1],
    ])
    expect(later.delta.tags).toHaveLength(16)
  })

  test('whatever pages follow each other, the client has each as it is', () => {
    const page = fc.uniqueArray(fc.record({ id: fc.nat(12), bytes: fc.nat(2) }), {
      maxLength: 12,
      selector: ({ id }) => id,
    })
    fc.assert(
      fc.property(fc.array(page, { maxLength: 6 }), (pages) => {
        let known = NOTHING_KNOWN
        for (const one of pages) {
          const asked = one.map(({ id, bytes }) => row(id, bytes))
          known = poll(known, asked)
          expect(known.rows).toEqual(asked)
          expect(known.tags).toHaveLength(asked.length)
        }
      }),
    )
  })

  test('known rows stay the same objects', () => {
    const first = poll(NOTHING_KNOWN, rows(2, 1))
    const next = poll(first, rows(3, 2))
    expect(next.rows[1]).toBe(first.rows[0])
  })

  test('tags are whole', () => {
    expect(tagsOf('')).toEqual([])
    expect(tagsOf('abcdefgh-_345678')).toEqual(['abcdefgh', '-_345678'])
    for (const bad of ['abc', 'abcdefg', 'abcdefg!', 'abcdefghi'])
      expect(tagsOf(bad)).toBeUndefined()
  })
})
