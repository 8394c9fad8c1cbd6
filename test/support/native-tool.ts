/**
 * Builds C++ test tools with the compiler that the addon is built with; what did not change is not compiled again. That
 * goes by content (OUTPUT.key), not by time: files that are moved back, or checked out again, are older or newer.
 * With AddressSanitizer and UndefinedBehaviorSanitizer: a test that passes has also touched no byte out of bounds.
 * TUNMETER_SANITIZER=thread in the environment: with ThreadSanitizer instead.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { fileURLToPath } from 'node:url'
// @ts-expect-error plain JavaScript, shared with scripts/fuzz.mjs, which runs before anything is built.
import { engineSources } from '../../scripts/fuzz/sources.mjs'
import { run, until } from './lab.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const THREADS = process.env.TUNMETER_SANITIZER === 'thread'
const BUILD = `${ROOT}build/test${THREADS ? '-threads' : ''}`
const BUILD_MS_MAX = 180_000
const COMPILER = process.env.CXX ?? 'g++'

const FLAGS = [
  '-std=c++20',
  '-g1',
  '-O0',
  THREADS ? '-fsanitize=thread' : '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
  '-fno-exceptions',
  '-Wall',
  '-Wextra',
  '-Werror',
]

/** Headers that any object may depend on. */
function headers(): string[] {
  return readdirSync(`${ROOT}native`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.h'))
    .sort()
    .map((file) => `${ROOT}native/${file}`)
}

/** Of what an output is made of. */
function keyOf(inputs: readonly string[]): string {
  const hash = createHash('sha256').update([COMPILER, ...FLAGS].join(' '))
  for (const path of inputs) hash.update(`\0${path}\0`).update(readFileSync(path))
  return hash.digest('hex')
}

function isMadeOf(output: string, key: string): boolean {
  const file = `${output}.key`
  return existsSync(output) && existsSync(file) && readFileSync(file, 'utf8') === key
}

/** Compiles or links it; half of one is never found. */
async function make(output: string, key: string, args: readonly string[]): Promise<void> {
  rmSync(`${output}.key`, { force: true })
  const options = { timeoutMs: BUILD_MS_MAX }
  await run(COMPILER, [...FLAGS, ...args, '-o', `${output}.new`], options)
  renameSync(`${output}.new`, output)
  writeFileSync(`${output}.key`, key)
}

/** Compiled together: headers and templates, which take most of the time, are read once. */
async function compile(part: Part, included: readonly string[]): Promise<string> {
  const object = `${BUILD}/${part.name}.o`
  const key = keyOf([...part.units, ...included])
  if (isMadeOf(object, key)) return object
  const together = `${BUILD}/${part.name}.cc`
  writeFileSync(together, part.units.map((unit) => `#include "${unit}"\n`).join(''))
  // A unit's own names are its own, though the compiler does not read it as the main file.
  await make(object, key, ['-Wno-subobject-linkage', `-I${ROOT}native`, '-c', together])
  return object
}

interface Part {
  readonly name: string
  readonly units: readonly string[]
}

/** All of native/ that does not know Node, as two parts of the same size, for two cores; every tool has both. */
function engineParts(): Part[] {
  const inFirst = (unit: string) => /\/native\/(engine|table)\//.test(unit)
  const units = (engineSources() as string[]).sort()
  return [
    { name: 'engine_first', units: units.filter(inFirst) },
    { name: 'engine_second', units: units.filter((unit) => !inFirst(unit)) },
  ]
}

async function build(program: string, key: string, parts: readonly Part[]): Promise<void> {
  const included = headers()
  const objects = await Promise.all(parts.map((part) => compile(part, included)))
  await make(program, key, [...objects, '-lz', '-lpcap', '-pthread'])
}

/** Path of the program made of `units` (absolute paths of .cc files) and of the engine. */
export async function buildTool(name: string, units: readonly string[]): Promise<string> {
  const program = `${BUILD}/${name}`
  const lock = `${BUILD}/lock`
  const parts = [...engineParts(), { name: `${name}_main`, units }]
  const keyNow = () => keyOf([...parts.flatMap((part) => part.units), ...headers()])
  mkdirSync(BUILD, { recursive: true })
  while (!isMadeOf(program, keyNow())) {
    // Test files run beside each other and several may need a tool: one builds, the others wait.
    if (existsSync(lock) && statSync(lock).mtimeMs < Date.now() - BUILD_MS_MAX) {
      rmSync(lock, { force: true })
    }
    try {
      closeSync(openSync(lock, 'wx'))
    } catch {
      await until(`a build of ${name}`, () => !existsSync(lock), BUILD_MS_MAX)
      continue
    }
    try {
      await build(program, keyNow(), parts)
    } finally {
      rmSync(lock, { force: true })
    }
  }
  return program
}
