/**
 * Sends ended sessions to the server in the form of Newt's own access log: a JSON array, deflated (zlib), as base64.
 * The server derives its session ids from Newt's, so sending a list again changes nothing. No spool is needed, because
 * the user can read the log again to deliver the rest.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { deflate } from 'node:zlib'
import { z } from 'zod'
import { AppError } from '../../base/errors.js'
import { printable } from '../../base/printable.js'
import { parseEnvelope, parseRetryAfter } from '../ship/answer.js'
import { Backoff } from '../ship/backoff.js'
import type { Connection, Site } from '../ship/connection.js'
import { AccessRules } from './access-rules.js'
import type { EndedSession } from './access-sessions.js'

const pack = promisify(deflate)

const receiptSchema = z.object({
  stored: z.int().min(0),
  refused: z.array(z.object({ reason: z.string() })),
  notice: z.string().optional(),
})

export interface SenderEvents {
  /** Called when the server stops answering as expected, and with null when it is back. */
  readonly onAway: (message: string | null) => void
  readonly onRefused: (reason: string) => void
}

export class AccessLogSender {
  readonly #connection: Connection
  readonly #events: SenderEvents
  readonly #backoff = new Backoff()
  readonly #rules = new AccessRules()
  #site: Site | null = null
  #away = false
  stored = 0
  refused = 0
  /** Sessions that the catalog's rules leave out. */
  excluded = 0

  constructor(connection: Connection, events: SenderEvents) {
    this.#connection = connection
    this.#events = events
  }

  get site(): Site | null {
    return this.#site
  }

  /**
   * Tries again until the server has the sessions or `signal` aborts.
   * @returns false if `signal` ended it. @throws AppError NOT_DELIVERED if no further try makes sense
   */
  async send(sessions: readonly EndedSession[], signal: AbortSignal): Promise<boolean> {
    for (;;) {
      const waitMs = await this.#try(sessions)
      if (waitMs === null) return true
      if (signal.aborted) return false
      await sleep(waitMs, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return false
    }
  }

  /** @returns milliseconds to wait before the next try; null if the sessions are delivered */
  async #try(sessions: readonly EndedSession[]): Promise<number | null> {
    if (this.#site === null) {
      const who = await this.#connection.whoAmI()
      if (who.kind === 'denied') throw refusal(who.message)
      if (who.kind === 'away') return this.#waits(who.message, 0)
      this.#site = who.site
    }
    if (!(await this.#rules.refresh(this.#connection, this.#site)))
      return this.#waits('the server gives no catalog', 0)
    const kept = this.#rules.apply(sessions)
    const excluded = sessions.length - kept.length
    if (kept.length === 0) return this.#delivered({ stored: 0, refused: [] }, excluded)
    const compressed = (await pack(JSON.stringify(kept))).toString('base64')
    const answer = await this.#connection.sendAccessLog(this.#site, { compressed })
    if (typeof answer === 'string') return this.#waits(answer, 0)
    const envelope = parseEnvelope(answer.text)
    const said = `HTTP ${answer.status}${envelope?.message ? `: ${envelope.message}` : ''}`
    const isFinal =
      answer.status >= 400 && answer.status < 500 && ![408, 425, 429].includes(answer.status)
    if (isFinal && envelope !== null) throw refusal(said)
    const receipt = receiptSchema.safeParse(envelope?.data)
    if (answer.status !== 200 || !receipt.success)
      return this.#waits(said, parseRetryAfter(answer.retryAfter, Date.now()))
    if (receipt.data.notice !== undefined) throw refusal(printable(receipt.data.notice))
    return this.#delivered(receipt.data, excluded)
  }

  #delivered({ stored, refused }: z.infer<typeof receiptSchema>, excluded: number): null {
    this.#backoff.reset()
    if (this.#away) this.#events.onAway(null)
    this.#away = false
    this.stored += stored
    this.refused += refused.length
    this.excluded += excluded
    for (const { reason } of refused) this.#events.onRefused(printable(reason))
    return null
  }

  #waits(message: string, atLeastMs: number): number {
    if (!this.#away) this.#events.onAway(message)
    this.#away = true
    return Math.max(atLeastMs, this.#backoff.next())
  }
}

function refusal(message: string): AppError {
  return new AppError('NOT_DELIVERED', `the server does not accept the sessions: ${message}`, {
    hint: 'Fix the cause and read the log again: no session is stored twice.',
  })
}
