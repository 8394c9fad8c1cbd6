/**
 * Turns an attributed record into a session, a part of an hour's sum, or a count, as the rules say. In: all records of
 * one observation point, in order. Out: sessions and sums, through `emit`; `excluded` counts the rest.
 *
 * A session with a level below `full` is counted once, when it ends; its interim records are ignored. A session keeps the
 * level of its first record even if its attribution changes, because its stored part would otherwise be counted again.
 *
 *   packets of all ended sessions  =  packets of emitted sessions  +  packets of sums  +  excluded packets
 *
 * Bound: DECIDED_MAX sessions that may be reported again are remembered (open, or closed early). Above it, the session
 * reported longest ago is forgotten; its next record is decided and counted anew.
 */
import type { LogLevel } from '../../session/log-rule.js'
import { makeSession } from '../../session/make-session.js'
import { type Attribution, type FlowRecord, isOpen, type Session } from '../../session/session.js'
import { SUMMED_FIELDS } from '../../session/session-table.js'
import type { Collected } from './attributor.js'
import { hasFields, hideFields } from './hide-fields.js'
import { type Amounts, type HourlySum, HourlySums } from './hourly-sums.js'

const DECIDED_MAX = 65_536

interface Decided {
  readonly log: LogLevel
  /** The amounts counted already, and the sum that has them. */
  readonly counted: Amounts | null
  readonly sum: HourlySum | null
}

export interface CollectorOptions {
  /** Prefix of the ids of sessions and sums. */
  readonly prefix: string
  readonly emit: (session: Session) => void
  /** Microseconds added to all times. */
  readonly shiftUs?: number
  /** Closed TCP sessions may be reported once more (`earlyReport`). */
  readonly earlyReport: boolean
  readonly decidedMax?: number
}

export class Collector {
  readonly #options: CollectorOptions
  readonly #sums: HourlySums
  readonly #decided = new Map<number, Decided>()
  #excludedPackets = 0
  #excludedBytes = 0

  constructor(options: CollectorOptions) {
    this.#options = options
    this.#sums = new HourlySums(options.prefix, options.emit)
  }

  /** Traffic of ended sessions that are neither emitted nor summed. */
  get excluded(): { readonly packets: number; readonly bytes: number } {
    return { packets: this.#excludedPackets, bytes: this.#excludedBytes }
  }

  /** @param rule null if there are no rules */
  take(record: FlowRecord, who: Attribution, rule: Collected | null): void {
    const { prefix, emit, shiftUs } = this.#options
    if (rule === null && this.#decided.size === 0) {
      emit(makeSession(record, who, prefix, shiftUs))
      return
    }
    const before = this.#decided.get(record.sequence)
    const log = before?.log ?? rule?.log ?? 'full'
    const session = makeSession(record, who, prefix, shiftUs)
    if (log === 'full')
      emit(rule === null || !hasFields(rule) ? session : hideFields(session, rule))
    const isCounted = log !== 'full' && !isOpen(session)
    const sum = isCounted ? this.#count(log, session, before) : null
    this.#remember(record, { log, counted: isCounted ? session : null, sum })
  }

  /** The earliest start of the sessions whose sums flush() has not emitted yet; Infinity if there are none. */
  get sumsFromMs(): number {
    return this.#sums.pendingFromUs / 1e3
  }

  /** Emits each changed sum again, with the same id and its present amounts. */
  flush(): void {
    this.#sums.flush()
  }

  #count(log: LogLevel, session: Session, before: Decided | undefined): HourlySum | null {
    const increment = beyond(session, before?.counted ?? null)
    if (log === 'counts') return this.#sums.add(session, increment, before?.sum ?? null)
    this.#excludedPackets += increment.packetsTx + increment.packetsRx
    this.#excludedBytes += increment.bytesTx + increment.bytesRx
    return null
  }

  #remember({ sequence, protocol, endReason }: FlowRecord, decided: Decided): void {
    this.#decided.delete(sequence)
    const comesAgain =
      endReason === 'activeTimeout' || (this.#options.earlyReport && protocol === 'tcp')
    if (!comesAgain) return
    this.#decided.set(sequence, decided)
    if (this.#decided.size > (this.#options.decidedMax ?? DECIDED_MAX))
      this.#decided.delete(this.#decided.keys().next().value!)
  }
}

/** The amounts that are not counted yet, so that a session reported twice counts as one connection. */
function beyond(session: Session, counted: Amounts | null): Amounts {
  return Object.fromEntries(
    SUMMED_FIELDS.map((name) => [name, session[name] - (counted?.[name] ?? 0)]),
  ) as Amounts
}
