/**
 * The embedded store: a log and one DuckDB file behind the Store interface, which has the types of all requests and
 * answers. Each job has its own file in this folder.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { usToIso } from '../../../base/instant.js'
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
  Cancel,
  CatalogVersion,
  LogFilter,
  LooseLoss,
  Store,
  StoredSession,
  StoreStats,
  WriteReceipt,
  WriteRequest,
} from '../store.js'
import { Database, rowsIn } from './database.js'
import { explained } from './errors.js'
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
import { summary, usage } from './read/summary.js'
import { openCountSql } from './read/where.js'
import { secondsSince } from './schema/migrate.js'
import { Deletions } from './write/deletions.js'
import { isOf } from './write/erasure.js'
import { adoptJournal } from './write/old-journal.js'
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

const WAL_BYTES_MAX = 64 * 2 ** 20

/** See peerConnections(). */
const CONNECTION_KEY =
  'hash(site_id, meter_id, interface, coalesce(public_key, client_id::VARCHAR))'

export class DuckStore implements Store {
  readonly #database: Database
  readonly #writer: Writer
  readonly #deletions: Deletions
  readonly #catalogs: DuckDBConnection
  readonly #clockUs: () => number
  readonly #exports: Exporter
  readonly #backups = new Mutex()

  private constructor(
    database: Database,
    writer: Writer,
    connections: { deletions: DuckDBConnection; catalogs: DuckDBConnection },
    options: DuckStoreOptions,
  ) {
    this.#database = database
    this.#writer = writer
    this.#clockUs = options.clockUs ?? (() => Date.now() * 1e3)
    this.#deletions = new Deletions(connections.deletions, writer, this.#clockUs)
    this.#catalogs = connections.catalogs
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
    const connections = { deletions: await database.connect(), catalogs: await database.connect() }
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

  readonly page: Store['page'] = (orgId, request, cancel) =>
    this.#ask(orgId, request.filter, cancel, (c, filter, nowUs) =>
      page(c, orgId, { ...request, filter }, nowUs),
    )

  readonly count: Store['count'] = (orgId, given, cancel) =>
    this.#ask(orgId, given, cancel, (c, filter, nowUs) => count(c, orgId, filter, nowUs))

  readonly attributes: Store['attributes'] = (orgId, given, cancel) =>
    this.#ask(orgId, given, cancel, (c, filter, nowUs) => attributes(c, orgId, filter, nowUs))

