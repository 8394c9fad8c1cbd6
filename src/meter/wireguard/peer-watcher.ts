/**
 * Reads an interface's peers at once, every few seconds and on demand.
 *
 * Calls `onSnapshot` after every read that worked, in order of time. Calls `onFailure` when reading begins to fail or
 * fails with another message, not at every attempt. Reads never overlap: requests made during a read share the next one.
 */
import { messageOf } from '../../base/errors.js'
import type { PeerSnapshot, WireGuardDevice } from './device.js'
import { readPeers } from './read-peers.js'

export const REFRESH_MS_DEFAULT = 5000
/** start() waits no longer than this for WireGuard's first answer. A later answer still counts. */
const FIRST_WAIT_MS = 1000

export interface PeerWatcherOptions {
  readonly interfaceName: string
  readonly onSnapshot: (snapshot: PeerSnapshot) => void
  readonly onFailure: (error: unknown) => void
  /** Must resolve before each read begins. */
  readonly beforeRead?: () => Promise<void>
  readonly intervalMs?: number
  /** Must end early if `signal` aborts. */
  readonly read?: (interfaceName: string, signal: AbortSignal) => Promise<WireGuardDevice>
}

export class PeerWatcher {
  readonly #options: PeerWatcherOptions & Required<Omit<PeerWatcherOptions, 'beforeRead'>>
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #queued: Promise<void> | undefined
  #lastFailure: string | undefined
  /** Start of the present read. */
  #begunMs = 0
  readonly #end = new AbortController()

  constructor(options: PeerWatcherOptions) {
    this.#options = {
      intervalMs: REFRESH_MS_DEFAULT,
      read: readPeers,
      ...options,
    }
  }

  /** Resolves after the first read, whether it worked or not, but after FIRST_WAIT_MS at the latest. */
  async start(): Promise<void> {
    await this.refreshWithin(FIRST_WAIT_MS)
    if (this.#end.signal.aborted) return
    this.#timer = setInterval(() => void this.refresh(), this.#options.intervalMs)
    // Watching alone must not keep the process alive.
    this.#timer.unref()
  }

  /** Resolves after a read that began after this call. Never rejects: failures go to `onFailure`. */
  refresh(): Promise<void> {
    if (this.#running === undefined) return this.#begin()
    this.#queued ??= this.#running.then(() => {
      this.#queued = undefined
      return this.#begin()
    })
    return this.#queued
  }

  /** Waits at most `waitMs` for refresh(), or not at all if a read has hung that long. @returns whether a read ended */
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

  /** Also aborts the present read. */
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
      // Take the time before the read, so that the state may be newer than its time but never older.
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
