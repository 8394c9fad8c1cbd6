import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Ambiguity, type Comparison, FileComparison, type Helpers } from './compare.js'
import type { Meter } from './meters.js'
import { readTruth, readTruthPackets } from './truth.js'

const AMBIGUOUS: Readonly<Record<string, readonly Ambiguity[]>> = JSON.parse(
  readFileSync(join(import.meta.dirname, 'ambiguous.json'), 'utf8'),
)

/** Replays one file of the corpus through a meter and compares all of it. */
export async function compareFile(
  corpus: string,
  file: string,
  meter: Meter,
  helpers: Helpers,
): Promise<Comparison> {
  const truth = readTruth(corpus, file)
  const packets = readTruthPackets(corpus, truth)
  const run = await meter(join(corpus, 'pcaps', file))
  const ambiguous = AMBIGUOUS[file] ?? []
  const compare = (allowed: readonly Ambiguity[]) =>
    new FileComparison(truth, packets, run, allowed, helpers).compare()
  const result = compare(ambiguous)
  // An excuse that nothing needs would hide the next error.
  for (const one of ambiguous) {
    if (compare(ambiguous.filter((other) => other !== one)).differences.length > 0) continue
    result.differences.push(`ambiguous.json: not needed: ${JSON.stringify(one)}`)
  }
  return result
}
