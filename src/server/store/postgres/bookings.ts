/**
 * Books batches of several servers, those that wait at one moment together, in one transaction:
 *
 *   1. Locks: the sessions of each organisation, shared (postgres-meta.ts), and each meter. Batches of an organisation
 *      whose sessions are being deleted, or that is gone, are refused alone, without waiting.
 *   2. Which batches are known? Nothing else happens for those.
 *   3. The sessions of the others are stored elsewhere (storeSessions). A repeat of that must change nothing.
 *   4. Numbers, gaps, reports and peer events are written. So of two servers with the same batch, one books it and the
 *      other says `repeated`.
 *
 * A server that dies before the commit has acknowledged nothing, so the meter sends the batch again. Nothing of a meter
 * is kept in memory between two batches; each is booked on what the transaction reads (meters/).
 *
 * The locks are advisory ones, because a new meter has no row yet. They end with the transaction. All servers take them
 * in one order, so no two wait for each other.
 */
import { AppError } from '../../../base/errors.js'
import { usToIso } from '../../../base/instant.js'
import { wasRemoved } from '../../control/control.js'
import type { Loss } from '../clickhouse/meta.js'
import { arrivalOf, book } from '../meters/book.js'
import { type Booking, fateOf } from '../meters/lives.js'
import { GOING_US } from '../meters/losses.js'
import type { Meter } from '../meters/meter.js'
import { crowdedOutSql, whereIs } from '../meters/meter-sql.js'
import { restore, stateOf } from '../meters/meter-state.js'
import { METERS_MAX, Meters, type SavedMeter } from '../meters/meters.js'
import type { Rows } from '../sql/rows.js'
import { literal, literalOrNull } from '../sql/rows.js'
import { int, intOrNull } from '../sql/sql.js'
import type { StoredPeerEvent, WriteReceipt, WriteRequest } from '../store.js'
import type { Postgres } from './database.js'
import { takeBackSql } from './expired-open.js'
import { Groups } from './groups.js'
import { sessionsLock } from './postgres-meta.js'

/** Of one group; of one server. About 1 KB of memory a session. */
const BATCHES_MAX = 100
const SESSIONS_MAX = 50_000
const WAITING_SESSIONS_MAX = 100_000
/** Meters' states of the last day are shown (meters/reports.ts). */
const HISTORY_US = 25 * 3600e6
/** Shorter than a number lingers (arrivals.ts): its events must not appear behind a reader's back. */
const BOOKED_WITHIN_MS = 50_000

export interface BookingOptions {
  readonly clockUs: () => number
  /**
   * Stores sessions of batches, durably. It may be called again with the same ones, also by another server.
   * @returns records that were not taken
   */
  readonly storeSessions: (requests: readonly WriteRequest[]) => Promise<readonly Loss[]>
  /** Runs work that commits something of these organisations, with the number of the commit (arrivals.ts). */
  readonly arriving: <T>(
    orgIds: readonly string[],
    work: (arrival: number) => Promise<T>,
  ) => Promise<T>
}

/** A batch, and its meter as the tables have it. */
interface Loaded {
  readonly request: WriteRequest
  readonly meters: Meters
  readonly fate: Booking
}

export class Bookings {
  readonly #postgres: Postgres
  readonly #options: BookingOptions
  readonly #groups: Groups<WriteRequest, WriteReceipt>

