/**
 * Slots for exports: a bounded number at a time. Each has its own connections, because a slow client must not hold one
 * that pages need. A slot also takes its share of the memory, and interrupts its queries when the client disconnects.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { AppError } from '../../../../base/errors.js'
import { mayTake } from '../../fair-queue.js'
import { Mutex } from '../../mutex.js'
import type { Behind, Cancel } from '../../store.js'
import { type Database, INTERRUPT_EVERY_MS } from '../database.js'

/** Each may hold some tens of MiB. One organisation alone gets half of the slots (fair-queue.ts). */
export const EXPORTS_MAX = 8

export interface ExportSlot {
  readonly connections: readonly DuckDBConnection[]
  /** Runs work that sorts a whole answer; one export at a time is sorted. */
  alone<T>(work: () => Promise<T>): Promise<T>
  /** Releases connections and memory; the slot stays taken. */
  endQueries(): Promise<void>
  /** Releases the slot, too. */
  end(): Promise<void>
}

export class ExportSlots {
  readonly #database: Database
  readonly #applied: () => Promise<Behind | null>
  readonly #running = new Map<string, number>()
  /** Sorting millions of rows takes all of DuckDB's memory: of four sorts at once, two failed. */
  readonly #ordering = new Mutex()

  /** @param applied resolves when acknowledged batches can be read */
  constructor(database: Database, applied: () => Promise<Behind | null>) {
    this.#database = database
    this.#applied = applied
  }

  /** Exports whose last byte is not taken yet. */
  get running(): number {
    return [...this.#running.values()].reduce((sum, count) => sum + count, 0)
  }

  /** Running exports that wait until another one is sorted. */
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

/** Interrupts repeatedly, because an interruption between two queries has no effect. @returns stops it */
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
