/** Runs what must be done at every end of the process except SIGKILL, and ends it by a signal. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const cleanups = new Set<() => void>()

/** Runs `work` when the process ends; the returned function runs it now, and not again. Must not throw. */
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
 * A signal cleans up and ends the process at once, as that signal does.
 *
 * Not by process.exit(): it joins the threads of the pool, and one of them may be in a transaction of lmdb that waits
 * for this thread.
 * @returns takes that back
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
 * The first signal asks the work to stop, the second ends the process as endOnSignals() does.
 * @returns takes that back
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
