/**
 * The ledger in PostgreSQL, for several servers. The sessions themselves are elsewhere:
 *
 *   1. Is the batch known? Then nothing else happens.
 *   2. Its sessions are stored (storeSessions). A repeat of that must change nothing.
 *   3. One transaction books the batch: its number, gaps, report, and peer events. It holds the meter's lock, and asks
 *      again whether the batch is known. So of two servers with the same batch, one books it and the other says `repeated`.
 *
 * A server that dies before 3 has acknowledged nothing, so the meter sends the batch again. Nothing of a meter is kept in
 * memory between two batches; each is booked on what the transaction reads (meters/).
 *
 * The lock is an advisory one, because a new meter has no row yet. It ends with the transaction.
 */

import { arrivalOf, book } from '../meters/book.js'
import { coverage } from '../meters/coverage.js'
import { type Booking, fateOf } from '../meters/lives.js'
import { restore, stateOf } from '../meters/meter-state.js'
import {
  forgetSql,
  METERS_MAX,
  type Meter,
  Meters,
  type SavedMeter,
  whereIs,
} from '../meters/meters.js'
import { GAPS_SHOWN, gaps, meterStatuses } from '../meters/reports.js'
import type { Rows } from '../sql/rows.js'
import { literal } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import type {
  Coverage,
  Gap,
  Ledger,
  MeterStatus,
  Span,
  StoredPeerEvent,
  WriteReceipt,
  WriteRequest,
} from '../store.js'
import type { Postgres } from './database.js'

/** Meters' states of the last day are shown (meters/reports.ts). */
const HISTORY_US = 25 * 3600e6

export interface LedgerOptions {
  readonly clockUs: () => number
  /** Stores a batch's sessions, durably. It may be called again with the same ones, also by another server. */
  readonly storeSessions: (request: WriteRequest) => Promise<void>
  /** Open sessions by `${siteId}/${meterId}`. */
  readonly openSessions: (orgId: string) => Promise<ReadonlyMap<string, number>>
}

export class PostgresLedger implements Ledger {
  readonly #postgres: Postgres
  readonly #options: LedgerOptions

  constructor(postgres: Postgres, options: LedgerOptions) {
    this.#postgres = postgres
    this.#options = options
  }

  /** @throws AppError STORE_BUSY, STORE_FULL: it may be booked or not, and can be sent again */
  async write(request: WriteRequest): Promise<WriteReceipt> {
    const known = await this.#postgres.snapshot(async (query) =>
      fateIn(await loaded(query, request), request),
    )
    if (known === 'fresh') await this.#options.storeSessions(request)
    const receivedUs = this.#options.clockUs()
    return this.#postgres.transaction(async (query) => {
      const { orgId, siteId, batch } = request
      await query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
        JSON.stringify([orgId, siteId, batch.meterId]),
      ])
      return bookIn(query, request, receivedUs)
    })
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

/** The meter of a batch, as the tables have it. */
async function loaded(query: Rows, { orgId, siteId, batch }: WriteRequest): Promise<Meters> {
  const meters = new Meters(query, 'ctid')
  const name = { orgId, siteId, meterId: batch.meterId }
  await meters.load({ ...name, batch: batch.batch })
  const meter = meters.get(orgId, siteId, batch.meterId)
  if (meter === undefined) return meters
  const [row] = await query(`SELECT state FROM meter_state WHERE ${whereIs(name)}`)
  if (row !== undefined) restore(meter, row.state as string)
  return meters
}

function fateIn(meters: Meters, { orgId, siteId, batch }: WriteRequest): Booking {
  const life = meters.get(orgId, siteId, batch.meterId)?.lives.get(batch.spoolId ?? '')
  return life === undefined ? 'fresh' : fateOf(life, batch.batch, batch.crc)
}

/** In a transaction that holds the meter's lock. */
async function bookIn(
  query: Rows,
  request: WriteRequest,
  receivedUs: number,
): Promise<WriteReceipt> {
  const { orgId, siteId, batch, sessions, peerEvents = [] } = request
  const meters = await loaded(query, request)
  const before = meters.get(orgId, siteId, batch.meterId)
  const { twoLives } = arrivalOf(batch, [...(before?.lives.values() ?? [])], receivedUs)
  const changed: SavedMeter = new Map()
  const fate =
    fateIn(meters, request) === 'fresh'
      ? book(meters, { orgId, siteId, batch, receivedUs }, changed)
      : fateIn(meters, request)
  if (fate === 'fresh') {
    const crowd = before === undefined ? await crowdSql(query, request) : []
    const statements = [...crowd, ...meters.takeStatements(changed)]
    for (const meter of changed.keys()) statements.push(stateSql(meter), historySql(meter))
    statements.push(...peerEventsSql(request, peerEvents))
    await query(statements.join(';\n'))
  }
  return {
    batch: batch.batch,
    stored: fate === 'conflict' ? 0 : sessions.length,
    repeated: fate === 'repeated',
    ...(fate === 'conflict' && { conflict: true as const }),
    ...(twoLives && { twoLives: true as const }),
  }
}

/** Forgets the longest silent meters of a site that is to get one more. */
async function crowdSql(query: Rows, { orgId, siteId }: WriteRequest): Promise<string[]> {
  const silent = await query(
    `SELECT meter_id FROM meter WHERE org_id = $1 AND site_id = ${int(siteId)}
     ORDER BY received_us DESC OFFSET ${METERS_MAX - 1}`,
    [orgId],
  )
  return silent.flatMap((row) => {
    const name = { orgId, siteId, meterId: row.meter_id as string }
    return [...forgetSql(name), `DELETE FROM meter_state WHERE ${whereIs(name)}`]
  })
}

function stateSql(meter: Meter): string {
  const { orgId, siteId, meterId } = meter
  return `INSERT INTO meter_state VALUES (${literal(orgId)}, ${int(siteId)}, ${literal(meterId)}, ${literal(stateOf(meter))})
    ON CONFLICT (org_id, site_id, meter_id) DO UPDATE SET state = excluded.state`
}

function historySql(meter: Meter): string {
  return `DELETE FROM meter_history WHERE ${whereIs(meter)} AND at_us < ${int(meter.receivedUs - HISTORY_US)}`
}

/** SQL that inserts the events that are not stored yet. Stored ones do not change. */
function peerEventsSql(
  { orgId, siteId }: WriteRequest,
  events: readonly StoredPeerEvent[],
): string[] {
  if (events.length === 0) return []
  const text = (value: string | null) => (value === null ? 'NULL' : literal(value))
  const number = (value: number | null) => (value === null ? 'NULL' : int(value))
  const rows = events.map((e) =>
    [
      ...[literal(orgId), int(siteId), literal(e.meterId), literal(e.eventId), int(e.timeUs)],
      ...[literal(e.event), literal(e.interface), text(e.publicKey), number(e.clientId)],
      ...[text(e.userId), text(e.endpoint), text(e.endpointBefore), text(e.allowedIps)],
      ...[text(e.allowedIpsBefore), number(e.handshakeUs), String(e.already)],
    ].join(', '),
  )
  return [`INSERT INTO peer_event VALUES (${rows.join('), (')}) ON CONFLICT DO NOTHING`]
}
