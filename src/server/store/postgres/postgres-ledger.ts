/** The ledger in PostgreSQL, for several servers: bookings.ts writes it. The sessions themselves are elsewhere. */
import { coverage } from '../meters/coverage.js'
import { GAPS_SHOWN, gaps, meterStatuses } from '../meters/reports.js'
import type {
  Coverage,
  Gap,
  Ledger,
  MeterStatus,
  Span,
  WriteReceipt,
  WriteRequest,
} from '../store.js'
import { type BookingOptions, Bookings } from './bookings.js'
import type { Postgres } from './database.js'

export interface LedgerOptions extends BookingOptions {
  /** Open sessions by `${siteId}/${meterId}`. */
  readonly openSessions: (orgId: string) => Promise<ReadonlyMap<string, number>>
}

export class PostgresLedger implements Ledger {
  readonly #postgres: Postgres
  readonly #options: LedgerOptions
  readonly #bookings: Bookings

  /** @param writes connections of their own for transactions, which last as long as sessions are stored */
  constructor(postgres: Postgres, options: LedgerOptions, writes = postgres) {
    this.#postgres = postgres
    this.#options = options
    this.#bookings = new Bookings(writes, options)
  }

  /** @throws AppError STORE_BUSY, STORE_FULL: it may be booked or not, and can be sent again */
  write(request: WriteRequest): Promise<WriteReceipt> {
    return this.#bookings.write(request)
  }

  /** Resolves when no batch is waiting. */
  close(): Promise<void> {
    return this.#bookings.close()
  }

  gaps(
    orgId: string,
    fromUs: number,
    toUs: number,
    siteIds?: readonly number[],
  ): Promise<readonly Gap[]> {
    return gaps(this.#postgres.query, orgId, { fromUs, toUs, siteIds, shown: GAPS_SHOWN })
  }

  async meters(orgId: string): Promise<readonly MeterStatus[]> {
    const nowUs = this.#options.clockUs()
    const [statuses, open] = await Promise.all([
      this.#postgres.snapshot((query) => meterStatuses(query, orgId, nowUs, '0')),
      this.#options.openSessions(orgId),
    ])
    return statuses.map((meter) => ({
      ...meter,
      openSessions: open.get(`${meter.siteId}/${meter.meterId}`) ?? 0,
    }))
  }

  coverage(orgId: string, range: Span, siteIds?: readonly number[]): Promise<Coverage> {
    return this.#postgres.snapshot((query) => coverage(query, orgId, range, siteIds))
  }
}
