/**
 * The oracle: replays captures whose truth was made by others and compares to the last packet, byte and microsecond.
 *
 *     npm run oracle                      every file of ../shared/corpus (or TUNMETER_CORPUS), through the engine
 *     npm run oracle -- --twin [FILE...]  through the slow twin; only these files
 *
 * One line a file; exit 1 on any difference. What is ambiguous is listed in ambiguous.json with its reason.
 */
import { parseArgs } from 'node:util'
import { compareFile } from './compare-file.js'
import { runTwin } from './meters.js'
import { corpusDirectory, corpusFiles } from './truth.js'

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { twin: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const corpus = corpusDirectory()
  if (corpus === null) {
    console.log('oracle: no corpus (../shared/corpus, or TUNMETER_CORPUS): nothing to compare')
    return 1
  }
  const total = { files: 0, equal: 0, conversations: 0, sessions: 0, skipped: 0, states: 0, ids: 0 }
  for (const file of positionals.length > 0 ? positionals : corpusFiles(corpus)) {
    const result = await compareFile(corpus, file, runTwin, { communityId: null })
    const { conversations, sessions, skipped, connStates, communityIds, differences } = result
    const verdict = differences.length === 0 ? 'equal' : `${differences.length} DIFFERENCES`
    console.log(
      `${file}: ${conversations} conversations, ${sessions} sessions, ${connStates} conn_states, ` +
        `${communityIds} community ids, ${skipped} skipped: ${verdict}`,
    )
    for (const difference of differences.slice(0, 20)) console.log(`    ${difference}`)
    total.files++
    if (differences.length === 0) total.equal++
    total.conversations += conversations
    total.sessions += sessions
    total.skipped += skipped
    total.states += connStates
    total.ids += communityIds
  }
  console.log(
    `oracle (${values.twin ? 'twin' : 'engine'}): ${total.equal} of ${total.files} files equal, ` +
      `${total.conversations} conversations, ${total.sessions} sessions, ${total.states} conn_states, ` +
      `${total.ids} community ids, ${total.skipped} comparisons skipped as ambiguous`,
  )
  return total.equal === total.files ? 0 : 1
}

process.exitCode = await main()
