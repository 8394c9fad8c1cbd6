/** The envelope of a batch is bounded as it came. */
import { expect, test } from 'vitest'
import { batchSchema } from '../../../src/server/ingest/batch.js'
import { REPORT_BYTES_MAX, REPORT_PLACES_MAX } from '../../../src/session/bounds.js'
import { batch, report } from '../../support/batches.js'

const of = (more: object) => batchSchema.safeParse({ ...batch(1, []), report: report(more) })

test('the report of a meter with as many interfaces as a report can name is taken', () => {
  const places = Array.from({ length: REPORT_PLACES_MAX }, (_, i) => `hash of interface ${i}`)
  expect(of({ places, interface: 'wg0,'.repeat(256) }).success).toBe(true)
})

test.each([
  [
    'in a known list',
    { places: Array.from({ length: REPORT_PLACES_MAX }, () => '\u20ac'.repeat(64)) },
  ],
  ['under a key that nobody knows', { novel: 'x'.repeat(REPORT_BYTES_MAX) }],
])('a report that is too large is refused: %s', (_where, more) => {
  const { error } = of(more)
  expect(error?.issues).toMatchObject([
    { path: ['report'], message: `expected at most ${REPORT_BYTES_MAX} bytes of JSON` },
  ])
})
