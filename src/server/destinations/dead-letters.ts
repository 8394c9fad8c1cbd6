/**
 * Events that a receiver refused individually. They can be listed, shown and sent again. A dead letter holds the id of
 * the session, not a copy: a session that is no longer in the log cannot be sent again.
 */
import { endOfArrival } from '../store/store.js'
import { countAttempts } from './counts.js'
import type { Letters } from './delivering.js'
import { type EventBody, filterOfQuery, type Presenter } from './events.js'
import type { Receiver } from './kind.js'
import { type Outcome, settled } from './outcome.js'
import {
  DEAD_LETTERS_MAX,
  type DeadLetter,
  type DestinationRecord,
  type DestinationRecords,
  type DestinationState,
} from './records.js'
import type { RowSource, SentRow } from './rows.js'

interface Parts {
  readonly store: Pick<RowSource, 'lastArrival' | 'arrived'>
  readonly records: DestinationRecords
  readonly clockMs: () => number
  readonly present: Presenter
  readonly presentText: Presenter<string>
  /** @throws AppError SECRETS_LOST */
  readonly receiver: () => Receiver<EventBody>
  readonly change: (work: (state: DestinationState) => DestinationState) => Promise<void>
  readonly signal: AbortSignal
}

interface LetterRead<Body extends EventBody> {
  readonly letter: DeadLetter
  readonly row: SentRow
  readonly event: Body
}

export interface Resent {
  readonly delivered: number
  readonly refused: number
  /** Sessions that are no longer in the log. */
  readonly gone: number
  /** The reason if it stopped before the last dead letter. */
  readonly failed: string | null
}

export class DeadLetters implements Letters {
  readonly #record: DestinationRecord
  readonly #parts: Parts

  constructor(record: DestinationRecord, parts: Parts) {
    this.#record = record
    this.#parts = parts
  }

  all(): Promise<DeadLetter[]> {
    return this.#parts.records.deadLetters(this.#record.id)
  }

  has(letter: Pick<DeadLetter, 'siteId' | 'sessionId'>): Promise<boolean> {
    return this.#parts.records.hasDeadLetter(this.#record.id, letter)
  }

  async put(letter: DeadLetter): Promise<boolean> {
    const { records } = this.#parts
    const { id } = this.#record
    const isFull = (await records.countDeadLetters(id)) >= DEAD_LETTERS_MAX
    if (isFull && !(await this.has(letter))) return false
    await records.putDeadLetter(id, letter)
    return true
  }

  /** Sends each dead letter on its own. */
  async resend(): Promise<Resent> {
    const { records, change, clockMs } = this.#parts
    const { id } = this.#record
    const done = { delivered: 0, refused: 0, gone: 0 }
    const letters = await this.all()
    for (const letter of letters) {
      // Not all at once, because some may be deleted meanwhile.
      const [one] = await this.#read([letter], this.#parts.present)
      if (one === undefined) {
        await records.removeDeadLetter(id, letter)
        done.gone++
        continue
      }
      const outcome = settled(await this.#send(one))
      await change((s) => ({ ...s, ...countAttempts(s, [outcome], clockMs()) }))
      if (outcome.kind === 'delivered') {
        await records.removeDeadLetter(id, letter)
        await change((s) => ({ ...s, delivered: s.delivered + 1 }))
        done.delivered++
      } else if (outcome.kind === 'refused') done.refused++
      else return { ...done, failed: outcome.text }
    }
    return { ...done, failed: null }
  }

  #send({ letter, event, row }: LetterRead<EventBody>): Promise<Outcome> {
    const { receiver, clockMs, signal } = this.#parts
    const { id, orgId } = this.#record
    return receiver().deliver({
      id: `${id}.again-${letter.siteId}-${letter.sessionId}`,
      orgId,
      sinceMs: clockMs(),
      events: [event],
      rows: [row],
      signal,
    })
  }

  /** The events, as JSON, of the dead letters whose sessions are still in the log. */
  read(letters: readonly DeadLetter[]): Promise<LetterRead<string>[]> {
    return this.#read(letters, this.#parts.presentText)
  }

  async #read<Body extends EventBody>(
    letters: readonly DeadLetter[],
    present: Presenter<Body>,
  ): Promise<LetterRead<Body>[]> {
    if (letters.length === 0) return []
    const { store } = this.#parts
    const sessionIds = letters.map(({ sessionId }) => sessionId)
    const { rows } = await store.arrived(this.#record.orgId, {
      filter: { ...filterOfQuery(''), sessionIds },
      after: endOfArrival(-1),
      upTo: endOfArrival(store.lastArrival()),
      limit: 2 * letters.length,
    })
    return letters.flatMap((letter) => {
      const { siteId, sessionId } = letter
      const row = rows.find((r) => r.siteId === siteId && r.sessionId === sessionId)
      if (row === undefined) return []
      const shown = present([row])
      return [{ letter, row: shown.rows[0]!, event: shown.events[0]! }]
    })
  }
}
