/**
 * A meter as the server sees it: batches under numbers that rise, each kept and sent again until it is acknowledged.
 *
 *   today     sessions of the last hour; each batch says more of the first session of the one before
 *   old       sessions of 40 days ago, which a retention of 30 days deletes
 */
import { gzipSync } from 'node:zlib'
import type { Batch } from '../../src/session/batch.js'
import { runPrefix, sessionId } from '../../src/session/session-id.js'
import { batch, report, session } from '../support/batches.js'
import type { Server } from './processes.js'

export const PACKETS = 10
export const MORE_PACKETS = 11
const AGES_US = { today: 3600e6, old: 40 * 86400e6 }
const REQUEST_MS_MAX = 60_000

interface SenderOptions {
  readonly siteId: number
  readonly age: keyof typeof AGES_US
  readonly sessions: number
}

export class Sender {
  readonly siteId: number
  readonly sessionsABatch: number
  readonly #age: keyof typeof AGES_US
  readonly #run: string
  readonly #startedMs = Date.now()
  /** The last that was acknowledged. */
  acknowledged = 0
  #kept: { readonly batch: Batch; readonly body: Uint8Array<ArrayBuffer> } | null = null

  constructor({ siteId, age, sessions }: SenderOptions) {
    this.siteId = siteId
    this.sessionsABatch = sessions
    this.#age = age
    this.#run = runPrefix(this.#startedMs, new Uint8Array([siteId, 0, 0, 0, 1]))
  }

  /** True while a batch is sent that was not acknowledged. */
  get isSending(): boolean {
    return this.#kept !== null
  }

  idOf(sequence: number): string {
    return sessionId(this.#run, sequence)
  }

  /**
   * @returns whether it was acknowledged; else it is kept and sent next time
   * @throws when the answer is no receipt, and not "later"
   */
  async send(server: Server): Promise<boolean> {
    this.#kept ??= this.#next()
    const { batch: sent, body } = this.#kept
    const path = `/site/${this.siteId}/sessions`
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    const answer = await server.ask('POST', path, body, { headers, limitMs: REQUEST_MS_MAX })
    if (answer === null || answer.status === 503) return false
    const receipt = JSON.parse(answer.text) as { data: { stored: number; refused: unknown[] } }
    if (answer.status !== 200 || receipt.data.stored !== sent.sessions.length)
      throw new Error(`site ${this.siteId}, batch ${sent.batch}: ${answer.text.slice(0, 500)}`)
    this.acknowledged = sent.batch
    this.#kept = null
    return true
  }

  /** Packets of a session by its place; undefined: it was not acknowledged, or says less or more. */
  packetsWanted(sequence: number): readonly number[] {
    const number = Math.floor(sequence / this.sessionsABatch)
    const isFirst = this.#age === 'today' && sequence % this.sessionsABatch === 0
    if (!isFirst) return [PACKETS]
    return number < this.acknowledged ? [MORE_PACKETS] : [PACKETS, MORE_PACKETS]
  }

  #next() {
    const number = this.acknowledged + 1
    const make = (sequence: number, packetsTx: number) => {
      const startTimeUs = this.#startedMs * 1e3 - AGES_US[this.#age] + sequence
      const times = { startTimeUs, endTimeUs: startTimeUs + 1e6 }
      return session(sequence, { sessionId: this.idOf(sequence), ...times, packetsTx })
    }
    const first = number * this.sessionsABatch
    const sessions = Array.from({ length: this.sessionsABatch }, (_, i) => make(first + i, PACKETS))
    if (this.#age === 'today' && number > 1)
      sessions.push(make(first - this.sessionsABatch, MORE_PACKETS))
    const startedAt = new Date(this.#startedMs).toISOString()
    const made = batch(number, sessions, {
      meterId: `meter-${this.siteId}`,
      spoolId: `spool-${this.siteId}`,
      report: report({ startedAt }),
    })
    return { batch: made, body: new Uint8Array(gzipSync(JSON.stringify(made), { level: 1 })) }
  }
}
