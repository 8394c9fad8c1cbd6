/**
 * The fault runner: real processes, real faults, and afterwards the store compared with what was sent.
 *
 *   npm run faults -- [--short | --long] [--only a,b,c] [--seed N]
 *
 * Prints one line for each scenario with its counts, and exits 1 when one failed or could not run.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Random } from './random.js'
import { type Result, SCENARIOS } from './scenarios.js'

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      short: { type: 'boolean' },
      long: { type: 'boolean' },
      only: { type: 'string' },
      seed: { type: 'string' },
    },
  })
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32))
  const long = values.long === true
  const only = values.only?.split(',')
  process.stdout.write(`fault runner, ${long ? 'long' : 'short'}, --seed ${seed}\n`)
  let failed = 0
  for (const scenario of SCENARIOS.filter((s) => only?.includes(s.id) ?? true)) {
    const directory = mkdtempSync(join(tmpdir(), `tunmeter-faults-${scenario.id}-`))
    const startedMs = Date.now()
    let result: Result
    try {
      result = await scenario.run(directory, new Random(seed), long)
    } catch (error) {
      result = { passed: false, facts: { error: String(error) } }
    }
    const verdict = result.skipped !== undefined ? 'SKIP' : result.passed ? 'ok' : 'FAILED'
    if (verdict === 'FAILED' || (verdict === 'SKIP' && process.env.CI)) failed++
    const facts = Object.entries({ ...result.facts, skipped: result.skipped })
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${String(value)}`)
    const seconds = Math.round((Date.now() - startedMs) / 1e3)
    process.stdout.write(
      `${verdict.padEnd(7)}(${scenario.id}) ${scenario.title}: ${facts.join(' ')} (${seconds} s)\n`,
    )
    if (result.passed) rmSync(directory, { recursive: true, force: true })
    else process.stdout.write(`        kept: ${directory}\n`)
  }
  return failed === 0 ? 0 : 1
}

process.exit(await main())
