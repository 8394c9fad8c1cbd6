/**
 * The needs of a program: its modules from an entry on, and the npm packages that they import, with
 * their dependencies.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

export interface Modules {
  /** Paths below the folder. */
  readonly files: readonly string[]
  /** Names of the npm packages that the files import. */
  readonly packages: readonly string[]
}

const STATIC = /^(?:import|export)\s(?:[^'"]*?\sfrom\s)?\s*['"]([^'"]+)['"]/gm
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g
const REQUIRED =
  /\brequire\(\s*['"]([^'"]+)['"]\s*\)|createRequire\([^)]*\)\(\s*['"]([^'"]+)['"]\s*\)/g

interface Imports {
  readonly now: readonly string[]
  readonly later: readonly string[]
}

function importsOf(folder: string, file: string): Imports {
  const source = readFileSync(join(folder, file), 'utf8')
  const names = (pattern: RegExp) =>
    [...source.matchAll(pattern)].map((found) => resolved(file, (found[1] ?? found[2])!))
  return { now: names(STATIC), later: [...names(DYNAMIC), ...names(REQUIRED)] }
}

/** A path below the folder, or a package's name unchanged. */
function resolved(file: string, name: string): string {
  return name.startsWith('.') ? `./${join(dirname(file), name)}` : name
}

/**
 * Follows imports from `entries`. A module that is loaded on use is left out, with all modules that
 * only it needs, if it cannot work without a file that matches `without`.
 */
export function modulesOf(
  folder: string,
  entries: readonly string[],
  without: RegExp = /$^/,
): Modules {
  const all = new Set<string>()
  const waiting = entries.map((entry) => `./${entry}`)
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (all.has(name) || name.startsWith('node:')) continue
    const needed = atOnce(folder, name)
    if ([...needed].some((file) => without.test(file))) {
      if (entries.includes(name.slice(2))) throw new Error(`${name} cannot do without ${without}`)
      continue
    }
    for (const file of needed) {
      all.add(file)
      if (file.startsWith('./')) waiting.push(...importsOf(folder, file.slice(2)).later)
    }
  }
  const sorted = [...all].filter((name) => !name.startsWith('node:')).sort()
  return {
    files: sorted.filter((name) => name.startsWith('./')).map((name) => name.slice(2)),
    packages: [...new Set(sorted.filter((name) => !name.startsWith('./')).map(packageName))].sort(),
  }
}

/** The declarations that `entry` imports, directly or not. */
export function declarationsOf(folder: string, entry: string): string[] {
  const found = new Set<string>()
  const waiting = [entry]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next)) continue
    found.add(next)
    const source = readFileSync(join(folder, next), 'utf8')
    for (const [, name] of source.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"](\.[^'"]+)\.js['"]/g))
      waiting.push(join(dirname(next), `${name}.d.ts`))
  }
  return [...found].sort()
}

/** The module and all modules that loading it imports. */
function atOnce(folder: string, name: string): Set<string> {
  const found = new Set<string>()
  const waiting = [name]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (found.has(next)) continue
    found.add(next)
    if (next.startsWith('./')) waiting.push(...importsOf(folder, next.slice(2)).now)
  }
  return found
}

/** `@scope/name` of `@scope/name/part`. */
function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/**
 * Folders of the packages and of their dependencies, relative to `root`, as Node finds them from
 * there (`node_modules/a`, `node_modules/a/node_modules/b`). Optional dependencies are not
 * followed, because npm chooses them by machine.
 * @throws when one is not installed
 */
export function packageFolders(root: string, names: readonly string[]): string[] {
  const folders = new Set<string>()
  const visit = (from: string, name: string): void => {
    const folder = findPackage(root, from, name)
    if (folders.has(folder)) return
    folders.add(folder)
    const { dependencies = {}, optionalDependencies = {} } = manifest(join(root, folder))
    for (const next of Object.keys(dependencies)) {
      if (!(next in optionalDependencies)) visit(join(root, folder), next)
    }
  }
  for (const name of names) visit(root, name)
  return [...folders].sort()
}

function findPackage(root: string, from: string, name: string): string {
  for (let folder = from; folder.startsWith(root); folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name)
    if (existsSync(join(path, 'package.json'))) return relative(root, path)
  }
  throw new Error(`${name}, which ${relative(root, from) || 'tunmeter'} needs, is not installed`)
}

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

export function manifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}
