/**
 * The whole store for several servers: sessions in ClickHouse, all else in PostgreSQL. A batch is acknowledged when its
 * sessions are in ClickHouse and it is booked in PostgreSQL (../postgres/bookings.ts); there is no log before them, so the
 * loss of a server loses nothing (docs/decisions/several-servers.md).
 */
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../../base/errors.js'
import { isoToUs } from '../../../base/instant.js'
import type { Catalog } from '../../../session/catalog.js'
import { STALE_MS } from '../../control/control.js'
import { lossSql } from '../meters/loose-losses.js'
import { Arrivals } from '../postgres/arrivals.js'
import { beingDeleted, lockSessions, mustExist } from '../postgres/bookings.js'
import type { Postgres } from '../postgres/database.js'
import { PostgresCatalogs } from '../postgres/postgres-catalogs.js'
import { PostgresLedger } from '../postgres/postgres-ledger.js'
import { isOf, PostgresMeta } from '../postgres/postgres-meta.js'
import { PostgresPeerLog } from '../postgres/postgres-peer-log.js'
import { int } from '../sql/sql.js'
import type * as S from '../store.js'
import type { ClickHouseAddress } from './client.js'
import type { Loss } from './meta.js'
import { ClickHouseSessions } from './sessions.js'
import { Pseudonyms } from './write/pseudonyms.js'

export interface ClickHouseStoreOptions {
  readonly address: ClickHouseAddress
  /** For answers. */
  readonly postgres: Postgres
  /** For transactions that last as long as ClickHouse writes. */
  readonly writes: Postgres
  /** For locks, which deletions hold for minutes. */
  readonly locks: Postgres
  readonly clockUs?: () => number
  readonly silenceUs?: number | undefined
  /** How long other servers may not know of a removed site. Default: STALE_MS. */
  readonly staleMs?: number
}

const DAY_US = 86400e6

type Counted = Omit<S.ArrivedRequest, 'limit'> & { readonly endedBeforeUs?: number }

export class ClickHouseStore implements S.Store {
  readonly #sessions: ClickHouseSessions
  readonly #meta: PostgresMeta
  readonly #ledger: PostgresLedger
  readonly #catalogs: PostgresCatalogs
  readonly #peers: PostgresPeerLog
  readonly #arrivals: Arrivals
  readonly #options: ClickHouseStoreOptions
  readonly #clockUs: () => number
  #conflicts = 0

