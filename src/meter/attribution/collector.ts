/**
 * From an attributed record to what is kept of it: the session, a part of an hour's sum, or a count. In: all records of
 * one observation point, in order. Out: sessions and sums, through `emit`; `excluded` is what neither holds.
 *
 * A session that is not kept is counted once, when it ends: interim records of it say nothing. It keeps the level that
 * its first record had, whatever is known of it later: else the part that was stored would be counted again.
 *
 *   packets of all ended sessions  =  those of emitted sessions  +  those of sums  +  excluded
 *
 * Bound: DECIDED_MAX sessions are remembered that are open, or closed and may be reported once more; the oldest is
 * forgotten, and decided and counted anew.
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
  /** What was counted of it already, and into which sum. */
  readonly counted: Amounts | null
  readonly sum: HourlySum | null
}

export interface CollectorOptions {
  /** Of the ids of its sessions, and of its sums. */
  readonly prefix: string
  readonly emit: (session: Session) => void
  /** Added to all times. */
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

  /** Ended sessions of which nothing is kept. */
  get excluded(): { readonly packets: number; readonly bytes: number } {
    return { packets: this.#excludedPackets, bytes: this.#excludedBytes }
  }

  /** @param rule null: there are no rules */
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

  /** The earliest start of a session that a sum has and flush() has not given; Infinity: there is none. */
  get sumsFromMs(): number {
    return this.#sums.pendingFromUs / 1e3
  }

  /** Sums that changed are given again, with the same id and what they hold now. */
  flush(): void {
    this.#sums.flush()
  }

  #count(log: LogLevel, session: Session, before: Decided | undefined): HourlySum | null {
    const more = beyond(session, before?.counted ?? null)
    if (log === 'counts') return this.#sums.add(session, more, before?.sum ?? null)
    this.#excludedPackets += more.packetsTx + more.packetsRx
    this.#excludedBytes += more.bytesTx + more.bytesRx
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

/** The same session is one connection, however often it is reported. */
function beyond(session: Session, counted: Amounts | null): Amounts {
  return Object.fromEntries(
    SUMMED_FIELDS.map((name) => [name, session[name] - (counted?.[name] ?? 0)]),
  ) as Amounts
}
