/** Ended sessions as IPFIX messages to one place. Open ones are left out: a collector would add their counters up. */
import { isOpen } from '../../session/session.js'
import { type IpfixFacts, recordMessages } from './encode.js'
import type { IpfixStream } from './stream.js'

/** So many sessions are held before they are written. */
const HELD_MAX = 1_000

export class IpfixExporter {
  readonly #stream: IpfixStream
  #held: IpfixFacts[] = []
  #written = 0
  #closed = false

  constructor(stream: IpfixStream) {
    this.#stream = stream
  }

  get written(): number {
    return this.#written
  }

  add(session: IpfixFacts): void {
    if (!isOpen(session)) this.#held.push(session)
  }

  /** Writes when there is enough. @throws AppError OUTPUT_FAILED */
  async ready(): Promise<void> {
    if (this.#held.length >= HELD_MAX) await this.flush()
  }

  async flush(): Promise<void> {
    const sessions = this.#held
    this.#held = []
    for (const message of recordMessages(sessions, this.#stream.messageBytesMax))
      await this.#stream.write(message)
    this.#written += sessions.length
  }

  /** Once; what is held and not flushed is left. @throws AppError OUTPUT_FAILED */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#stream.close()
  }
}
