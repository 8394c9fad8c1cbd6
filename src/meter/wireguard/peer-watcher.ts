/**
 * Keeps an interface's peers fresh: reads them at once, every few seconds and on demand.
 *
 * Out: `onSnapshot` after every read that worked, in order of time; `onFailure` when reading begins to fail or
 * fails in another way, not at every attempt. Reads never overlap: demands made during a read share the next one.
 */
import { messageOf } from '../../base/errors.js'
import type { PeerSnapshot, WireGuardDevice } from './device.js'
import { readPeers } from './read-peers.js'

export const REFRESH_MS_DEFAULT = 5000
/** A WireGuard that does not answer is waited for no longer; its answer counts when it comes. */
const FIRST_WAIT_MS = 1000

export interface PeerWatcherOptions {
  readonly interfaceName: string
  readonly onSnapshot: (snapshot: PeerSnapshot) => void
  readonly onFailure: (error: unknown) => void
  /** Awaited before each read. */
  readonly beforeRead?: () => Promise<void>
  readonly intervalMs?: number
  /** Ends early when `signal` says so. */
  readonly read?: (interfaceName: string, signal: AbortSignal) => Promise<WireGuardDevice>
}

export class PeerWatcher {
  readonly #options: PeerWatcherOptions & Required<Omit<PeerWatcherOptions, 'beforeRead'>>
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #queued: Promise<void> | undefined
  #lastFailure: string | undefined
  /** Of the read that is under way. */
  #begunMs = 0
  readonly #end = new AbortController()

  constructor(options: PeerWatcherOptions) {
    this.#options = {
      intervalMs: REFRESH_MS_DEFAULT,
      read: readPeers,
      ...options,
    }
  }

  /** Resolves after the first read, whether it worked or not, or when it has been waited for. */
  async start(): Promise<void> {
    await this.refreshWithin(FIRST_WAIT_MS)
    if (this.#end.signal.aborted) return
    this.#timer = setInterval(() => void this.refresh(), this.#options.intervalMs)
    // Watching alone is no reason for a process to stay.
    this.#timer.unref()
  }

  /** A read that began after this call. Never rejects: failures go to `onFailure`. */
  refresh(): Promise<void> {
    if (this.#running === undefined) return this.#begin()
    this.#queued ??= this.#running.then(() => {
      this.#queued = undefined
      return this.#begin()
    })
    return this.#queued
  }

  /** Waits for it so long at most, and not at all for one that has hung so long. @returns whether it was read */
  refreshWithin(waitMs: number): Promise<boolean> {
    if (this.#running !== undefined && performance.now() - this.#begunMs >= waitMs)
      return Promise.resolve(false)
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), waitMs)
      void this.refresh().then(() => {
        clearTimeout(timer)
        resolve(true)
      })
    })
  }

  /** Cuts a read that is under way. */
  stop(): void {
    this.#end.abort()
    clearInterval(this.#timer)
  }

  #begin(): Promise<void> {
    this.#begunMs = performance.now()
    this.#running = this.#read().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #read(): Promise<void> {
    const { signal } = this.#end
    if (signal.aborted) return
    const { beforeRead, interfaceName, onFailure, onSnapshot, read } = this.#options
    try {
      if (beforeRead !== undefined) await beforeRead()
      if (signal.aborted) return
      // Stamped before the read: the state may be newer than its stamp, never older.
      const atMs = performance.now()
      const device = await read(interfaceName, signal)
      if (signal.aborted) return
      this.#lastFailure = undefined
      onSnapshot({ atMs, device })
    } catch (error) {
      const message = messageOf(error)
      if (message !== this.#lastFailure && !signal.aborted) onFailure(error)
      this.#lastFailure = message
    }
  }
}
