/** The examples in docs/destinations.md are destinations as they stand, one of each kind. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { KIND_NAMES, KINDS, secretsOf } from '../../../src/server/destinations/kinds/kinds.js'

interface Example {
  readonly kind: string
  readonly settings: Record<string, unknown>
  readonly secrets?: Record<string, string>
}

const PAGE = readFileSync('docs/destinations.md', 'utf8')
const EXAMPLES = [...PAGE.matchAll(/^```yaml\n# \w+\.yaml\n(.*?)^```/gms)].map(
  ([, text]) => parse(text!) as Example,
)

test('each kind has an example', () => {
  expect(EXAMPLES.map(({ kind }) => kind).sort()).toEqual(KIND_NAMES.toSorted())
})

test.each(EXAMPLES)('the example of $kind is accepted', ({ kind, settings, secrets = {} }) => {
  expect(KINDS[kind]!.settings.safeParse(settings).error).toBeUndefined()
  const known = secretsOf(kind)
  for (const [name, value] of Object.entries(secrets))
    expect([name, known[name]?.schema.safeParse(value).success]).toEqual([name, true])
  for (const [name, { required }] of Object.entries(known))
    if (required) expect(secrets).toHaveProperty(name)
})
