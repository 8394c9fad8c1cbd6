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
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
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

function objectOf(unit: string): string {
  return `${BUILD}/${relative(ROOT, unit).replaceAll('/', '-')}.o`
}

async function build(program: string, units: readonly string[]): Promise<void> {
  const included = headers()
  const waiting = [...units]
  const compileAll = async () => {
    for (let unit = waiting.pop(); unit !== undefined; unit = waiting.pop()) {
      const [object, key] = [objectOf(unit), keyOf([unit, ...included])]
      if (!isMadeOf(object, key)) await make(object, key, [`-I${ROOT}native`, '-c', unit])
    }
  }
  await Promise.all([compileAll(), compileAll()])
  const libraries = ['-lz', '-lpcap', '-pthread']
  await make(program, keyOf([...units, ...included]), [...units.map(objectOf), ...libraries])
}

/** Path of the program made of `units` (absolute paths of .cc files). */
export async function buildTool(name: string, units: readonly string[]): Promise<string> {
  const program = `${BUILD}/${name}`
  const lock = `${BUILD}/lock`
  mkdirSync(BUILD, { recursive: true })
  while (!isMadeOf(program, keyOf([...units, ...headers()]))) {
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
      await build(program, units)
    } finally {
      rmSync(lock, { force: true })
    }
  }
  return program
}
