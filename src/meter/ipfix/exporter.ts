/** Sends ended sessions as IPFIX messages. Open sessions are left out, because a collector would add up their counters. */
import { isOpen } from '../../session/session.js'
import { type IpfixFacts, recordMessages } from './encode.js'
import type { IpfixStream } from './stream.js'

/** ready() writes when at least this many sessions are held. */
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

  /** Writes the held sessions if there are at least HELD_MAX. @throws AppError OUTPUT_FAILED */
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

  /** Call flush() first: held sessions are not written. A second call does nothing. @throws AppError OUTPUT_FAILED */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#stream.close()
  }
}
