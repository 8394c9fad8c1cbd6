/** design.md section 7: data goes one way, and only commands/ wires. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const SRC = fileURLToPath(new URL('../src', import.meta.url))

/** Each stage may import types and values from what stands in its list, from itself, and from the root files. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  session: [],
  capture: ['session'],
  wireguard: ['session'],
  attribution: ['session', 'wireguard'],
  output: ['session', 'capture'],
  spool: ['session'],
  ship: ['session', 'spool'],
  store: ['session'],
  ingest: ['session', 'store'],
  query: ['session', 'store'],
  export: ['session', 'store', 'query'],
  server: ['session', 'store', 'ingest', 'query', 'export'],
  dashboard: ['session', 'query', 'server'],
}

interface Import {
  readonly from: string
  readonly to: string
}

function stageOf(path: string): string {
  const [first = '', ...rest] = path.split('/')
  return rest.length === 0 ? '' : first
}

function importsOf(file: string): Import[] {
  const source = readFileSync(join(SRC, file), 'utf8')
  return [...source.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)].map((match) => ({
    from: file,
    to: normalize(join(dirname(file), match[1]!)),
  }))
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((f) =>
  /\.tsx?$/.test(f),
)
const imports = files.flatMap(importsOf)

describe('import direction', () => {
  test('every folder of src is a stage that the rule knows', () => {
    const stages = new Set(files.map(stageOf).filter((s) => s !== '' && s !== 'commands'))
    expect([...stages].filter((s) => !(s in MAY_IMPORT))).toEqual([])
  })

  test('a stage imports only stages before it', () => {
    const wrong = imports.filter(({ from, to }) => {
      const [a, b] = [stageOf(from), stageOf(to)]
      if (a === '' || a === 'commands' || b === '' || a === b) return false
      return !MAY_IMPORT[a]?.includes(b)
    })
    expect(wrong).toEqual([])
  })

  test('only cli.ts imports commands, and the root files import no stage', () => {
    const wrong = imports.filter(({ from, to }) => {
      const b = stageOf(to)
      if (b === 'commands') return stageOf(from) !== 'commands' && from !== 'cli.ts'
      return stageOf(from) === '' && b !== ''
    })
    expect(wrong).toEqual([])
  })
})