  private constructor(
    sessions: ClickHouseSessions,
    parts: {
      readonly meta: PostgresMeta
      readonly catalogs: PostgresCatalogs
      readonly arrivals: Arrivals
    },
    options: ClickHouseStoreOptions,
    clockUs: () => number,
  ) {
    this.#sessions = sessions
    this.#options = options
    this.#clockUs = clockUs
    this.#meta = parts.meta
    this.#catalogs = parts.catalogs
    this.#arrivals = parts.arrivals
    this.#peers = new PostgresPeerLog(options.postgres)
    this.#ledger = new PostgresLedger(
      options.postgres,
      {
        clockUs,
        storeSessions: (requests) => this.#storeSessions(requests),
        openSessions: (orgId) => sessions.openSessions(orgId),
        arriving: (orgIds, work) => parts.arrivals.run(orgIds, work),
      },
      options.writes,
    )
  }

  /** @throws AppError STORE_BUSY, STORE_NEWER, STORE_OTHER, STORE_UNREADABLE */
  static async open(options: ClickHouseStoreOptions): Promise<ClickHouseStore> {
    const { address, postgres, locks, silenceUs } = options
    const clockUs = options.clockUs ?? (() => Date.now() * 1e3)
    const catalogs = new PostgresCatalogs(postgres, clockUs)
    const arrivals = await Arrivals.open(postgres)
    const meta = new PostgresMeta(postgres, { catalogs, arrivals }, clockUs, locks)
    try {
      const [row] = await postgres.query('SELECT id FROM store_id')
      const sessions = await ClickHouseSessions.open({
        ...{ ...address, meta, clockUs, owner: row!.id as string },
        ...(silenceUs !== undefined && { silenceUs }),
      })
      return new ClickHouseStore(sessions, { meta, catalogs, arrivals }, options, clockUs)
    } catch (error) {
      await arrivals.close()
      throw error
    }
  }

  async #storeSessions(requests: readonly S.WriteRequest[]): Promise<readonly Loss[]> {
    const groups = requests.map(({ orgId, siteId, batch, sessions }) => ({
      ...{ orgId, siteId, sessions, meterId: batch.meterId },
      runStartedUs: isoToUs(batch.report.startedAt),
    }))
    const { losses } = await this.#sessions.write(groups)
    for (const { sessions } of losses) this.#conflicts += sessions
    return losses
  }

  write(request: S.WriteRequest): Promise<S.WriteReceipt> {
    return this.#ledger.write(request)
  }

  writeLoose(
    orgId: string,
    siteId: number,
    sessions: readonly S.StoredSession[],
    losses: readonly S.LooseLoss[] = [],
  ): Promise<void> {
    return this.#options.writes.transaction(async (query) => {
      const locked = await lockSessions(query, [orgId])
      if (!locked.has(orgId)) throw beingDeleted(orgId)
      await mustExist(query, [orgId])
      if (sessions.length > 0) await this.#sessions.writeLoose(orgId, siteId, sessions)
      const statements = losses.flatMap((loss) =>
        lossSql({ ...loss, orgId, siteId }, loss.reason, 'ctid'),
      )
      if (statements.length > 0) await query(statements.join(';\n'))
    })
  }

  page(orgId: string, request: S.PageRequest, cancel?: S.Cancel): Promise<S.Page> {
    return this.#sessions.page(orgId, request, cancel)
  }

  count(orgId: string, filter: S.LogFilter, cancel?: S.Cancel): Promise<number> {
    return this.#sessions.count(orgId, filter, cancel)
  }

  attributes(orgId: string, filter: S.LogFilter, cancel?: S.Cancel): Promise<S.FilterAttributes> {
    return this.#sessions.attributes(orgId, filter, cancel)
  }

  summary(orgId: string, request: S.SummaryRequest, cancel?: S.Cancel): Promise<S.Summary> {
    return this.#sessions.summary(orgId, request, cancel)
  }

  matrix(orgId: string, request: S.MatrixRequest, cancel?: S.Cancel): Promise<S.Matrix> {
    return this.#sessions.matrix(orgId, request, cancel)
  }

  changes(orgId: string, request: S.ChangesRequest, cancel?: S.Cancel): Promise<S.Changes> {
    return this.#sessions.changes(orgId, request, cancel)
  }

  newPairs(orgId: string, request: S.NewPairsRequest, cancel?: S.Cancel): Promise<S.NewPairs> {
    return this.#sessions.newPairs(orgId, request, cancel)
  }

  histogram(orgId: string, request: S.HistogramRequest, cancel?: S.Cancel): Promise<S.Histogram> {
    return this.#sessions.histogram(orgId, request, cancel)
  }

  usage(orgId: string, request: S.UsageRequest, cancel?: S.Cancel): Promise<readonly S.UsageRow[]> {
    return this.#sessions.usage(orgId, request, cancel)
  }

  facts(orgId: string, filter: S.LogFilter): Promise<S.StoreFacts> {
    return this.#sessions.facts(orgId, filter)
  }

  rows(
    orgId: string,
    filter: S.LogFilter,
    sort: S.Sort,
    cancel?: S.Cancel,
  ): AsyncIterable<readonly S.LogRow[]> {
    return this.#sessions.rows(orgId, filter, sort, cancel)
  }

  csv(
    orgId: string,
    filter: S.LogFilter,
    sort: S.Sort,
    options?: S.ExportOptions,
  ): AsyncIterable<S.CsvPiece> {
    return this.#sessions.csv(orgId, filter, sort, options)
  }

  parquet(
    orgId: string,
    filter: S.LogFilter,
    sort: S.Sort,
    options?: S.ExportOptions,
  ): Promise<Readable> {
    return this.#sessions.parquet(orgId, filter, sort, options)
  }

  gaps(
    orgId: string,
    fromUs: number,
    toUs: number,
    siteIds?: readonly number[],
  ): Promise<readonly S.Gap[]> {
    return this.#ledger.gaps(orgId, fromUs, toUs, siteIds)
  }

  meters(orgId: string): Promise<readonly S.MeterStatus[]> {
    return this.#ledger.meters(orgId)
  }

  coverage(orgId: string, range: S.Span, siteIds?: readonly number[]): Promise<S.Coverage> {
    return this.#ledger.coverage(orgId, range, siteIds)
  }

  peerEvents(orgId: string, request: S.PeerPageRequest): Promise<S.PeerPage> {
    return this.#peers.peerEvents(orgId, request)
  }

  peerConnections(
    orgId: string,
    request: S.ConnectionsRequest,
  ): Promise<readonly S.PeerConnection[]> {
    return this.#peers.peerConnections(orgId, request)
  }

  peerEventsOf(orgId: string, subject: S.Subject): Promise<number> {
    return this.#peers.peerEventsOf(orgId, subject)
  }

  catalog(orgId: string): Promise<S.CatalogVersion> {
    return this.#catalogs.catalog(orgId)
  }

  namesOf(orgId: string, entry: S.CatalogEntry): Promise<readonly S.EntryName[]> {
    return this.#catalogs.namesOf(orgId, entry)
  }

  putCatalog(
    orgId: string,
    catalog: Catalog,
    ifMatch?: readonly string[],
  ): Promise<S.CatalogVersion | null> {
    return this.#catalogs.putCatalog(orgId, catalog, ifMatch)
  }

  /** Of all servers, as of the last look (arrivals.ts). */
  lastArrival(orgId?: string): number {
    return orgId === undefined ? this.#arrivals.settled : this.#arrivals.settledOf(orgId)
  }

  arrived(orgId: string, request: S.ArrivedRequest): Promise<S.Arrived> {
    return this.#sessions.arrived(orgId, request)
  }

  countArrived(orgId: string, request: Counted): Promise<S.ArrivedCount> {
    return this.#sessions.countArrived(orgId, request)
  }

  arrivedPeers(orgId: string, request: S.ArrivedRequest): Promise<S.Arrived<S.PeerEventRow>> {
    return this.#peers.arrivedPeers(orgId, request)
  }

  countArrivedPeers(orgId: string, request: Counted): Promise<S.ArrivedCount> {
    return this.#peers.countArrivedPeers(orgId, request)
  }

  async closeInterrupted(): Promise<number> {
    await this.#sessions.resume()
    return this.#sessions.closeInterrupted()
  }

  /** Hides sessions at once, and deletes whole days, because a deletion rewrites the days that it touches. */
  async expire(orgId: string, beforeUs: number): Promise<number> {
    await this.#meta.expire(orgId, beforeUs)
    // A retention of 0: nothing is kept, and what comes later is not hidden.
    if (beforeUs > this.#clockUs()) return this.#sessions.expire(orgId, beforeUs)
    const hidden = await this.#sessions.countEnded(orgId, beforeUs)
    if (hidden > 0) await this.#meta.hide(orgId, beforeUs)
    const day = Math.floor(beforeUs / DAY_US) * DAY_US
    await this.#meta.deletedOnce(orgId, day, () => this.#sessions.expire(orgId, day))
    return hidden
  }

  async erase(orgId: string, subject: S.Subject): Promise<number> {
    await this.closeInterrupted()
    const erased = await this.#sessions.erase(orgId, subject)
    await this.#meta.deletePeerEvents(orgId, isOf(subject))
    return erased
  }

  async pseudonymise(
    orgId: string,
    subject: S.Subject,
    addresses: readonly string[],
  ): Promise<number> {
    const pseudonyms = new Pseudonyms(addresses)
    const replaced = await this.#sessions.pseudonymise(orgId, subject, addresses, pseudonyms)
    await this.#meta.replaceTotals(orgId, subject, (kind, id) => pseudonyms.of(kind, id))
    await this.#meta.replacePeerEvents(orgId, subject, (kind, id) => pseudonyms.of(kind, id))
    await this.#meta.forget(orgId, subject)
    return replaced
  }

  async removeSessions(orgId: string, siteId: number): Promise<number> {
    // Another server may take batches of the site until it knows that its keys are revoked.
    await sleep(this.#options.staleMs ?? STALE_MS)
    await this.#meta.deletePeerEvents(orgId, `site_id = ${int(siteId)}`)
    return this.#sessions.removeSessions(orgId, siteId)
  }

  async removeOrg(orgId: string): Promise<number> {
    const removed = await this.#sessions.removeOrg(orgId)
    await this.#meta.removeOrg(orgId)
    return removed
  }

  expireUsage(beforeMonth: string): Promise<void> {
    return this.#meta.expireUsage(beforeMonth)
  }

  backup(): Promise<void> {
    const hint = 'Use BACKUP of ClickHouse and pg_dump: see docs/clickhouse.md.'
    return Promise.reject(
      new AppError('NO_BACKUP', 'the sessions are in ClickHouse, all else in PostgreSQL', { hint }),
    )
  }

  async ping(): Promise<void> {
    await Promise.all([this.#sessions.ping(), this.#options.postgres.query('SELECT 1')])
  }

  stats(): S.StoreStats {
    return {
      revisedSessions: this.#sessions.revisedSessions,
      conflictingSessions: this.#conflicts,
    }
  }

  /** PostgreSQL's connections stay. */
  async close(): Promise<void> {
    await this.#ledger.close()
    await this.#sessions.close()
    await this.#arrivals.close()
  }
}
