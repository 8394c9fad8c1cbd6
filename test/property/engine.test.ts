/**
 * The engine agrees with the slow twin on everything, over generated traffic: a fixed seed that every run repeats, and
 * one that no run does (printed). More, for longer: `npm run property -- --seconds N`.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ScenarioArbitrary } from './arbitrary.js'
import { difference } from './both.js'
import { describeScenario, sequenceCount } from './scenario.js'

const RUNS = 200
const CONVERSATIONS_MAX = 30
/** Without sequences nothing was tested: well below the 3,000 that so many scenarios hold. */
const SEQUENCES_MIN = 1500
/** A few seconds of work; the rest is for machines that are busy. */
const TIMEOUT_MS = 120_000

describe('engine and twin agree', () => {
  test.each([
    ['fixed seed', 20_260_101],
    ['random seed', Math.floor(Math.random() * 2 ** 31)],
  ])(
    '%s %i',
    (_, seed) => {
      let sequences = 0
      const property = fc.property(new ScenarioArbitrary(CONVERSATIONS_MAX), (scenario) => {
        sequences += sequenceCount(scenario)
        const found = difference(scenario, true)
        if (found !== null) throw new Error(`${found}\n${describeScenario(scenario)}`)
      })
      // The scenario is in the error as text; fast-check adds the seed and the path.
      fc.assert(property, { seed, numRuns: RUNS, includeErrorInReport: true })
      expect(sequences).toBeGreaterThan(SEQUENCES_MIN)
    },
    TIMEOUT_MS,
  )
})
