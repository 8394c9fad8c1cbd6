/**
 * The embedded store: a log and one DuckDB file behind the Store interface. Each job has its own file in this folder.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { DuckDBConnection } from '@duckdb/node-api'
import { AppError } from '../../../base/errors.js'
import type { Catalog } from '../../../session/catalog.js'
import { Log } from '../../log/log.js'
import { LOG_BYTES_MAX, LOG_KEEP_MS, type StoreConfig } from '../config.js'
import { coverage } from '../meters/coverage.js'
import { GAPS_SHOWN, gaps, meterStatuses } from '../meters/reports.js'
import { Mutex } from '../mutex.js'
import {
  arrivedPeers,
  countArrivedPeers,
  countPeerEvents,
  peerConnections,
  peerEvents,
} from '../peer-queries.js'
import type {
  Arrived,
  ArrivedCount,
  ArrivedRequest,
  Cancel,
  CatalogEntry,
  CatalogVersion,
  Changes,
  ChangesRequest,
  ConnectionsRequest,
  Coverage,
  CsvPiece,
  EntryName,
  ExportOptions,
  FilterAttributes,
  Gap,
  Histogram,
  HistogramRequest,
  LogFilter,
  LogRow,
  LooseLoss,
  Matrix,
  MatrixRequest,
  MeterStatus,
  NewPairs,
  NewPairsRequest,
  Page,
  PageRequest,
  PeerConnection,
  PeerEventRow,
  PeerPage,
  PeerPageRequest,
  Sort,
  Span,
  Store,
  StoredSession,
  StoreFacts,
  StoreStats,
  Subject,
  Summary,
  SummaryRequest,
  UsageRequest,
  UsageRow,
  WriteReceipt,
  WriteRequest,
} from '../store.js'
import { Database, literal, rowsIn } from './database.js'
import { explained, isFull } from './errors.js'
import { copyDatabase } from './export/copy.js'
import { ExportSlots } from './export/export-slots.js'
import { Exporter, removeExports } from './export/exporter.js'
import { arrived, countArrived } from './read/arrived.js'
import { attributes } from './read/attributes.js'
import { namesOf, readCatalog, writeCatalog } from './read/catalog.js'
import { changes, newPairs } from './read/changes.js'
import { histogram } from './read/histogram.js'
import { matrix } from './read/matrix.js'
import { withTextIds } from './read/names.js'
import { count, facts, page } from './read/pages.js'
import { isParty } from './read/sql-parts.js'
import { summary, usage } from './read/summary.js'
import { isInterrupted, openCountSql } from './read/where.js'
import { secondsSince } from './schema/migrate.js'
import { Erasure, isOf } from './write/erasure.js'
import { CLOSE_SESSIONS_MAX } from './write/group-commit.js'
import { adoptJournal } from './write/old-journal.js'
import { Retention } from './write/retention.js'
import { ROLL_ROWS } from './write/rollup.js'
import { Writer } from './write/writer.js'

/** Limits that tests reduce. */
export interface DuckStoreOptions extends StoreConfig {
  /** New sessions after which sums by the hour are due. Default: ROLL_ROWS. */
  readonly rollRows?: number
  /** Size of the write-ahead log at which a checkpoint is due. Default: 64 MiB. */
  readonly walBytes?: number
  /** Rows that an export reads at once. Default: SLICE_ROWS, for CSV CSV_SLICE_ROWS. */
  readonly sliceRows?: number
}

const DAY_US = 86400e6
const WAL_BYTES_MAX = 64 * 2 ** 20

/** See peerConnections(). */
const CONNECTION_KEY =
  'hash(site_id, meter_id, interface, coalesce(public_key, client_id::VARCHAR))'

export class DuckStore implements Store {
  readonly #database: Database
  readonly #writer: Writer
  readonly #retention: Retention
  readonly #erasure: Erasure
  readonly #catalogs: DuckDBConnection
  readonly #clockUs: () => number
  readonly #exports: Exporter
  readonly #backups = new Mutex()

