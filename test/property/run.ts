/**
 * The property test for as long as one likes.
 *
 *     npm run property -- --seconds 600 [--seed N] [--conversations N] [--workers 2]
 *
 * Prints sequences (conversations that sent at least one packet), packets and rate; on a difference the shrunk
 * scenario as text, its seed, and exit 1.
 */

import { fork } from 'node:child_process'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as fc from 'fast-check'
import { ScenarioArbitrary } from './arbitrary.js'
import { difference } from './both.js'
import { describeScenario, type Scenario, sequenceCount } from './scenario.js'

const WORKER = '--as-worker'

interface Task {
  readonly seed: number
  readonly seconds: number
  readonly conversations: number
}

interface Result {
  readonly sequences: number
  readonly scenarios: number
  readonly failure: string | null
}

/** Scenarios of one fast-check run: a new seed after it, so that a failure is found again in moments. */
const RUNS_PER_SEED = 500

/** Scenarios between two moments at which the addon gives back its engines. */
const RUNS_PER_BREATH = 100

async function work({ seed, seconds, conversations }: Task): Promise<Result> {
  const end = performance.now() + seconds * 1000
  let [sequences, scenarios] = [0, 0]
  let checks = 0
  for (let round = 0; performance.now() < end; round++) {
    let shrinking = false
    const check = async (scenario: Scenario): Promise<void> => {
      // The addon's engines are given back here only, while shrinking, too: each keeps address space until then, which
      // some ten thousand use up.
      if (checks++ % RUNS_PER_BREATH === 0) await setImmediate()
      const found = difference(scenario)
      if (!shrinking) {
        sequences += sequenceCount(scenario)
        scenarios++
      }
      shrinking ||= found !== null
      if (found !== null) throw new Error(`${found}\n${describeScenario(scenario)}`)
    }
    const property = fc.asyncProperty(new ScenarioArbitrary(conversations), check)
    const details = await fc.check(property, {
      seed: (seed + round) | 0,
      numRuns: RUNS_PER_SEED,
      interruptAfterTimeLimit: Math.max(1, end - performance.now()),
    })
    // Out of time is no failure; a counterexample is, also one that was not shrunk to the end.
    if (details.counterexample !== null) {
      const text = `seed ${details.seed}, path ${details.counterexamplePath}\n${String(details.errorInstance)}`
      return { sequences, scenarios, failure: text }
    }
  }
  return { sequences, scenarios, failure: null }
}

/** A process of its own: tsx cannot load TypeScript into a worker thread of Node 20. */
function runWorker(task: Task): Promise<Result> {
  return new Promise((resolve, reject) => {
    const options = { execArgv: ['--import', 'tsx'] }
    const child = fork(fileURLToPath(import.meta.url), [WORKER, JSON.stringify(task)], options)
    child.once('message', (result) => resolve(result as Result))
    child.once('error', reject)
    // After its message this changes nothing; without one the engine took the process with it.
    child.once('exit', (code, signal) => {
      reject(
        new Error(`a worker ended without a result (${signal ?? code}), ${JSON.stringify(task)}`),
      )
    })
  })
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      conversations: { type: 'string', default: '60' },
      workers: { type: 'string', default: '1' },
    },
  })
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)]
  const conversations = Number(values.conversations)
  const workers = Number(values.workers)
  console.log(`property: seed ${seed}, ${seconds} s, ${workers} worker(s)`)
  const start = performance.now()
  const results = await Promise.all(
    Array.from({ length: workers }, (_, i) =>
      // Seeds of the workers are far apart: none repeats what another did.
      runWorker({ seed: (seed + i * 100_000_000) | 0, seconds, conversations }),
    ),
  )
  const elapsed = (performance.now() - start) / 1000
  const sequences = results.reduce((sum, result) => sum + result.sequences, 0)
  const scenarios = results.reduce((sum, result) => sum + result.scenarios, 0)
  console.log(
    `property: ${sequences} sequences in ${scenarios} scenarios, ${elapsed.toFixed(1)} s, ` +
      `${Math.round(sequences / elapsed)} sequences/s`,
  )
  const failures = results.flatMap(({ failure }) => (failure === null ? [] : [failure]))
  for (const failure of failures) console.log(`DIFFERENCE: ${failure}`)
  if (failures.length === 0) console.log('property: no difference')
  return failures.length === 0 ? 0 : 1
}

if (process.argv[2] === WORKER) {
  process.send!(await work(JSON.parse(process.argv[3]!) as Task))
} else process.exitCode = await main()