  constructor(postgres: Postgres, options: BookingOptions) {
    this.#postgres = postgres
    this.#options = options
    this.#groups = new Groups((requests) => this.#book(requests), {
      keyOf: ({ orgId, siteId, batch }) => JSON.stringify([orgId, siteId, batch.meterId]),
      // A batch without sessions takes room, too.
      sizeOf: ({ sessions, peerEvents = [] }) => 1 + sessions.length + peerEvents.length,
      itemsMax: BATCHES_MAX,
      sizeMax: SESSIONS_MAX,
      waitingMax: WAITING_SESSIONS_MAX,
      ownerOf: ({ orgId }) => orgId,
    })
  }

  /** @throws AppError STORE_BUSY, STORE_FULL: it may be booked or not, and can be sent again */
  async write(request: WriteRequest): Promise<WriteReceipt> {
    return this.#groups.add(request)
  }

  close(): Promise<void> {
    return this.#groups.close()
  }

  /** Events of peers get a number, which sessions get elsewhere. */
  #book(requests: readonly WriteRequest[]): Promise<readonly (WriteReceipt | Error)[]> {
    const orgs = requests.flatMap(({ orgId, peerEvents = [] }) =>
      peerEvents.length > 0 ? [orgId] : [],
    )
    if (orgs.length === 0) return this.#bookAs(0, requests)
    return this.#options.arriving(orgs, (arrival) => this.#bookAs(arrival, requests))
  }

  /** @param arrival of the events of peers */
  #bookAs(
    arrival: number,
    requests: readonly WriteRequest[],
  ): Promise<readonly (WriteReceipt | Error)[]> {
    const lateMs = performance.now() + BOOKED_WITHIN_MS
    return this.#postgres.transaction(async (query) => {
      const refused = await lock(query, requests)
      const all: Loaded[] = []
      for (const request of requests)
        if (!refused.has(request.orgId)) all.push(await loaded(query, request))
      const fresh = all.filter(({ fate }) => fate === 'fresh').map(({ request }) => request)
      const losses = fresh.length === 0 ? [] : await this.#options.storeSessions(fresh)
      const receivedUs = this.#options.clockUs()
      const receipts = new Map<WriteRequest, WriteReceipt>()
      const statements = fresh.length === 0 ? [] : await takeBackSql(query, fresh)
      for (const one of all) {
        const its = losses.filter(isOf(one.request))
        const booked = await bookOne(query, one, { receivedUs, arrival, losses: its })
        receipts.set(one.request, booked.receipt)
        statements.push(...booked.statements)
      }
      if (statements.length > 0) await query(statements.join(';\n'))
      if (performance.now() > lateMs) throw tooLate()
      return requests.map((request) => receipts.get(request) ?? refused.get(request.orgId)!)
    })
  }
}

/** Locks all that can be locked now. @returns organisations whose batches cannot be booked, and why */
async function lock(
  query: Rows,
  requests: readonly WriteRequest[],
): Promise<ReadonlyMap<string, AppError>> {
  const refused = new Map<string, AppError>()
  const orgs = [...new Set(requests.map(({ orgId }) => orgId))].sort()
  const locked = await lockSessions(query, orgs)
  const known = await existing(query, orgs)
  for (const orgId of orgs)
    if (!known.has(orgId)) refused.set(orgId, wasRemoved(orgId))
    else if (!locked.has(orgId)) refused.set(orgId, beingDeleted(orgId))
  const meters = requests
    .filter(({ orgId }) => !refused.has(orgId))
    .map(({ orgId, siteId, batch }) => JSON.stringify([orgId, siteId, batch.meterId]))
    .sort()
    .map((meter) => `SELECT pg_advisory_xact_lock(hashtextextended(${literal(meter)}, 0))`)
  if (meters.length > 0) await query(meters.join(';\n'))
  return refused
}

/**
 * Locks the sessions of organisations, shared. It does not wait, because a deletion locks them for minutes and the batches
 * of the other organisations would wait, too.
 * @returns those that are locked now
 */
export async function lockSessions(
  query: Rows,
  orgs: readonly string[],
): Promise<ReadonlySet<string>> {
  const tries = orgs.map(
    (orgId) =>
      `SELECT ${literal(orgId)} AS org_id, pg_try_advisory_xact_lock_shared(${sessionsLock(orgId)}) AS is_locked`,
  )
  const rows = await query(tries.join(' UNION ALL '))
  return new Set(rows.flatMap((row) => (row.is_locked === true ? [row.org_id as string] : [])))
}

function tooLate(): AppError {
  return new AppError('STORE_BUSY', 'the databases took too long for this batch', {
    hint: 'Send it again in a few seconds.',
  })
}

export function beingDeleted(orgId: string): AppError {
  return new AppError('STORE_BUSY', `sessions of ${orgId} are being deleted`, {
    hint: 'Send them again in a few seconds.',
  })
}

async function existing(query: Rows, orgs: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await query(
    `SELECT org_id FROM org WHERE org_id IN (${orgs.map(literal).join(', ')})`,
  )
  return new Set(rows.map(({ org_id }) => org_id as string))
}

/** Another server may have removed one a moment ago. In a transaction with sessionsLock(). @throws AppError ORG_REMOVED */
export async function mustExist(query: Rows, orgs: readonly string[]): Promise<void> {
  const known = await existing(query, orgs)
  const gone = orgs.find((orgId) => !known.has(orgId))
  if (gone !== undefined) throw wasRemoved(gone)
}

function isOf({ orgId, siteId, batch }: WriteRequest): (loss: Loss) => boolean {
  return (loss) => loss.orgId === orgId && loss.siteId === siteId && loss.meterId === batch.meterId
}

