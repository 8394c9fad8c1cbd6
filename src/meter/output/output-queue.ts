/**
 * The queue of a local output: collects sessions into pieces and writes one piece after the other.
 *
 * add() never waits. A failed write is tried again every second while sessions wait in memory. Beyond `heldBytesMax`
 * the oldest waiting piece is dropped and counted. Limit: a kill loses the sessions of the last FLUSH_MS, or all that
 * wait while the output cannot be written.
 */
import { AppError, messageOf } from '../../base/errors.js'
import type { Session } from '../../session/session.js'

const FLUSH_MS = 1_000
const RETRY_MS = 1_000
const PIECE_BYTES = 256 * 1024
const HELD_BYTES_MAX = 64 * 1024 * 1024

/** Encodes sessions. */
export interface SessionFormat {
  add(session: Session): void
  readonly length: number
  take(): Uint8Array
}

export interface OutputTarget {
  /**
   * Resolves when the bytes are written. After a failure the queue calls it again with the same bytes, except after an
   * AppError OUTPUT_CLOSED, which ends the output.
   */
  write(bytes: Uint8Array, sessions: number): Promise<void>
  /** The target needs a write() with no bytes, even when no sessions wait. */
  readonly isDue: boolean
  close(): Promise<void>
}

export interface OutputCounters {
  readonly up: boolean
  /** Sessions written; where open sessions are written too, their interim reports count. */
  readonly written: number
  readonly dropped: number
  readonly held: number
  readonly failures: number
}

export interface OutputQueueOptions {
  readonly format: SessionFormat
  readonly target: OutputTarget
  /** Called when the message changes, not for each try; null when writing works again. */
  readonly onTrouble: (message: string | null) => void
  readonly onDropped: (sessions: number, why: string) => void
  /** The target has ended for good (OUTPUT_CLOSED). */
  readonly onClosed: (error: AppError) => void
  readonly heldBytesMax?: number
  readonly retryMs?: number
}

interface Piece {
  readonly bytes: Uint8Array
  readonly sessions: number
}

export class OutputQueue {
  readonly #options: OutputQueueOptions
  readonly #heldBytesMax: number
  #pieces: Piece[] = []
  #heldBytes = 0
  /** Sessions in the format that are in no piece yet. */
  #open = 0
  #writing: Promise<void> | null = null
  #timer: NodeJS.Timeout | null = null
  #wake: (() => void) | null = null
  #trouble: string | null = null
  #closed = false
  #giveUp = false
  #written = 0
  #dropped = 0
  #failures = 0

  constructor(options: OutputQueueOptions) {
    this.#options = options
    this.#heldBytesMax = options.heldBytesMax ?? HELD_BYTES_MAX
  }

  add(session: Session): void {
    if (this.#closed) {
      this.#drop(1, 'closed')
      return
    }
    this.#options.format.add(session)
    this.#open++
    if (this.#options.format.length >= PIECE_BYTES) this.cut()
    else this.#timer ??= setTimeout(() => this.cut(), FLUSH_MS)
  }

  /** Makes a piece of the collected sessions and starts writing. */
  cut(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#open > 0) {
      const piece = { bytes: this.#options.format.take(), sessions: this.#open }
      this.#open = 0
      this.#pieces.push(piece)
      this.#heldBytes += piece.bytes.length
    } else if (this.#pieces.length === 0 && this.#options.target.isDue && !this.#closed) {
      this.#pieces.push({ bytes: new Uint8Array(0), sessions: 0 })
    }
    // Index 0 is being written, so the oldest piece that may be dropped is index 1.
    while (this.#heldBytes > this.#heldBytesMax && this.#pieces.length > 1) this.#lose(1, 'full')
    if (this.#pieces.length === 0) return
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null
    })
  }

  /** Resolves when every session is written; after `givingUp` the rest counts as dropped. */
  async end(givingUp: AbortSignal): Promise<void> {
    this.cut()
    const aborted = new Promise<void>((resolve) => {
      const giveUp = (): void => {
        this.#giveUp = true
        this.#wake?.()
        resolve()
      }
      if (givingUp.aborted) giveUp()
      else givingUp.addEventListener('abort', giveUp, { once: true })
    })
    // Giving up allows one more try of bounded time, because a reader that has stalled may never read.
    const written = this.#writing
    if (written !== null) await Promise.race([written, aborted.then(() => this.#lastTry())])
    while (this.#pieces.length > 0) this.#lose(0, 'ended')
    this.#closed = true
    await this.#options.target.close()
  }

  get isWriting(): boolean {
    return this.#writing !== null
  }

  counters(): OutputCounters {
    return {
      up: this.#trouble === null && !this.#closed,
      written: this.#written,
      dropped: this.#dropped,
      held: this.#open + this.#pieces.reduce((sum, piece) => sum + piece.sessions, 0),
      failures: this.#failures,
    }
  }

  async #lastTry(): Promise<void> {
    const timer = new Promise((resolve) => setTimeout(resolve, this.#options.retryMs ?? RETRY_MS))
    await Promise.race([this.#writing, timer])
  }

  async #write(): Promise<void> {
    while (this.#pieces.length > 0) {
      const { bytes, sessions } = this.#pieces[0]!
      try {
        await this.#options.target.write(bytes, sessions)
      } catch (error) {
        if (this.#closed) return
        this.#failures++
        if (error instanceof AppError && error.code === 'OUTPUT_CLOSED') {
          this.#close(error)
          return
        }
        this.#troubled(messageOf(error))
        if (this.#giveUp) return
        await this.#pause()
        continue
      }
      // end() has already counted this piece as dropped.
      if (this.#closed) return
      this.#troubled(null)
      this.#written += sessions
      this.#heldBytes -= bytes.length
      this.#pieces.shift()
    }
  }

  #close(error: AppError): void {
    this.#closed = true
    this.#trouble = error.message
    while (this.#pieces.length > 0) this.#lose(0, 'closed')
    if (this.#open > 0) {
      this.#options.format.take()
      this.#drop(this.#open, 'closed')
      this.#open = 0
    }
    this.#options.onClosed(error)
  }

  #troubled(message: string | null): void {
    if (message === this.#trouble) return
    this.#trouble = message
    this.#options.onTrouble(message)
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#options.retryMs ?? RETRY_MS)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #lose(index: number, why: string): void {
    const [piece] = this.#pieces.splice(index, 1)
    this.#heldBytes -= piece!.bytes.length
    this.#drop(piece!.sessions, why)
  }

  #drop(sessions: number, why: string): void {
    if (sessions === 0) return
    this.#dropped += sessions
    this.#options.onDropped(sessions, why)
  }
}
