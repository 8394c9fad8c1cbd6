/**
 * Builds C++ test tools with the compiler that the addon is built with; what did not change is not compiled again.
 * With AddressSanitizer and UndefinedBehaviorSanitizer: a test that passes has also touched no byte out of bounds.
 * TUNMETER_SANITIZER=thread in the environment: with ThreadSanitizer instead.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, until } from './lab.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const THREADS = process.env.TUNMETER_SANITIZER === 'thread'
const BUILD = `${ROOT}build/test${THREADS ? '-threads' : ''}`
const BUILD_MS_MAX = 180_000

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

function newestMs(paths: readonly string[]): number {
  return Math.max(...paths.map((path) => statSync(path).mtimeMs))
}

/** Headers that any object may depend on. */
function headers(): string[] {
  return readdirSync(`${ROOT}native`, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.h'))
    .map((file) => `${ROOT}native/${file}`)
}

function isNewer(output: string, inputs: readonly string[]): boolean {
  return existsSync(output) && statSync(output).mtimeMs > newestMs(inputs)
}

function objectOf(unit: string): string {
  return `${BUILD}/${relative(ROOT, unit).replaceAll('/', '-')}.o`
}

function compiler(args: readonly string[]) {
  return run(process.env.CXX ?? 'g++', [...FLAGS, ...args], { timeoutMs: BUILD_MS_MAX })
}

async function build(program: string, units: readonly string[]): Promise<void> {
  const stale = units.filter((unit) => !isNewer(objectOf(unit), [unit, ...headers()]))
  const compileAll = async () => {
    for (let unit = stale.pop(); unit !== undefined; unit = stale.pop()) {
      const object = objectOf(unit)
      await compiler([`-I${ROOT}native`, '-c', unit, '-o', `${object}.new`])
      renameSync(`${object}.new`, object)
    }
  }
  await Promise.all([compileAll(), compileAll()])
  const objects = units.map(objectOf)
  await compiler([...objects, '-lz', '-lpcap', '-pthread', '-o', `${program}.new`])
  renameSync(`${program}.new`, program)
}

/** Path of the program made of `units` (absolute paths of .cc files). */
export async function buildTool(name: string, units: readonly string[]): Promise<string> {
  const program = `${BUILD}/${name}`
  const lock = `${BUILD}/lock`
  mkdirSync(BUILD, { recursive: true })
  while (!isNewer(program, [...units, ...headers()])) {
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
