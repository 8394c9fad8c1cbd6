/**
 * Builds a C++ test tool with the compiler that the addon is built with, once per change of its sources.
 * With AddressSanitizer and UndefinedBehaviorSanitizer: a test that passes has also touched no byte out of bounds.
 */
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, until } from './lab.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BUILD_MS_MAX = 180_000

const FLAGS = [
  '-std=c++20',
  '-g1',
  '-O0',
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
  '-fno-exceptions',
  '-Wall',
  '-Wextra',
  '-Werror',
]

function newestMs(paths: readonly string[]): number {
  return Math.max(...paths.map((path) => statSync(path).mtimeMs))
}

/** All files below native/ that a build can depend on. */
function nativeFiles(): string[] {
  return readdirSync(`${ROOT}native`, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(cc|h)$/.test(file))
    .map((file) => `${ROOT}native/${file}`)
}

/** Path of the program made of `units` (absolute paths of .cc files). */
export async function buildTool(name: string, units: readonly string[]): Promise<string> {
  const program = `${ROOT}build/test/${name}`
  const lock = `${program}.lock`
  const inputs = [...units, ...nativeFiles()]
  const isFresh = () => existsSync(program) && statSync(program).mtimeMs > newestMs(inputs)
  mkdirSync(dirname(program), { recursive: true })
  if (isFresh()) return program

  // Test files run beside each other and several may need the tool: one builds, the others wait.
  if (existsSync(lock) && statSync(lock).mtimeMs < Date.now() - BUILD_MS_MAX) rmSync(lock)
  try {
    closeSync(openSync(lock, 'wx'))
  } catch {
    await until(`${name} to be built`, () => !existsSync(lock), BUILD_MS_MAX)
    return program
  }
  try {
    const output = `${program}.new`
    await run(
      process.env.CXX ?? 'g++',
      [...FLAGS, `-I${ROOT}native`, ...units, '-lz', '-lpcap', '-pthread', '-o', output],
      { timeoutMs: BUILD_MS_MAX },
    )
    await run('mv', [output, program])
  } finally {
    rmSync(lock)
  }
  return program
}