async function loaded(query: Rows, request: WriteRequest): Promise<Loaded> {
  const { orgId, siteId, batch } = request
  const meters = new Meters(query, 'ctid')
  const name = { orgId, siteId, meterId: batch.meterId }
  await meters.load({ ...name, batch: batch.batch })
  const meter = meters.get(orgId, siteId, batch.meterId)
  if (meter === undefined) return { request, meters, fate: 'fresh' }
  const [row] = await query(`SELECT state FROM meter_state WHERE ${whereIs(name)}`)
  if (row !== undefined) restore(meter, row.state as string)
  const life = meter.lives.get(batch.spoolId ?? '')
  const fate = life === undefined ? 'fresh' : fateOf(life, batch)
  return { request, meters, fate }
}

async function bookOne(
  query: Rows,
  { request, meters, fate }: Loaded,
  {
    receivedUs,
    arrival,
    losses,
  }: {
    readonly receivedUs: number
    readonly arrival: number
    readonly losses: readonly Loss[]
  },
): Promise<{ receipt: WriteReceipt; statements: readonly string[] }> {
  const { orgId, siteId, batch, sessions, peerEvents = [] } = request
  const before = meters.get(orgId, siteId, batch.meterId)
  const { twoLives } = arrivalOf(batch, [...(before?.lives.values() ?? [])], receivedUs)
  const statements: string[] = []
  if (fate === 'fresh') {
    if (before === undefined) statements.push(...(await crowdSql(query, request, receivedUs)))
    const changed: SavedMeter = new Map()
    book(meters, { orgId, siteId, batch, receivedUs }, changed)
    for (const { fromUs, toUs, ...loss } of joined(losses))
      for (const meter of changed.keys())
        meters.addLoss(meter, { ...loss, from: usToIso(fromUs), to: usToIso(toUs) })
    statements.push(...meters.takeStatements(changed))
    for (const meter of changed.keys()) statements.push(stateSql(meter), historySql(meter))
    statements.push(...peerEventsSql(request, peerEvents, arrival))
  }
  const receipt = {
    batch: batch.batch,
    stored: fate === 'conflict' ? 0 : sessions.length,
    repeated: fate === 'repeated',
    ...(fate === 'conflict' && { conflict: true as const }),
    ...(twoLives && { twoLives: true as const }),
  }
  return { receipt, statements }
}

/** Near losses of one batch as one, because each is a statement. */
function joined(losses: readonly Loss[]): Loss[] {
  const all: Loss[] = []
  for (const loss of losses.toSorted((a, b) => a.fromUs - b.fromUs)) {
    const last = all.at(-1)
    if (last === undefined || loss.fromUs > last.toUs + GOING_US) all.push(loss)
    else
      all[all.length - 1] = {
        ...last,
        toUs: Math.max(last.toUs, loss.toUs),
        sessions: last.sessions + loss.sessions,
      }
  }
  return all
}

/** Forgets the longest silent meters of a site that is to get one more. */
async function crowdSql(
  query: Rows,
  { orgId, siteId }: WriteRequest,
  nowUs: number,
): Promise<string[]> {
  const silent = await query(
    `SELECT meter_id FROM meter WHERE org_id = $1 AND site_id = ${int(siteId)}
     ORDER BY received_us DESC OFFSET ${METERS_MAX - 1}`,
    [orgId],
  )
  return silent.flatMap((row) => {
    const name = { orgId, siteId, meterId: row.meter_id as string }
    return [...crowdedOutSql(name, nowUs), `DELETE FROM meter_state WHERE ${whereIs(name)}`]
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
  arrival: number,
): string[] {
  if (events.length === 0) return []
  const rows = events.map((e) =>
    [
      ...[literal(orgId), int(siteId), literal(e.meterId), literal(e.eventId), int(e.timeUs)],
      ...[
        literal(e.event),
        literal(e.interface),
        literalOrNull(e.publicKey),
        intOrNull(e.clientId),
      ],
      ...[
        literalOrNull(e.userId),
        literalOrNull(e.endpoint),
        literalOrNull(e.endpointBefore),
        literalOrNull(e.allowedIps),
      ],
      ...[
        literalOrNull(e.allowedIpsBefore),
        intOrNull(e.handshakeUs),
        String(e.already),
        int(arrival),
      ],
    ].join(', '),
  )
  return [`INSERT INTO peer_event VALUES (${rows.join('), (')}) ON CONFLICT DO NOTHING`]
}
