/**
 * Entries that no request waits for: repeats are counted (audit-repeats.ts), and the rest is written within about a
 * second. What cannot be written is lost, and onFailure() is told.
 */
import type { AuditEvent } from './audit-event.js'
import { type Repeated, Repeats } from './audit-repeats.js'

export const MINUTE_MS = 60_000
const WRITE_AFTER_MS = 1000

export class AuditNotes {
  readonly #write: (all: readonly Repeated[]) => Promise<void>
  readonly #repeats = new Repeats()
  #waiting: Repeated[] = []
  #timer: NodeJS.Timeout | undefined
  #failed: (error: unknown) => void = () => undefined

  constructor(write: (all: readonly Repeated[]) => Promise<void>) {
    this.#write = write
  }

  onFailure(failed: (error: unknown) => void): void {
    this.#failed = failed
  }

  note(event: AuditEvent, windowMs: number): void {
    const first = this.#repeats.take(event, windowMs)
    if (first !== null) this.#waiting.push({ event: first, count: 1, untilMs: first.atMs })
    this.#timer ??= setInterval(() => void this.flush(), WRITE_AFTER_MS).unref()
  }

  /** Takes the waiting entries, for a caller that writes them with its own. */
  take(): Repeated[] {
    return this.#waiting.splice(0)
  }

  /** Writes the waiting entries, and counts whose window is over. */
  async flush(): Promise<void> {
    this.#waiting.push(...this.#repeats.due(Date.now()))
    if (this.#repeats.size === 0) this.#stop()
    await this.#flush()
  }

  /** Writes waiting entries and open counts. */
  async close(): Promise<void> {
    this.#stop()
    this.#waiting.push(...this.#repeats.due(Number.POSITIVE_INFINITY))
    await this.#flush()
  }

  #stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #flush(): Promise<void> {
    if (this.#waiting.length === 0) return
    try {
      await this.#write(this.take())
    } catch (error) {
      this.#failed(error)
    }
  }
}
