/**
 * Sends the spool's batches to the server, and retries for as long as it takes.
 *
 * Two senders, each with one request in flight. The first sends the oldest batch. The second sends the newest during a
 * backlog, because new sessions must not wait behind hours of old ones. The server accepts numbers in any order. While
 * sending fails, only the first sender tries.
 */
import type { BatchReceipt } from '../../session/batch.js'
import type { Target } from '../spool/format.js'
import type { Spool, SpooledBatch } from '../spool/spool.js'
import type { Verdict } from './answer.js'
import { Backoff, type BackoffLimits } from './backoff.js'
import type { Connection, Site } from './connection.js'
import { halves, pickSessions, renumbered } from './rebatch.js'

export type ProblemKind = 'away' | 'denied' | 'refusing' | 'notStored' | 'spool'

export interface Problem {
  readonly kind: ProblemKind
  readonly message: string
}

export interface ShipperOptions {
  readonly spool: Spool
  readonly connection: Connection
  /** False: a batch that is too large is quarantined, not split, because a replay's batches are numbered by content. */
  readonly splits?: boolean
  /** True: a batch that the server accepts but does not store stays in the spool (replay: it may be stored later). */
  readonly keepsUnstored?: boolean
  readonly backoff?: BackoffLimits
  readonly random?: () => number
  /** Called when a problem begins or changes, and with null when the server stores batches again. */
  readonly onProblem?: (problem: Problem | null) => void
  readonly onQuarantine?: (batch: number, message: string, sessions: number) => void
  /** The server has another batch under this identity; the batch waits under a new one. */
  readonly onConflict?: (batch: number, message: string) => void
  /** The server reports a batch as repeated although this run made it and sent it once. */
  readonly onUnexpectedRepeat?: (batch: number, sessions: number) => void
  readonly onStored?: (sessions: number, batch: number) => void
  /** The server accepted a batch and gives the reason why it stored nothing of it. */
  readonly onNotice?: (notice: string) => void
  /** The receipt does not mention the batch's peer events: the server is too old to know them. */
  readonly onPeerEventsIgnored?: () => void
}

export interface ShipCounters {
  readonly requests: number
  readonly batchesStored: number
  readonly sessionsStored: number
  readonly sessionsRefused: number
  readonly peerEventsStored: number
  /** Refused, or ignored by an older server. */
  readonly peerEventsRefused: number
  /** Sessions in quarantined batches, including the refused sessions of stored batches. */
  readonly quarantined: number
  readonly batchesRepeated: number
  readonly batchesConflicting: number
  /** Batches that the server reported as repeated although they were sent once. */
  readonly batchesUnexpected: number
  readonly failures: number
  readonly bytesSent: number
  /** When the server last confirmed a batch; null before the first time. */
  readonly storedAtMs: number | null
}

/** The second sender sends while more batches than this wait. */
const BACKLOG_BATCHES = 4
/** After this many refusals in a row the server or the address is at fault, so no more batches are quarantined. */
const REFUSED_IN_A_ROW_MAX = 16

