/** docs/design.md, "Where things live": data goes one way, the halves meet in session/, and only cli/ wires. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { LONG } from '../vitest.config.js'

const SRC = fileURLToPath(new URL('../src', import.meta.url))

const DASHBOARD_LAYERS = [
  'dashboard/texts',
  'dashboard/format',
  'dashboard/state',
  'dashboard/api',
] as const

/** Each room may import what stands in its list, and itself. A half's name stands for all rooms of that half. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  session: ['base'],
  'meter/capture': ['base', 'session'],
  'meter/metrics': [],
  'meter/wireguard': ['base', 'session', 'meter/capture'],
  'meter/attribution': ['base', 'session', 'meter/wireguard'],
  'meter/output': ['base', 'session', 'meter/capture'],
  'meter/spool': ['base', 'session'],
  'meter/ship': ['base', 'session', 'meter/spool'],
  'meter/ipfix': ['base', 'session', 'meter/output', 'meter/capture'],
  'meter/run': [
    ...['base', 'session', 'meter/capture', 'meter/wireguard', 'meter/attribution'],
    ...['meter/metrics', 'meter/output', 'meter/ipfix', 'meter/spool', 'meter/ship'],
  ],
  'meter/replay': ['base', 'session', 'meter'],
  'meter/newt': ['base', 'session', 'meter'],
  'server/control': ['base', 'session'],
  'server/log': ['base', 'session'],
  'server/store': ['base', 'session', 'server/control', 'server/log'],
  'server/ingest': ['base', 'session', 'server/store'],
  'server/query': ['base', 'session', 'server/control', 'server/store'],
  'server/export': ['base', 'session', 'server/store', 'server/query'],
  'server/destinations': [...['base', 'session', 'server/control', 'server/store', 'server/query']],
  'server/alerts': [
    ...['base', 'session', 'server/control', 'server/store', 'server/query'],
    'server/destinations',
  ],
  'server/http': ['base', 'session', 'server'],
  'dashboard/texts': ['session'],
  'dashboard/format': ['base', 'session', 'dashboard/texts'],
  'dashboard/state': ['base', 'session', 'dashboard/texts', 'dashboard/format'],
  'dashboard/api': [
    'base',
    'session',
    'server/http',
    'dashboard/texts',
    'dashboard/format',
    'dashboard/state',
  ],
  'dashboard/parts': ['base', 'session', ...DASHBOARD_LAYERS],
  'dashboard/pages': ['base', 'session', ...DASHBOARD_LAYERS, 'dashboard/parts'],
  dashboard: ['dashboard'],
  cli: ['base', 'session', 'meter', 'server'],
  library: ['base', 'session', 'meter'],
  '': ['base', 'cli'],
}

/** meter/capture of src/meter/capture/addon.ts; cli of src/cli/keys.ts. */
function roomOf(path: string): string {
  const folders = dirname(path).split('/')
  if (folders[0] === '.') return ''
  return ['meter', 'server', 'dashboard'].includes(folders[0]!)
    ? folders.slice(0, 2).join('/')
    : folders[0]!
}

function importsOf(file: string): string[] {
  const source = readFileSync(join(SRC, file), 'utf8')
  const imported = source.matchAll(/(?:from|import)\s*\(?\s*'(\.{1,2}\/[^']+)'/g)
  return [...imported].map((match) => normalize(join(dirname(file), match[1]!)))
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((f) =>
  /\.tsx?$/.test(f),
)

/** Every file with the files it imports, as they are on disk. */
const imports = new Map<string, string[]>(
  files.map((file) => [
    file,
    importsOf(file).map(
      (to) => [to, to.replace(/\.js$/, '.ts'), to.replace(/\.js$/, '.tsx')].find(isFile) ?? to,
    ),
  ]),
)

function isFile(path: string): boolean {
  return files.includes(path)
}

function isAllowed(from: string, to: string): boolean {
  const allowed = MAY_IMPORT[from] ?? []
  return from === to || allowed.includes(to) || allowed.includes(to.split('/')[0]!)
}

/** The files of one circle of imports, if there is one. */
function circle(): string[] {
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return []
    for (const to of imports.get(file) ?? []) {
      const found = visit(to, [...path, file])
      if (found.length > 0) return found
    }
    done.add(file)
    return []
  }
  for (const file of files) {
    const found = visit(file, [])
    if (found.length > 0) return found
  }
  return []
}

describe('import direction', () => {
  test('every folder of src is a room that the rule knows', () => {
    const rooms = new Set(files.map(roomOf))
    expect([...rooms].filter((room) => !(room in MAY_IMPORT))).toEqual([])
    expect(Object.keys(MAY_IMPORT).filter((room) => !rooms.has(room))).toEqual([])
  })

  test('a room imports only rooms below it, and the halves meet in session/', () => {
    const wrong = [...imports].flatMap(([from, all]) =>
      all.filter((to) => !isAllowed(roomOf(from), roomOf(to))).map((to) => `${from} -> ${to}`),
    )
    expect(wrong).toEqual([])
  })

  test('a page of the dashboard imports nothing of another page', () => {
    const pageOf = (file: string) => /^dashboard\/pages\/([^/]+)\//.exec(file)?.[1]
    const wrong = [...imports].flatMap(([from, all]) =>
      all
        .filter((to) => pageOf(from) && pageOf(to) && pageOf(from) !== pageOf(to))
        .map((to) => `${from} -> ${to}`),
    )
    expect(wrong).toEqual([])
  })

  test('no file imports itself by way of others', () => {
    expect(circle()).toEqual([])
  })

  test('only store/open.ts names an engine', () => {
    const isEngine = (file: string) => /^server\/store\/(?:duckdb|clickhouse|postgres)\//.test(file)
    const namesEngine = (from: string) =>
      !isEngine(from) && from !== 'server/store/open.ts' && imports.get(from)!.some(isEngine)
    expect(files.filter(namesEngine)).toEqual([])
  })
})

test('every file that is left to the longer tests exists', () => {
  expect(LONG.length).toBeGreaterThan(0)
  expect(LONG.filter((file) => !existsSync(join(SRC, '..', file)))).toEqual([])
})
