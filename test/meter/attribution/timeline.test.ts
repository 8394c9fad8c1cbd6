import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Timeline } from '../../../src/meter/attribution/timeline.js'

const change = fc.record({
  // One state for each epoch.
  step: fc.integer({ min: 1, max: 3 }),
  value: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: null }),
  forget: fc.boolean(),
})

test('what held at each epoch, as a list of all values says', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const timeline = new Timeline<string>(null, 0)
      const all: (string | null)[] = [null]
      let known = 0
      for (const { step, value, forget } of changes) {
        for (let i = 0; i < step; i++) all.push(all.at(-1)!)
        all[all.length - 1] = value
        timeline.set(value, all.length - 1)
        if (forget) known = Math.max(known, all.length - 4)
        if (forget)
          expect(timeline.forgetBefore(known)).toBe(all.slice(known).some((v) => v !== null))
        expect(timeline.pastCount).toBeLessThanOrEqual(all.length - known)
        for (let epoch = known; epoch < all.length; epoch++) {
          expect(timeline.at(epoch)).toBe(all[epoch])
          const later = all.slice(epoch + 1).find((v, i) => v !== null && v !== all[epoch + i])
          expect(timeline.firstAfter(epoch)).toBe(later ?? null)
        }
      }
    }),
  )
})
