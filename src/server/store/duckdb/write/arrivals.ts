/** Batches that the database does not hold yet, by identity, so that repeats of them are recognised. */

import { type Arrived, type Booking, compared } from '../../meters/lives.js'
import type { WriteRequest } from '../../store.js'
import type { SiteBatch } from './group-commit.js'

interface Arriving {
  readonly crc: number | undefined
  /** The start of the meter's run. Undefined: unknown, after a start of the server. */
  readonly startedAt?: string | undefined
  readonly durable: Promise<unknown>
}

interface BatchName {
  readonly meterId: string
  readonly spoolId?: string | undefined
}

export class Arrivals {
  readonly #arriving = new Map<string, Arriving>()
  /** The spools of these meters. */
  readonly #lives = new Map<string, Map<string, Arrived>>()

  /**
   * The fate of a batch whose identity has arrived before; undefined: it has not. `unknown`: only the database can tell,
   * because without a spoolId a meter may number the batches of another run anew (beginsAnew).
   */
  fateOf(
    identity: string | null,
    batch: WriteRequest['batch'] | null,
  ): Booking | 'unknown' | undefined {
    const before = identity === null ? undefined : this.#arriving.get(identity)
    if (before === undefined) return undefined
    const fate = compared(before.crc, batch?.crc)
    if (batch?.spoolId !== undefined) return fate
    const isSame =
      before.startedAt === undefined
        ? fate === 'repeated'
        : before.startedAt === batch?.report.startedAt
    return isSame ? 'repeated' : 'unknown'
  }

  /** Resolves when the first batch of this identity is durable. */
  async durable(identity: string | null): Promise<void> {
    if (identity !== null) await this.#arriving.get(identity)?.durable
  }

  add(identity: string, arriving: Arriving): void {
    this.#arriving.set(identity, arriving)
  }

  noteLife({ orgId, siteId }: SiteBatch, { meterId }: BatchName, life: Arrived): void {
    const meter = meterOf(orgId, siteId, meterId)
    const lives = this.#lives.get(meter) ?? new Map<string, Arrived>()
    this.#lives.set(meter, lives.set(life.spoolId, life))
  }

  /** The spools of the batch's meter of which the database may not know the newest reports yet. */
  livesOf({ orgId, siteId }: SiteBatch, { meterId }: BatchName): ReadonlyMap<string, Arrived> {
    return this.#lives.get(meterOf(orgId, siteId, meterId)) ?? new Map()
  }

  /** To be called when the database holds the batch, or when it could not be made durable. */
  delete(identity: string | null): void {
    if (identity !== null) this.#arriving.delete(identity)
    if (this.#arriving.size === 0) this.#lives.clear()
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