  readonly summary: Store['summary'] = (orgId, request, cancel) =>
    this.#ask(orgId, request.filter, cancel, (c, filter, nowUs) =>
      summary(c, orgId, { ...request, filter }, nowUs),
    )

  readonly matrix: Store['matrix'] = (orgId, request, cancel) =>
    this.#ask(orgId, request.filter, cancel, (c, filter, nowUs) =>
      matrix(c, orgId, { ...request, filter }, nowUs),
    )

  readonly changes: Store['changes'] = (orgId, request, cancel) =>
    this.#ask(orgId, request.filter, cancel, (c, filter, nowUs) =>
      changes(c, orgId, { ...request, filter }, nowUs),
    )

  readonly newPairs: Store['newPairs'] = (orgId, request, cancel) =>
    this.#ask(orgId, request.filter, cancel, (c, filter, nowUs) =>
      newPairs(c, orgId, { ...request, filter }, nowUs),
    )

  readonly histogram: Store['histogram'] = (orgId, request, cancel) =>
    this.#ask(orgId, request.filter, cancel, (c, filter, nowUs) =>
      histogram(c, orgId, { ...request, filter }, nowUs),
    )

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

  readonly usage: Store['usage'] = (orgId, request, cancel) =>
    this.#read(orgId, (c) => usage(c, orgId, request), cancel)

  readonly facts: Store['facts'] = (orgId, filter) =>
    this.#read(orgId, (c) => facts(c, orgId, filter))

  readonly rows: Store['rows'] = (orgId, filter, sort, cancel) =>
    this.#exports.rows(orgId, filter, sort, cancel)

  readonly csv: Store['csv'] = (orgId, filter, sort, options) =>
    this.#exports.csv(orgId, filter, sort, options)

  readonly parquet: Store['parquet'] = (orgId, filter, sort, options) =>
    this.#exports.parquet(orgId, filter, sort, options)

  readonly gaps: Store['gaps'] = (orgId, fromUs, toUs, siteIds) =>
    this.#read(orgId, (c) => gaps(rowsIn(c), orgId, { fromUs, toUs, siteIds, shown: GAPS_SHOWN }))

  readonly meters: Store['meters'] = (orgId, cancel) => {
    const nowUs = this.#clockUs()
    return this.#read(
      orgId,
      (c) => meterStatuses(rowsIn(c), orgId, nowUs, openCountSql(nowUs)),
      cancel,
    )
  }

  readonly coverage: Store['coverage'] = (orgId, range, siteIds, cancel) =>
    this.#read(orgId, (c) => coverage(rowsIn(c), orgId, range, siteIds), cancel)

  readonly peerEvents: Store['peerEvents'] = (orgId, request, cancel) =>
    this.#read(orgId, (c) => peerEvents(rowsIn(c), orgId, request), cancel)

  readonly peerConnections: Store['peerConnections'] = (orgId, request, cancel) =>
    this.#read(orgId, (c) => peerConnections(rowsIn(c), orgId, request, CONNECTION_KEY), cancel)

  readonly peerEventsOf: Store['peerEventsOf'] = (orgId, subject) =>
    this.#read(orgId, (c) => countPeerEvents(rowsIn(c), orgId, isOf(subject)))

  readonly arrivedPeers: Store['arrivedPeers'] = (orgId, request) =>
    this.#database.read(orgId, (c) => arrivedPeers(rowsIn(c), orgId, request))

  readonly countArrivedPeers: Store['countArrivedPeers'] = (orgId, request) =>
    this.#database.read(orgId, (c) => countArrivedPeers(rowsIn(c), orgId, request))

  readonly lastArrival: Store['lastArrival'] = (orgId) => this.#writer.lastArrival(orgId)

  readonly arrived: Store['arrived'] = (orgId, request) =>
    this.#database.read(orgId, async (c) =>
      arrived(c, orgId, { ...request, filter: await withTextIds(c, orgId, request.filter) }),
    )

  readonly countArrived: Store['countArrived'] = (orgId, request) =>
    this.#database.read(orgId, async (c) =>
      countArrived(c, orgId, { ...request, filter: await withTextIds(c, orgId, request.filter) }),
    )

  readonly catalog: Store['catalog'] = (orgId) =>
    this.#database.read(orgId, (c) => readCatalog(c, orgId))

  readonly namesOf: Store['namesOf'] = (orgId, entry) =>
    this.#database.read(orgId, (c) => namesOf(c, orgId, entry))

  putCatalog(
    orgId: string,
    catalog: Catalog,
    ifMatch?: readonly string[],
  ): Promise<CatalogVersion | null> {
    const write = () => writeCatalog(this.#catalogs, orgId, catalog, this.#clockUs(), ifMatch)
    return inWords(this.#writer.mutex.run(write))
  }

  readonly closeInterrupted: Store['closeInterrupted'] = () => this.#deletions.closeInterrupted()

  readonly expire: Store['expire'] = (orgId, beforeUs, cancel) =>
    this.#deletions.expire(orgId, beforeUs, cancel)

  readonly erase: Store['erase'] = (orgId, subject) =>
    inWords(this.#deletions.erase(orgId, subject))

  readonly pseudonymise: Store['pseudonymise'] = (orgId, subject, addresses) =>
    inWords(this.#deletions.pseudonymise(orgId, subject, addresses))

  readonly removeSessions: Store['removeSessions'] = (orgId, siteId) =>
    inWords(this.#deletions.removeSessions(orgId, siteId))

  readonly removeOrg: Store['removeOrg'] = (orgId) => inWords(this.#deletions.removeOrg(orgId))

  readonly expireUsage: Store['expireUsage'] = (beforeMonth) =>
    this.#deletions.expireUsage(beforeMonth)

  /** Backups run one at a time. */
  backup(directory: string): Promise<void> {
    return this.#backups.run(async () => {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await this.#writer.applied(Number.POSITIVE_INFINITY)
      const madeAt = usToIso(this.#clockUs())
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
