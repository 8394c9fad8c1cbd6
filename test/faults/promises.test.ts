/** docs/delivery.md names a test or a scenario for each promise: each is there under that name, and runs. */
import { readFileSync } from 'node:fs'
import { parseSync } from 'vite'
import { expect, test } from 'vitest'
import { ROOT } from '../support/process.js'
import { SCENARIOS } from './scenarios.js'

const page = readFileSync(`${ROOT}docs/delivery.md`, 'utf8')
const promises = page
  .slice(page.indexOf('| promise |'), page.indexOf('## The last long run'))
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .slice(2)
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')))

/** What backs a promise: scenarios by their letter, and test files with parts of names of their tests. */
function backing(text: string) {
  const found = [...text.matchAll(/\(([a-z])\)|([\w/-]+\.(?:test|e2e)\.ts)((?:,? "[^"]+")*)/g)]
  const scenarios = found.flatMap(([, scenario]) => scenario ?? [])
  const tests = found.flatMap(([, , file, names = '']) => {
    if (file === undefined) return []
    const quoted = [...names.matchAll(/"([^"]+)"/g)].map(([, name]) => name!)
    return (quoted.length > 0 ? quoted : ['']).map((name) => ({ file, name }))
  })
  return { scenarios, tests }
}

/** Titles of the tests and groups in a file, with the texts in the rows of `each`; without what is skipped. */
function titlesOf(file: string): string[] {
  return titlesIn(readFileSync(`${ROOT}test/${file}`, 'utf8'), file)
}

function titlesIn(code: string, file: string): string[] {
  const titles: string[] = []
  const visit = (value: unknown, inTitle: boolean): void => {
    if (Array.isArray(value)) for (const one of value) visit(one, inTitle)
    if (typeof value !== 'object' || value === null || !('type' in value)) return
    const { type, ...node } = value as Node
    if (type === 'Literal' && inTitle) titles.push(String(node.value))
    if (type === 'TemplateElement' && inTitle)
      titles.push(String((node.value as { cooked: string }).cooked))
    const called = type === 'CallExpression' ? code.slice(node.callee!.start, node.callee!.end) : ''
    if (/^(test|describe)\.(skip|todo)\b/.test(called)) return
    if (/^(test|describe)\b/.test(called)) visit(node.arguments?.[0], true)
    for (const child of Object.values(node)) visit(child, inTitle)
  }
  const { program, errors } = parseSync(file, code)
  expect(errors).toEqual([])
  visit(program.body, false)
  return titles
}

interface Node {
  readonly type: string
  readonly value?: unknown
  readonly callee?: { readonly start: number; readonly end: number }
  readonly arguments?: readonly unknown[]
}

test('there are promises, and each is backed', () => {
  expect(promises.length).toBeGreaterThan(20)
  for (const [promise, text = ''] of promises) {
    const { scenarios, tests } = backing(text)
    expect(scenarios.length + tests.length, promise).toBeGreaterThan(0)
    // Of a whole file nobody knows which test it is.
    expect(tests.filter(({ name }) => name === '')).toEqual([])
  }
})

test('by scenarios that the fault runner has', () => {
  const known = SCENARIOS.map(({ id }) => id)
  for (const [, text = ''] of promises) {
    for (const scenario of backing(text).scenarios) expect(known).toContain(scenario)
  }
})

test('by tests that run under these names', () => {
  const wanted = promises.flatMap(([, text = '']) => backing(text).tests)
  const titles = new Map(wanted.map(({ file }) => [file, titlesOf(file)]))
  const missing = wanted.filter(
    ({ file, name }) => !titles.get(file)!.some((title) => title.includes(name)),
  )
  expect(missing).toEqual([])
  expect(wanted.length).toBeGreaterThan(20)
})

test('which are not those in comments, in bodies or skipped', () => {
  const code = `
    // test('in a comment')
    describe('a group', () => {
      test.each([['a row']])('a test: %s', () => expect(what('in a body')).toBe(1))
      test.skip('never run', () => undefined)
    })`
  expect(titlesIn(code, 'made-up.ts').sort()).toEqual(['a group', 'a row', 'a test: %s'])
})
