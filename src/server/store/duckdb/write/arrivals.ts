/** Batches whose numbers the database does not know yet, by their identity: a repeat is told from the first. */
import type { WriteRequest } from '../../store.js'
import { runOf, type SiteBatch } from './group-commit.js'
import { type Booking, compared, type Run } from './lives.js'

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
  /** The newest of each spool of their meters. */
  readonly #runs = new Map<string, Map<string, Run>>()

  /** What a batch is that came once already; undefined: it has not. */
  fateOf(identity: string | null, batch: WriteRequest['batch'] | null): Booking | undefined {
    const before = identity === null ? undefined : this.#arriving.get(identity)
    if (before === undefined) return undefined
    return compared(before.crc, batch?.spoolId === undefined ? undefined : batch.crc)
  }

  /** When the first of this identity is. */
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

  /** Those of its meter that the database may not know yet. */
  runsOf({ orgId, siteId, batch }: SiteBatch): Run[] {
    if (batch === null) return []
    return [...(this.#runs.get(meterOf(orgId, siteId, batch.meterId))?.values() ?? [])]
  }

  /** The database has it, or it could not be made durable. */
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
