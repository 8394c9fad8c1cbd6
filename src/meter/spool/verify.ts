/**
 * Reads everything in a spool's data file, in a process of its own (verify-child.ts): LMDB does not check pages, and
 * a damaged one can crash the process that reads it.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { bodyMatches, parseEntry } from './format.js'
import { openStoreFile } from './store-file.js'

export interface Verification {
  /** Numbers of batches whose entry or body is missing or damaged. */
  readonly bad: readonly number[]
}

/** `unknown`: the check itself failed (no process, no access, timeout); opening the file reports the cause. */
export type Outcome = Verification | 'damaged' | 'unknown'

/** The child sends exactly one; it sends none when a damaged file crashed it. */
export type ChildMessage = Verification | { readonly error: string }

export async function verifyStore(directory: string, mapBytes: number): Promise<Verification> {
  const store = openStoreFile(directory, mapBytes)
  const bad = new Set<number>()
  const seen = new Set<number>()
  for (const table of [store.batches, store.quarantine]) {
    for (const key of table.getKeys()) {
      seen.add(key)
      const entry = readOrNull(() => parseEntry(table.get(key)))
      if (
        entry === null ||
        !bodyMatches(entry, readOrNull(() => store.bodies.get(key)) ?? undefined)
      )
        bad.add(key)
    }
  }
  for (const key of store.bodies.getKeys()) if (!seen.has(key)) bad.add(key)
  for (const key of store.gaps.getKeys()) store.gaps.get(key)
  for (const key of store.meta.getKeys()) store.meta.get(key)
  await store.close()
  return { bad: [...bad].sort((a, b) => a - b) }
}

function readOrNull<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}

const VERIFY_TIMEOUT_MS = 300_000
/** Lack of access, space or memory is not damage: the file must stay in place. */
const NOT_DAMAGE = /permission|denied|read-only|space|memory|not permitted|too many/i

export function isDamage(message: string): boolean {
  return !NOT_DAMAGE.test(message)
}

export function verifyInChild(directory: string, mapBytes: number): Promise<Outcome> {
  // In tests this module runs from source, so the child must as well.
  const fromSource = import.meta.url.endsWith('.ts')
  const script = new URL(`./verify-child.${fromSource ? 'ts' : 'js'}`, import.meta.url)
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(script), [directory, String(mapBytes)], {
      execArgv: fromSource ? ['--import', 'tsx'] : [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    let said: ChildMessage | null = null
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill('SIGKILL')
    }, VERIFY_TIMEOUT_MS)
    child.on('message', (message) => {
      said = message as ChildMessage
    })
    child.on('error', () => resolve('unknown'))
    child.on('close', () => {
      clearTimeout(timer)
      resolve(late ? 'unknown' : outcomeOf(said))
    })
  })
}

function outcomeOf(said: ChildMessage | null): Outcome {
  if (said === null) return 'damaged'
  if ('bad' in said) return said
  return isDamage(said.error) ? 'damaged' : 'unknown'
}