  private constructor(
    database: Database,
    writer: Writer,
    connections: { retention: DuckDBConnection; catalogs: DuckDBConnection },
    options: DuckStoreOptions,
  ) {
    this.#database = database
    this.#writer = writer
    this.#retention = new Retention(connections.retention, {
      mutex: writer.mutex,
      between: (work) => writer.expiringBetweenGroups(work),
      makeRoom: () => writer.checkpointIfTight(),
    })
    this.#erasure = new Erasure(connections.retention, (work) => writer.deletingBetweenGroups(work))
    this.#catalogs = connections.catalogs
    this.#clockUs = options.clockUs ?? (() => Date.now() * 1e3)
    this.#exports = new Exporter(new ExportSlots(database, () => writer.applied()), {
      directory: options.directory,
      clockUs: this.#clockUs,
      sliceRows: options.sliceRows,
    })
  }

  /** @throws AppError STORE_LOCKED, STORE_NEWER, STORE_UNREADABLE */
  static async open(options: DuckStoreOptions): Promise<DuckStore> {
    const database = await Database.open(options)
    try {
      return await DuckStore.#on(database, options)
    } catch (error) {
      await database.close()
      throw error
    }
  }

  static async #on(database: Database, options: DuckStoreOptions): Promise<DuckStore> {
    removeExports(options.directory)
    const start = performance.now()
    const { log, recovery } = Log.open({
      directory: join(options.directory, 'log'),
      bytesMax: options.logBytes ?? LOG_BYTES_MAX,
      keepMs: options.logKeepMs ?? LOG_KEEP_MS,
    })
    const { cutBytes, damagedPlaces } = recovery
    if (cutBytes + damagedPlaces > 0)
      options.progress?.('the log of a server that was killed ends in the middle of an entry', {
        cutBytes,
        damagedPlaces,
      })
    await adoptJournal(options.directory, log, Date.now() * 1e3)
    const writer = await Writer.open(database, {
      log,
      readLogged: options.readLogged,
      progress: options.progress,
      readWaitMs: options.readWaitMs,
      clockUs: options.clockUs ?? (() => Date.now() * 1e3),
      rollRows: options.rollRows ?? ROLL_ROWS,
      arrivalsAfter: options.arrivalsAfter,
      walBytes: options.walBytes ?? WAL_BYTES_MAX,
    })
    const seconds = secondsSince(start)
    // It takes long only for a file of an older version, or after a kill.
    if (seconds > 1) options.progress?.('sums by the hour are up to date', { seconds })
    const connections = { retention: await database.connect(), catalogs: await database.connect() }
    return new DuckStore(database, writer, connections, options)
  }

  write({ body, ...given }: WriteRequest): Promise<WriteReceipt> {
    return inWords(this.#writer.submit(given, body))
  }

  async writeLoose(
    orgId: string,
    siteId: number,
    sessions: readonly StoredSession[],
    losses: readonly LooseLoss[] = [],
  ): Promise<void> {
    await inWords(this.#writer.submit({ orgId, siteId, batch: null, sessions, losses }))
  }

  page(orgId: string, request: PageRequest, cancel?: Cancel): Promise<Page> {
    return this.#ask(orgId, request.filter, cancel, (c, filter, nowUs) =>
      page(c, orgId, { ...request, filter }, nowUs),
    )
  }

  count(orgId: string, given: LogFilter, cancel?: Cancel): Promise<number> {
    return this.#ask(orgId, given, cancel, (c, filter, nowUs) => count(c, orgId, filter, nowUs))
  }

  attributes(orgId: string, given: LogFilter, cancel?: Cancel): Promise<FilterAttributes> {
    return this.#ask(orgId, given, cancel, (c, filter, nowUs) =>
      attributes(c, orgId, filter, nowUs),
    )
  }

  summary(orgId: string, request: SummaryRequest, cancel?: Cancel): Promise<Summary> {
    return this.#ask(orgId, request.filter, cancel, (c, filter, nowUs) =>
      summary(c, orgId, { ...request, filter }, nowUs),
    )
  }

  matrix(orgId: string, request: MatrixRequest, cancel?: Cancel): Promise<Matrix> {
    return this.#ask(orgId, request.filter, cancel, (c, filter, nowUs) =>
      matrix(c, orgId, { ...request, filter }, nowUs),
    )
  }

  changes(orgId: string, request: ChangesRequest, cancel?: Cancel): Promise<Changes> {
    return this.#ask(orgId, request.filter, cancel, (c, filter, nowUs) =>
      changes(c, orgId, { ...request, filter }, nowUs),
    )
  }

  newPairs(orgId: string, request: NewPairsRequest, cancel?: Cancel): Promise<NewPairs> {
    return this.#ask(orgId, request.filter, cancel, (c, filter, nowUs) =>
      newPairs(c, orgId, { ...request, filter }, nowUs),
    )
  }

  histogram(orgId: string, request: HistogramRequest, cancel?: Cancel): Promise<Histogram> {
    return this.#ask(orgId, request.filter, cancel, (c, filter, nowUs) =>
      histogram(c, orgId, { ...request, filter }, nowUs),
    )
  }

  #ask<T>(
    orgId: string,
    given: LogFilter,
    cancel: Cancel | undefined,
    work: (c: DuckDBConnection, filter: LogFilter, nowUs: number) => Promise<T>,
  ): Promise<T> {
    return this.#read(
      orgId,
      async (c) => work(c, await withTextIds(c, orgId, given), this.#clockUs()),
      cancel,
    )
  }

  /** Waits for the batches acknowledged before, then reads. If they take too long, it calls `late`. */
  async #read<T>(
    orgId: string,
    work: (c: DuckDBConnection) => Promise<T>,
    cancel?: Cancel,
  ): Promise<T> {
    const behind = await this.#writer.applied()
    if (behind !== null) cancel?.late?.(behind)
    return this.#database.read(orgId, work, cancel?.signal)
  }

  usage(orgId: string, request: UsageRequest, cancel?: Cancel): Promise<readonly UsageRow[]> {
    return this.#read(orgId, (c) => usage(c, orgId, request), cancel)
  }

  facts(orgId: string, filter: LogFilter): Promise<StoreFacts> {
    return this.#read(orgId, (c) => facts(c, orgId, filter))
  }

  rows(
    orgId: string,
    filter: LogFilter,
    sort: Sort,
    cancel?: Cancel,
  ): AsyncGenerator<readonly LogRow[]> {
    return this.#exports.rows(orgId, filter, sort, cancel)
  }

  csv(
    orgId: string,
    filter: LogFilter,
    sort: Sort,
    options?: ExportOptions,
  ): AsyncGenerator<CsvPiece> {
    return this.#exports.csv(orgId, filter, sort, options)
  }

  parquet(
    orgId: string,
    filter: LogFilter,
    sort: Sort,
    options?: ExportOptions,
  ): Promise<Readable> {
    return this.#exports.parquet(orgId, filter, sort, options)
  }

  gaps(
    orgId: string,
    fromUs: number,
    toUs: number,
    siteIds?: readonly number[],
  ): Promise<readonly Gap[]> {
    return this.#read(orgId, (c) =>
      gaps(rowsIn(c), orgId, { fromUs, toUs, siteIds, shown: GAPS_SHOWN }),
    )
  }

  meters(orgId: string, cancel?: Cancel): Promise<readonly MeterStatus[]> {
    const nowUs = this.#clockUs()
    return this.#read(
      orgId,
      (c) => meterStatuses(rowsIn(c), orgId, nowUs, openCountSql(nowUs)),
      cancel,
    )
  }

  coverage(
    orgId: string,
    range: Span,
    siteIds?: readonly number[],
    cancel?: Cancel,
  ): Promise<Coverage> {
    return this.#read(orgId, (c) => coverage(rowsIn(c), orgId, range, siteIds), cancel)
  }

  peerEvents(orgId: string, request: PeerPageRequest, cancel?: Cancel): Promise<PeerPage> {
    return this.#read(orgId, (c) => peerEvents(rowsIn(c), orgId, request), cancel)
  }

  peerConnections(
    orgId: string,
    request: ConnectionsRequest,
    cancel?: Cancel,
  ): Promise<readonly PeerConnection[]> {
    return this.#read(
      orgId,
      (c) => peerConnections(rowsIn(c), orgId, request, CONNECTION_KEY),
      cancel,
    )
  }

  peerEventsOf(orgId: string, subject: Subject): Promise<number> {
    return this.#read(orgId, (c) => countPeerEvents(rowsIn(c), orgId, isOf(subject)))
  }

  arrivedPeers(orgId: string, request: ArrivedRequest): Promise<Arrived<PeerEventRow>> {
    return this.#database.read(orgId, (c) => arrivedPeers(rowsIn(c), orgId, request))
  }

  countArrivedPeers(
    orgId: string,
    request: Omit<ArrivedRequest, 'limit'> & { readonly endedBeforeUs?: number },
  ): Promise<ArrivedCount> {
    return this.#database.read(orgId, (c) => countArrivedPeers(rowsIn(c), orgId, request))
  }

  lastArrival(orgId?: string): number {
    return this.#writer.lastArrival(orgId)
  }

  arrived(orgId: string, request: ArrivedRequest): Promise<Arrived> {
    return this.#database.read(orgId, async (c) =>
      arrived(c, orgId, { ...request, filter: await withTextIds(c, orgId, request.filter) }),
    )
  }

  countArrived(
    orgId: string,
    request: Omit<ArrivedRequest, 'limit'> & { readonly endedBeforeUs?: number },
  ): Promise<ArrivedCount> {
    return this.#database.read(orgId, async (c) =>
      countArrived(c, orgId, { ...request, filter: await withTextIds(c, orgId, request.filter) }),
    )
  }

  catalog(orgId: string): Promise<CatalogVersion> {
    return this.#database.read(orgId, (c) => readCatalog(c, orgId))
  }

  namesOf(orgId: string, entry: CatalogEntry): Promise<readonly EntryName[]> {
    return this.#database.read(orgId, (c) => namesOf(c, orgId, entry))
  }

  putCatalog(
    orgId: string,
    catalog: Catalog,
    ifMatch?: readonly string[],
  ): Promise<CatalogVersion | null> {
    const write = () => writeCatalog(this.#catalogs, orgId, catalog, this.#clockUs(), ifMatch)
    return inWords(this.#writer.mutex.run(write))
  }

  /** Runs between groups of batches. Each time it closes at most CLOSE_SESSIONS_MAX sessions. */
  closeInterrupted(): Promise<number> {
    return this.#closeInterrupted()
  }

  async #closeInterrupted(which?: string): Promise<number> {
    // Acknowledged batches may show that a session is not interrupted.
    await this.#writer.applied()
    let closed = 0
    for (;;) {
      const some = await this.#writer.closeInterrupted(which)
      closed += some
      if (some < CLOSE_SESSIONS_MAX) return closed
    }
  }

  async expire(orgId: string, beforeUs: number, cancel?: Pick<Cancel, 'late'>): Promise<number> {
    const behind = await this.#writer.applied()
    if (behind !== null) cancel?.late?.(behind)
    const expire = () => this.#retention.expire(orgId, beforeUs)
    const deleted = await expire().catch(async (error: unknown) => {
      if (!isFull(error)) throw error
      // Deleting needs free space before it can make more.
      await this.#writer.freeLog()
      return expire()
    })
    if (deleted > 0) await this.#retention.compactUsage()
    await this.#retention.compactRollup()
    if (deleted > 0) await this.#writer.checkpointIfTight(true)
    return deleted
  }

  erase(orgId: string, subject: Subject): Promise<number> {
    return inWords(this.#erase(orgId, subject))
  }

  async #erase(orgId: string, subject: Subject): Promise<number> {
    await this.#emptyLog()
    // An erased open session leaves no totals, because its meter reports it again. Nobody reports the interrupted ones
    // again, so they must be ended first and leave their totals.
    const silent = `t.org_id = ${literal(orgId)} AND ${isParty(subject)} AND ${isInterrupted(this.#clockUs())}`
    await this.#closeInterrupted(silent)
    const erased = await this.#erasure.erase(orgId, subject)
    await this.#retention.compactUsage()
    // The sums by the hour hold the person's id until sums that cancel each other are compacted.
    if (erased > 0) await this.#retention.compactRollupNow()
    return erased
  }

  pseudonymise(orgId: string, subject: Subject, addresses: readonly string[]): Promise<number> {
    return inWords(this.#pseudonymise(orgId, subject, addresses))
  }

  async #pseudonymise(
    orgId: string,
    subject: Subject,
    addresses: readonly string[],
  ): Promise<number> {
    await this.#emptyLog()
    await this.closeInterrupted()
    const replaced = await this.#erasure.pseudonymise(orgId, subject, addresses)
    if (replaced > 0) await this.#retention.compactRollupNow()
    return replaced
  }

  removeSessions(orgId: string, siteId: number): Promise<number> {
    return inWords(this.#removeSessions(orgId, siteId))
  }

  async #removeSessions(orgId: string, siteId: number): Promise<number> {
    await this.#emptyLog()
    const removed = await this.#erasure.removeSessions(orgId, siteId)
    await this.#retention.compactUsage()
    if (removed > 0) await this.#retention.compactRollupNow()
    return removed
  }

  removeOrg(orgId: string): Promise<number> {
    return inWords(this.#removeOrg(orgId))
  }

  async #removeOrg(orgId: string): Promise<number> {
    await this.#emptyLog()
    const removed = await this.#erasure.removeOrg(orgId)
    await this.#writer.reload()
    return removed
  }

  /** Applies all acknowledged batches, because sessions still in the log would come back after the deletion. */
  async #emptyLog(): Promise<void> {
    await this.#writer.forgetApplied()
    if ((await this.#writer.applied(Number.POSITIVE_INFINITY)) !== null)
      throw new AppError('STORE_BUSY', 'the database is behind the log: nothing was deleted', {
        hint: 'Try again in a few seconds.',
      })
  }

  async expireUsage(beforeMonth: string): Promise<void> {
    await this.#writer.tidyLog().catch(() => undefined)
    const now = this.#clockUs()
    return this.#retention.expireUsage(beforeMonth, now - DAY_US, now - 400 * DAY_US)
  }

  /** Backups run one at a time. */
  backup(directory: string): Promise<void> {
    return this.#backups.run(async () => {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await this.#writer.applied(Number.POSITIVE_INFINITY)
      const madeAt = new Date(this.#clockUs() / 1e3).toISOString()
      await copyDatabase(this.#database, join(directory, 'sessions.duckdb'), madeAt)
    })
  }

  async ping(): Promise<void> {
    await this.#database.read('', (c) => c.run('SELECT 1'))
  }

  get restoredFrom(): string | null {
    return this.#writer.restoredFrom
  }

  stats(): Required<StoreStats> {
    return {
      fileBytes: this.#database.fileBytes(),
      walBytes: this.#database.walBytes(),
      diskFreeBytes: this.#database.freeBytes(),
      ...this.#writer.stats,
      exports: this.#exports.running,
      exportsWaiting: this.#exports.waiting,
    }
  }

  async close(): Promise<void> {
    await this.#writer.close()
    // Wait for other work that holds the mutex.
    await this.#writer.mutex.run(() => Promise.resolve())
    await this.#database.close()
  }
}

/** Explains failures such as a full disk. */
async function inWords<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw explained(error)
  }
}
