/** The whole corpus through the slow twin. The engine's turn is `npm run oracle`, which .ci/run calls. */
import { describe, expect, test } from 'vitest'
import { compareFile } from './compare-file.js'
import { runTwin } from './meters.js'
import { corpusDirectory, corpusFiles } from './truth.js'

const corpus = corpusDirectory()

describe.skipIf(corpus === null)(
  'corpus (skipped without ../shared/corpus): the twin agrees',
  () => {
    for (const file of corpus === null ? [] : corpusFiles(corpus)) {
      test(file, async () => {
        const { differences } = await compareFile(corpus!, file, runTwin, { communityId: null })
        expect(differences).toEqual([])
      })
    }
  },
)
