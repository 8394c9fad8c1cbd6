/**
 * The oracle: replays captures whose truth was made by others and compares to the last packet, byte and microsecond.
 *
 *     npm run oracle                every file of ../shared/corpus (or TUNMETER_CORPUS): twin, engine, engine with a reader ahead
 *     npm run oracle -- FILE...     only these files
 *     npm run oracle -- --tshark PATH...   any captures: truth is what tshark makes of them now (tshark-truth.ts)
 *
 * One line a file and meter; exit 1 on any difference. What is ambiguous is listed in ambiguous.json with its reason.
 */
import { parseArgs } from 'node:util'
import { communityId } from '../../src/session/community-id.js'
import { type Comparison, FileComparison } from './compare.js'
import { compareFile } from './compare-file.js'
import { runEngine, runEngineAhead } from './engine-meter.js'
import { type Meter, runTwin } from './meters.js'
import { corpusDirectory, corpusFiles } from './truth.js'
import { tsharkTruth } from './tshark-truth.js'

const DIFFERENCES_SHOWN = 20

async function compareAll(
  name: string,
  files: readonly string[],
  compare: (file: string) => Promise<Comparison>,
) {
  const total = { equal: 0, conversations: 0, sessions: 0, skipped: 0, states: 0, ids: 0 }
  for (const file of files) {
    const result = await compare(file)
    const { conversations, sessions, skipped, connStates, communityIds, differences } = result
    const verdict = differences.length === 0 ? 'equal' : `${differences.length} DIFFERENCES`
    console.log(
      `${name} ${file}: ${conversations} conversations, ${sessions} sessions, ` +
        `${connStates} conn_states, ${communityIds} community ids, ${skipped} skipped: ${verdict}`,
    )
    for (const difference of differences.slice(0, DIFFERENCES_SHOWN))
      console.log(`    ${difference}`)
    if (differences.length === 0) total.equal++
    total.conversations += conversations
    total.sessions += sessions
    total.skipped += skipped
    total.states += connStates
    total.ids += communityIds
  }
  console.log(
    `oracle (${name}): ${total.equal} of ${files.length} files equal, ${total.conversations} conversations, ` +
      `${total.sessions} sessions, ${total.states} conn_states, ${total.ids} community ids, ${total.skipped} comparisons skipped as ambiguous`,
  )
  return total.equal === files.length
}

const truths = new Map<string, ReturnType<typeof tsharkTruth>>()

async function compareWithTshark(path: string, meter: Meter): Promise<Comparison> {
  const known = truths.get(path) ?? tsharkTruth(path)
  truths.set(path, known)
  const { truth, packets } = known
  return new FileComparison(truth, packets, await meter(path), [], { communityId }).compare()
}

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { tshark: { type: 'boolean', default: false } },
  })
  const corpus = corpusDirectory()
  if (corpus === null && !values.tshark) {
    console.log('oracle: no corpus (../shared/corpus, or TUNMETER_CORPUS): nothing to compare')
    return 1
  }
  const files = positionals.length > 0 || corpus === null ? positionals : corpusFiles(corpus)
  const compare = (meter: Meter) => (file: string) =>
    values.tshark || corpus === null
      ? compareWithTshark(file, meter)
      : compareFile(corpus, file, meter, { communityId })
  const twin = await compareAll('twin', files, compare(runTwin))
  const engine = await compareAll('engine', files, compare(runEngine))
  const ahead = await compareAll('engine, reader ahead', files, compare(runEngineAhead))
  return twin && engine && ahead ? 0 : 1
}

process.exitCode = await main()
