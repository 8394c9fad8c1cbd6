/** Batches that the database does not hold yet, by identity, so that repeats of them are recognised. */

import { runOf } from '../../meters/book.js'
import { type Booking, compared, type Run } from '../../meters/lives.js'
import type { WriteRequest } from '../../store.js'
import type { SiteBatch } from './group-commit.js'

interface Arriving {
  readonly crc: number | undefined
  readonly durable: Promise<unknown>
}

interface BatchName {
  readonly meterId: string
  readonly spoolId?: string | undefined
}

export class Arrivals {
  readonly #arriving = new Map<string, Arriving>()
  /** The newest run of each spool of these meters. */
  readonly #runs = new Map<string, Map<string, Run>>()

  /** The fate of a batch whose identity has arrived before; undefined: it has not. */
  fateOf(identity: string | null, batch: WriteRequest['batch'] | null): Booking | undefined {
    const before = identity === null ? undefined : this.#arriving.get(identity)
    if (before === undefined) return undefined
    return compared(before.crc, batch?.spoolId === undefined ? undefined : batch.crc)
  }

  /** Resolves when the first batch of this identity is durable. */
  async durable(identity: string | null): Promise<void> {
    if (identity !== null) await this.#arriving.get(identity)?.durable
  }

  add(identity: string, arriving: Arriving): void {
    this.#arriving.set(identity, arriving)
  }

  noteRun({ orgId, siteId, receivedUs }: SiteBatch, batch: WriteRequest['batch']): void {
    const meter = meterOf(orgId, siteId, batch.meterId)
    const runs = this.#runs.get(meter) ?? new Map<string, Run>()
    this.#runs.set(meter, runs)
    const run = runOf(batch, receivedUs)
    runs.set(run.spoolId, run)
  }

  /** Runs of the batch's meter that the database may not know yet. */
  runsOf({ orgId, siteId, batch }: SiteBatch): Run[] {
    if (batch === null) return []
    return [...(this.#runs.get(meterOf(orgId, siteId, batch.meterId))?.values() ?? [])]
  }

  /** To be called when the database holds the batch, or when it could not be made durable. */
  delete(identity: string | null): void {
    if (identity !== null) this.#arriving.delete(identity)
    if (this.#arriving.size === 0) this.#runs.clear()
  }
}

function meterOf(orgId: string, siteId: number, meterId: string): string {
  return `${orgId}/${siteId}/${meterId}`
}

export function identityOf(
  orgId: string,
  siteId: number,
  { meterId, spoolId = '' }: BatchName,
  number: number,
): string {
  return `${meterOf(orgId, siteId, meterId)}/${spoolId}/${number}`
}
