// The C++ files of a program without Node: all files of native/ that do not include Node, and for
// fuzzing native/fuzz/.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const NATIVE = resolve(dirname(fileURLToPath(import.meta.url)), '../../native')
const NODE_HEADER = /#include <(napi|node_api|js_native_api|uv)\.h>/

/** True when a file, or a header of native/ that it includes, includes a header of Node. */
function knowsNode(file, seen = new Set()) {
  if (seen.has(file) || !existsSync(join(NATIVE, file))) return false
  seen.add(file)
  const text = readFileSync(join(NATIVE, file), 'utf8')
  if (NODE_HEADER.test(text)) return true
  return [...text.matchAll(/#include "([^"]+)"/g)].some(([, header]) => knowsNode(header, seen))
}

/** Absolute paths of the files that do not include Node. */
export function engineSources() {
  return readdirSync(NATIVE, { recursive: true })
    .filter((file) => file.endsWith('.cc') && !file.startsWith('fuzz/') && !knowsNode(file))
    .map((file) => join(NATIVE, file))
}

/** Absolute paths of the targets and `main`, the file of native/fuzz/ that holds the entry point. */
export function targetSources(main) {
  const mains = ['fuzz_libfuzzer.cc', 'fuzz_replay.cc']
  return readdirSync(join(NATIVE, 'fuzz'))
    .filter((file) => file.endsWith('.cc') && (file === main || !mains.includes(file)))
    .map((file) => join(NATIVE, 'fuzz', file))
}

/** Absolute paths of a whole program. */
export function fuzzSources(main) {
  return [...engineSources(), ...targetSources(main)]
}

/** Includes in native/ are relative to native/. */
export const INCLUDES = [`-I${NATIVE}`]
export const LIBRARIES = ['-lz', '-lpcap', '-pthread']
