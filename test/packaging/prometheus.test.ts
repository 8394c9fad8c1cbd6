/** Alerts ask for figures that are there: a name that no program has would never fire. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const RULES = readFileSync('packaging/prometheus/tunmeter.rules.yml', 'utf8')
const EXPRESSIONS = [...RULES.matchAll(/^\s+expr: (.*)$/gm)].map(([, text]) => text!)
const SOURCES = ['src/meter', 'src/server']
  .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => `${folder}/${name}`))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n')

test('each name in an alert is one of a program, and in the list of what there is', () => {
  const listed = readFileSync('docs/operations.md', 'utf8')
  const names = new Set(EXPRESSIONS.flatMap((text) => text.match(/tunmeter_\w+/g) ?? []))
  expect(names.size).toBeGreaterThan(10)
  for (const name of names) {
    expect([name, SOURCES.includes(`'${name}'`) || SOURCES.includes(`TYPE ${name} `)]).toEqual([
      name,
      true,
    ])
    expect([name, listed.includes(name)]).toEqual([name, true])
  }
})
