/** Runs cleanups at every end of the process except SIGKILL, and ends the process on signals. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const cleanups = new Set<() => void>()

/** Runs `work` once: when the process ends, or when the returned function is called. `work` must not throw. */
export function atTheEnd(work: () => void): () => void {
  const once = (): void => {
    process.off('exit', once)
    if (cleanups.delete(once)) work()
  }
  cleanups.add(once)
  process.once('exit', once)
  return once
}

export interface TemporaryDirectory {
  readonly path: string
  remove(): void
}

export function temporaryDirectory(prefix: string): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), prefix))
  return { path, remove: atTheEnd(() => rmSync(path, { recursive: true, force: true })) }
}

/**
 * On a signal: cleans up, then ends the process at once by the same signal.
 *
 * Does not call process.exit(), because that joins the threads of the pool, and one of them may be in an lmdb
 * transaction that waits for this thread.
 * @returns removes the handlers
 */
export function endOnSignals(before: () => void = () => undefined): () => void {
  const handlers = SIGNALS.map((signal) => {
    const handler = (): void => {
      before()
      for (const cleanup of cleanups) cleanup()
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    }
    process.once(signal, handler)
    return () => process.off(signal, handler)
  })
  return () => {
    for (const off of handlers) off()
  }
}

/**
 * The first signal calls `stop`, the second ends the process as endOnSignals() does.
 * @returns removes the handlers
 */
export function stopOnSignals(stop: () => void, beforeEnd: () => void): () => void {
  let release = (): void => {
    for (const signal of SIGNALS) process.off(signal, first)
  }
  const first = (): void => {
    release()
    release = endOnSignals(beforeEnd)
    stop()
  }
  for (const signal of SIGNALS) process.on(signal, first)
  return () => release()
}