export class Shipper {
  readonly #options: ShipperOptions
  readonly #spool: Spool
  readonly #connection: Connection
  readonly #backoff: Backoff
  readonly #counters = {
    requests: 0,
    batchesStored: 0,
    sessionsStored: 0,
    sessionsRefused: 0,
    peerEventsStored: 0,
    peerEventsRefused: 0,
    quarantined: 0,
    batchesRepeated: 0,
    batchesConflicting: 0,
    batchesUnexpected: 0,
    failures: 0,
    bytesSent: 0,
    storedAtMs: null as number | null,
  }
  #site: Site | null = null
  #problem: Problem | null = null
  #refusedInARow = 0
  /** Numbers that were sent without a final answer: sending them again may be a repeat. */
  readonly #sent = new Set<number>()
  #stopped = false
  #senders: Promise<unknown> = Promise.resolve()
  readonly #waiters = new Set<() => void>()
  readonly #pauses = new Set<() => void>()

  constructor(options: ShipperOptions) {
    this.#options = options
    this.#spool = options.spool
    this.#connection = options.connection
    this.#backoff = new Backoff(options.backoff, options.random)
  }

  start(): void {
    this.#spool.onChange(() => this.#wake())
    this.#senders = Promise.all([this.#sendFrom('oldest'), this.#sendFrom('newest')])
  }

  counters(): ShipCounters {
    return this.#counters
  }

  get problem(): Problem | null {
    return this.#problem
  }

  /** The destination of the batches; null while it is unknown. */
  get site(): Site | null {
    return this.#site
  }

  /** Retries at once, and asks for the site again, because the key may have changed. */
  retryNow(): void {
    this.#site = null
    this.#endPauses()
    this.#wake()
  }

  /** True when no batch waits any more; false when `signal` aborts first, or the shipper was stopped. */
  async drained(signal: AbortSignal): Promise<boolean> {
    const onAbort = (): void => this.#wake()
    signal.addEventListener('abort', onAbort)
    try {
      while (this.#spool.depth().batches > 0) {
        if (signal.aborted || this.#stopped) return false
        await this.#change()
      }
      return true
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Aborts requests in flight; their batches stay in the spool. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#endPauses()
    this.#wake()
    await this.#connection.close()
    await this.#senders
  }

  async #sendFrom(which: 'oldest' | 'newest'): Promise<void> {
    while (!this.#stopped) {
      if (which === 'newest' && !this.#secondSenderWanted()) {
        await this.#change()
        continue
      }
      const site = this.#site ?? (await this.#findSite())
      const batch = site === null ? null : await this.#take(which)
      if (this.#stopped) return
      if (site === null) await this.#pause(0)
      else if (batch === null) await this.#change()
      else await this.#ship(site, batch)
    }
  }

  #secondSenderWanted(): boolean {
    const { batches } = this.#spool.depth()
    return this.#site !== null && this.#problem === null && batches > BACKLOG_BATCHES
  }

  async #take(which: 'oldest' | 'newest'): Promise<SpooledBatch | null> {
    try {
      return await this.#spool.next(which)
    } catch (error) {
      // next() writes only to drop a damaged batch, which can wait until the disk can be written.
      await this.#fail({ kind: 'spool', message: String(error) }, 0)
      return null
    }
  }

  async #ship(site: Site, batch: SpooledBatch): Promise<void> {
    this.#counters.requests++
    this.#counters.bytesSent += batch.body.length
    const isFirst = batch.number >= this.#spool.firstOfRun && !this.#sent.has(batch.number)
    this.#sent.add(batch.number)
    const verdict = await this.#connection.send(site, batch.number, batch.body)
    if (this.#stopped && verdict.kind === 'away') return this.#spool.release(batch.number)
    try {
      await this.#act(batch, verdict)
      if (!['denied', 'away'].includes(verdict.kind)) this.#sent.delete(batch.number)
      if (isFirst && verdict.kind === 'stored' && verdict.receipt.repeated) this.#unexpected(batch)
    } catch (error) {
      // The spool could not be written, so it still has the batch. A repeat does no harm: the server stores it once.
      this.#spool.release(batch.number)
      await this.#fail({ kind: 'spool', message: String(error) }, 0)
    }
  }

  async #act(batch: SpooledBatch, verdict: Verdict): Promise<void> {
    const { number } = batch
    switch (verdict.kind) {
      case 'stored':
        return this.#stored(batch, verdict.receipt)
      case 'tooLarge':
        if (batch.entry.sessions > 1 && this.#options.splits !== false)
          return this.#spool.split(number, halves(batch))
        return this.#refused(batch, 413, verdict.message)
      case 'conflict':
        return this.#conflict(batch, verdict.message)
      case 'refused':
        return this.#refused(batch, verdict.status, verdict.message)
      case 'denied':
        this.#spool.release(number)
        // The key may belong to another site by now.
        this.#site = null
        return this.#fail({ kind: 'denied', message: verdict.message }, 0)
      case 'away':
        this.#spool.release(number)
        return this.#fail({ kind: 'away', message: verdict.message }, verdict.retryAfterMs)
    }
  }

  async #stored(
    batch: SpooledBatch,
    receipt: Extract<Verdict, { kind: 'stored' }>['receipt'],
  ): Promise<void> {
    const { number, entry } = batch
    if (receipt.notice !== undefined && this.#options.keepsUnstored === true) {
      this.#spool.release(number)
      return this.#fail({ kind: 'notStored', message: receipt.notice }, 0)
    }
    const refused = receipt.refused.filter((r) => r.index < entry.sessions)
    if (refused.length > 0) {
      const message = `${refused.length} of ${entry.sessions} sessions refused: ${refused[0]!.reason}`
      const refusal = { atMs: Date.now(), status: 200, reason: message, records: true } as const
      const indexes = refused.map((r) => r.index)
      await this.#spool.quarantine(number, refusal, await pickSessions(batch, indexes))
      this.#options.onQuarantine?.(number, message, refused.length)
    } else {
      await this.#spool.confirm(number)
    }
    const c = this.#counters
    c.batchesStored++
    const stored = receipt.notice === undefined ? entry.sessions - refused.length : receipt.stored
    c.sessionsStored += stored
    c.sessionsRefused += refused.length
    c.quarantined += refused.length
    this.#countPeerEvents(entry.peerEvents ?? 0, receipt)
    if (receipt.repeated) c.batchesRepeated++
    c.storedAtMs = Date.now()
    this.#succeed()
    this.#options.onStored?.(stored, number)
    if (receipt.notice !== undefined) this.#options.onNotice?.(receipt.notice)
    this.#wake()
  }

  #countPeerEvents(sent: number, { notice, peerEvents }: BatchReceipt): void {
    if (sent === 0 || notice !== undefined) return
    this.#counters.peerEventsStored += Math.min(sent, peerEvents ?? 0)
    this.#counters.peerEventsRefused += Math.max(0, sent - (peerEvents ?? 0))
    if (peerEvents === undefined) this.#options.onPeerEventsIgnored?.()
  }

  /** A conflict under a new random spoolId means that the server refuses every batch as a conflict. */
  async #conflict(batch: SpooledBatch, message: string): Promise<void> {
    if (batch.entry.spoolId === undefined) return this.#refused(batch, 409, message)
    if (batch.entry.renumbered === true) {
      this.#spool.release(batch.number)
      return this.#fail({ kind: 'refusing', message }, 0)
    }
    await this.#spool.renumber(batch.number, renumbered(batch))
    this.#counters.batchesConflicting++
    this.#options.onConflict?.(batch.number, message)
  }

  #unexpected({ number, entry }: SpooledBatch): void {
    this.#counters.batchesUnexpected++
    this.#options.onUnexpectedRepeat?.(number, entry.sessions)
  }

  async #refused(batch: SpooledBatch, status: number, message: string): Promise<void> {
    if (this.#refusedInARow >= REFUSED_IN_A_ROW_MAX) {
      this.#spool.release(batch.number)
      return this.#fail(
        { kind: 'refusing', message: `the server refuses every batch: ${message}` },
        0,
      )
    }
    this.#refusedInARow++
    await this.#spool.quarantine(batch.number, { atMs: Date.now(), status, reason: message })
    this.#counters.quarantined += batch.entry.sessions
    this.#options.onQuarantine?.(batch.number, message, batch.entry.sessions)
    this.#wake()
  }

  /** The key's site, from the server or, while it is away, from its last answer. */
  async #findSite(): Promise<Site | null> {
    const answer = await this.#connection.whoAmI()
    if (this.#stopped) return null
    const target = { url: this.#connection.url, keyHash: this.#connection.keyHash }
    if (answer.kind === 'site') {
      this.#site = answer.site
      await this.#remember({ ...target, ...answer.site })
      return answer.site
    }
    const known = this.#spool.target()
    if (answer.kind === 'away' && known?.url === target.url && known.keyHash === target.keyHash) {
      this.#site = { orgId: known.orgId, siteId: known.siteId }
      return this.#site
    }
    this.#report({ kind: answer.kind, message: answer.message })
    return null
  }

  async #remember(target: Target): Promise<void> {
    const known = this.#spool.target()
    if (known !== null && JSON.stringify(known) === JSON.stringify(target)) return
    // Only the next start needs it, so a full disk must not stop shipping.
    await this.#spool.setTarget(target).catch(() => undefined)
  }

  #succeed(): void {
    this.#refusedInARow = 0
    this.#backoff.reset()
    if (this.#problem === null) return
    this.#problem = null
    this.#options.onProblem?.(null)
  }

  async #fail(problem: Problem, atLeastMs: number): Promise<void> {
    this.#report(problem)
    await this.#pause(atLeastMs)
  }

  #report(problem: Problem): void {
    this.#counters.failures++
    const same = this.#problem?.kind === problem.kind && this.#problem.message === problem.message
    this.#problem = problem
    if (!same) this.#options.onProblem?.(problem)
  }

  async #pause(atLeastMs: number): Promise<void> {
    if (this.#stopped) return
    const ms = Math.max(atLeastMs, this.#backoff.next())
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#pauses.delete(end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#pauses.add(end)
    })
  }

  #endPauses(): void {
    for (const end of this.#pauses) end()
  }

  #change(): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.add(resolve))
  }

  #wake(): void {
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const wake of waiters) wake()
  }
}
