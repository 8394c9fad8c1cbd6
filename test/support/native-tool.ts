/**
 * Builds a C++ test tool with the compiler that the addon is built with, once per change of its sources.
 * With AddressSanitizer and UndefinedBehaviorSanitizer: a test that passes has also touched no byte out of bounds.
 */
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { run, until } from './lab.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BUILD_MS_MAX = 180_000

const FLAGS = [
  '-std=c++20',
  '-g1',
  '-O1',
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

/** Path of the program made of test/native/NAME.cc and the sources of native/ that match `parts`. */
export async function buildTool(name: string, parts: RegExp): Promise<string> {
  const native = readdirSync(`${ROOT}native`).map((file) => `${ROOT}native/${file}`)
  const units = native.filter((file) => parts.test(file) && file.endsWith('.cc'))
  const inputs = [
    `${ROOT}test/native/${name}.cc`,
    ...native.filter((file) => /\.(cc|h)$/.test(file)),
  ]
  const directory = `${ROOT}build/test`
  const program = `${directory}/${name}`
  const lock = `${program}.lock`
  const isFresh = () => existsSync(program) && statSync(program).mtimeMs > newestMs(inputs)
  mkdirSync(directory, { recursive: true })
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
    const libraries = ['-lz', '-lpcap', '-pthread']
    const sources = [`${ROOT}test/native/${name}.cc`, ...units]
    const output = `${program}.new`
    await run(
      process.env.CXX ?? 'g++',
      [...FLAGS, `-I${ROOT}native`, ...sources, ...libraries, '-o', output],
      { timeoutMs: BUILD_MS_MAX },
    )
    await run('mv', [output, program])
  } finally {
    rmSync(lock)
  }
  return program
}
