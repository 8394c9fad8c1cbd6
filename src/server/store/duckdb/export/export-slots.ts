/**
 * What runs exports: a bounded number at once, each with connections of its own (a slow reader must not hold one that
 * pages need), their part of the memory, and the interruption of their queries when nobody waits any more.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { AppError } from '../../../../base/errors.js'
import { mayTake } from '../../fair-queue.js'
import { Mutex } from '../../mutex.js'
import type { Behind, Cancel } from '../../store.js'
import { type Database, INTERRUPT_EVERY_MS } from '../database.js'

/** Each may hold some tens of MiB. One organisation alone has half of them (fair-queue.ts). */
export const EXPORTS_MAX = 8

export interface ExportSlot {
  readonly connections: readonly DuckDBConnection[]
  /** Runs what puts all of an answer in order, when no other export does. */
  alone<T>(work: () => Promise<T>): Promise<T>
  /** No query comes any more; the slot stays taken. */
  endQueries(): Promise<void>
  /** Ends the queries, too. */
  end(): Promise<void>
}

export class ExportSlots {
  readonly #database: Database
  readonly #applied: () => Promise<Behind | null>
  readonly #running = new Map<string, number>()
  /** Each order of millions of rows takes what memory there is: of four at once, two failed. */
  readonly #ordering = new Mutex()

  /** @param applied resolves when what was acknowledged before can be read */
  constructor(database: Database, applied: () => Promise<Behind | null>) {
    this.#database = database
    this.#applied = applied
  }

  /** Until their last byte is taken. */
  get running(): number {
    return [...this.#running.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Of these, until another one's rows are in order. */
  get waiting(): number {
    return this.#ordering.waiting
  }

  /** @throws AppError STORE_BUSY, STORE_CLOSING */
  async take(
    orgId: string,
    connectionCount: number,
    cancel: Cancel | undefined,
  ): Promise<ExportSlot> {
    this.#count(orgId)
    const connections: DuckDBConnection[] = []
    const release = () => {
      for (const connection of connections.splice(0)) this.#database.release(connection)
    }
    try {
      const behind = await this.#applied()
      if (behind !== null) cancel?.late?.(behind)
      while (connections.length < connectionCount) connections.push(await this.#database.lend())
      cancel?.signal?.throwIfAborted()
      await this.#database.countExport(1, connections[0]!)
    } catch (error) {
      release()
      this.#uncount(orgId)
      throw error
    }
    const stopInterrupting = interruptWhenAborted(cancel?.signal, connections)
    const endQueries = async () => {
      stopInterrupting()
      if (connections.length > 0) await this.#database.countExport(-1, connections[0]!)
      release()
    }
    const end = async () => {
      await endQueries()
      this.#uncount(orgId)
    }
    const alone = <T>(work: () => Promise<T>) => this.#ordering.run(work, cancel?.signal, orgId)
    return { connections, alone, endQueries, end }
  }

  #count(orgId: string): void {
    const own = this.#running.get(orgId) ?? 0
    if (!mayTake(EXPORTS_MAX, this.running, own)) {
      const where = own > 0 ? ' of this organisation' : ''
      throw new AppError('STORE_BUSY', `too many exports${where} are running`, {
        hint: 'Try again when one has ended.',
      })
    }
    this.#running.set(orgId, own + 1)
  }

  #uncount(orgId: string): void {
    const left = this.#running.get(orgId)! - 1
    if (left > 0) this.#running.set(orgId, left)
    else this.#running.delete(orgId)
  }
}

/** Again and again: an interruption between two queries is lost. @returns ends it */
function interruptWhenAborted(
  signal: AbortSignal | undefined,
  connections: readonly DuckDBConnection[],
): () => void {
  let timer: NodeJS.Timeout | undefined
  const interrupt = () => {
    for (const connection of connections) connection.interrupt()
  }
  const begin = () => {
    interrupt()
    timer = setInterval(interrupt, INTERRUPT_EVERY_MS)
  }
  if (signal?.aborted === true) begin()
  else signal?.addEventListener('abort', begin)
  return () => {
    clearInterval(timer)
    signal?.removeEventListener('abort', begin)
  }
}
