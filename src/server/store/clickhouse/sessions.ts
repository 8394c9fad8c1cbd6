/**
 * The log of sessions in ClickHouse. What needs transactions is behind SessionMeta, in another database.
 *
 * A session's reports are rows with versions, of which the largest stays (schema/version.ts): so repetition, order and
 * grouping of writes do not matter. Queries read the table with FINAL, which leaves the largest of each session.
 */
import type { Readable } from 'node:stream'
import { startBefore } from '../changes-shape.js'
import { int } from '../sql/sql.js'
import type {
  Arrived,
  ArrivedCount,
  ArrivedRequest,
  Cancel,
  Changes,
  ChangesRequest,
  CsvPiece,
  ExportOptions,
  FilterAttributes,
  Histogram,
  HistogramRequest,
  LogFilter,
  LogRow,
  Matrix,
  MatrixRequest,
  NewPairs,
  NewPairsRequest,
  Page,
  PageRequest,
  SessionLog,
  Sort,
  StoredSession,
  StoreFacts,
  Subject,
  Summary,
  SummaryRequest,
  UsageRequest,
  UsageRow,
} from '../store.js'
import { type ClickHouseAddress, Client } from './client.js'
import { CsvLines } from './export/csv.js'
import { exportRows, removeAbandoned, SLICE_ROWS } from './export/exports.js'
import { parquet } from './export/parquet.js'
import type { SessionMeta } from './meta.js'
import { arrived, countArrived } from './read/arrived.js'
import { attributes } from './read/attributes.js'
import { changes, newPairs } from './read/changes.js'
import { histogram } from './read/histogram.js'
import { matrix } from './read/matrix.js'
import { count, facts, page } from './read/pages.js'
import { FROM, type Scope, scopeOf } from './read/scope.js'
import { summary } from './read/summary.js'
import { usage, usageRange } from './read/usage.js'
import { checkOwner } from './schema/owner.js'
import { SCHEMA } from './schema/schema.js'
import type { SiteSessions } from './write/admit.js'
import { Deletions, type Going, isPartyOf } from './write/deletions.js'
import { Pseudonyms } from './write/pseudonyms.js'
import { SessionsWriter, type Written } from './write/sessions-writer.js'

const SILENCE_US = 600e6
const ALL: LogFilter = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER }

export interface ClickHouseOptions extends ClickHouseAddress {
  readonly meta: SessionMeta
  /** The id of the database behind `meta`; undefined: any. */
  readonly owner?: string
  readonly clockUs?: () => number
  /** A meter that was not heard for longer reports no open sessions. */
  readonly silenceUs?: number
  /** Rows that an export reads at once. */
  readonly sliceRows?: number
  /** Sessions of one slice of a deletion. */
  readonly deleteRows?: number
}

export class ClickHouseSessions implements SessionLog {
  readonly #client: Client
  readonly #meta: SessionMeta
  readonly #clockUs: () => number
  readonly #options: ClickHouseOptions
  readonly #writer: SessionsWriter
  readonly #deletions: Deletions
  #revised = 0

  private constructor(client: Client, options: ClickHouseOptions) {
    this.#client = client
    this.#options = options
    this.#meta = options.meta
    this.#clockUs = options.clockUs ?? (() => Date.now() * 1e3)
    this.#writer = new SessionsWriter(client, options.meta, this.#clockUs)
    this.#deletions = new Deletions(client, options.meta, options.deleteRows)
  }

  /** Makes the tables. */
  static async open(options: ClickHouseOptions): Promise<ClickHouseSessions> {
    const client = new Client(options)
    const sessions = new ClickHouseSessions(client, options)
    try {
      if (options.owner !== undefined) await checkOwner(client, options.owner)
      for (const statement of SCHEMA) await client.run(statement)
      await sessions.#writer.open()
      return sessions
    } catch (error) {
      await client.close()
      throw error
    }
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  async ping(): Promise<void> {
    await this.#client.rows('', 'SELECT 1')
  }

  /** Ended sessions that a later report replaced, since opening. */
  get revisedSessions(): number {
    return this.#revised
  }

  /** Ends deletions that a killed server began. Until then readers leave out the sessions of these deletions. */
  async resume(): Promise<void> {
    await this.#deletions.resume()
    await removeAbandoned(this.#client)
  }

  /** Sessions of batches. When it resolves they are durable, and a repetition changes nothing. See SessionsWriter. */
  async write(groups: readonly SiteSessions[]): Promise<Written> {
    const written = await this.#writer.write(groups)
    this.#revised += written.revised
    return written
  }

  async writeLoose(
    orgId: string,
    siteId: number,
    sessions: readonly StoredSession[],
  ): Promise<void> {
    const { losses } = await this.write([
      { orgId, siteId, meterId: null, runStartedUs: 0, sessions },
    ])
    if (losses.length > 0) await this.#meta.addLosses(losses)
  }

  #scope(orgId: string, filter: LogFilter, cancel?: Cancel, withHidden = false): Promise<Scope> {
    return scopeOf(orgId, filter, {
      withHidden,
      ...{ client: this.#client, meta: this.#meta, nowUs: this.#clockUs() },
      silenceUs: this.#options.silenceUs ?? SILENCE_US,
      signal: cancel?.signal,
    })
  }

  async page(orgId: string, request: PageRequest, cancel?: Cancel): Promise<Page> {
    const scope = await this.#scope(orgId, request.filter, cancel)
    return page(this.#client, scope, request, cancel?.signal)
  }

  async count(orgId: string, filter: LogFilter, cancel?: Cancel): Promise<number> {
    return count(this.#client, await this.#scope(orgId, filter, cancel), cancel?.signal)
  }

  async attributes(orgId: string, filter: LogFilter, cancel?: Cancel): Promise<FilterAttributes> {
    return attributes(this.#client, await this.#scope(orgId, filter, cancel), cancel?.signal)
  }

  async summary(orgId: string, request: SummaryRequest, cancel?: Cancel): Promise<Summary> {
    const scope = await this.#scope(orgId, request.filter, cancel)
    return summary(this.#client, scope, request, cancel?.signal)
  }

  async matrix(orgId: string, request: MatrixRequest, cancel?: Cancel): Promise<Matrix> {
    const scope = await this.#scope(orgId, request.filter, cancel)
    return matrix(this.#client, scope, request, cancel?.signal)
  }

  async changes(orgId: string, request: ChangesRequest, cancel?: Cancel): Promise<Changes> {
    const both = { ...request.filter, fromUs: startBefore(request.filter) }
    return changes(this.#client, await this.#scope(orgId, both, cancel), request, cancel?.signal)
  }

  async newPairs(orgId: string, request: NewPairsRequest, cancel?: Cancel): Promise<NewPairs> {
    const scope = await this.#scope(orgId, { ...request.filter, fromUs: 0 }, cancel)
    return newPairs(this.#client, scope, request, cancel?.signal)
  }

  async histogram(orgId: string, request: HistogramRequest, cancel?: Cancel): Promise<Histogram> {
    const scope = await this.#scope(orgId, request.filter, cancel)
    return histogram(this.#client, scope, request, cancel?.signal)
  }

  async usage(orgId: string, request: UsageRequest, cancel?: Cancel): Promise<readonly UsageRow[]> {
    const scope = await this.#scope(orgId, usageRange(request), cancel, true)
    return usage(this.#client, this.#meta, scope, request, cancel?.signal)
  }

  async facts(orgId: string, filter: LogFilter): Promise<StoreFacts> {
    return facts(this.#client, await this.#scope(orgId, ALL), filter)
  }

  async *rows(
    orgId: string,
    filter: LogFilter,
    sort: Sort,
    cancel?: Cancel,
  ): AsyncGenerator<readonly LogRow[]> {
    const scope = await this.#scope(orgId, filter, cancel)
    const { sliceRows = SLICE_ROWS } = this.#options
    yield* exportRows({ client: this.#client, scope, sort, sliceRows, signal: cancel?.signal })
  }

  async *csv(
    orgId: string,
    filter: LogFilter,
    sort: Sort,
    options?: ExportOptions,
  ): AsyncGenerator<CsvPiece> {
    const lines = new CsvLines(options?.columns)
    for await (const rows of this.rows(orgId, filter, sort, options)) yield lines.piece(rows)
  }

  async parquet(
    orgId: string,
    filter: LogFilter,
    sort: Sort,
    options?: ExportOptions,
  ): Promise<Readable> {
    const scope = await this.#scope(orgId, filter, options)
    return parquet(this.#client, scope, sort, options)
  }

  lastArrival(): number {
    return this.#writer.lastArrival
  }

  async arrived(orgId: string, request: ArrivedRequest): Promise<Arrived> {
    const scope = await this.#scope(orgId, { ...request.filter, state: 'ended' })
    return arrived(this.#client, scope, request)
  }

  async countArrived(
    orgId: string,
    request: Omit<ArrivedRequest, 'limit'> & { readonly endedBeforeUs?: number },
  ): Promise<ArrivedCount> {
    const scope = await this.#scope(orgId, { ...request.filter, state: 'ended' })
    return countArrived(this.#client, scope, request)
  }

  closeInterrupted(): Promise<number> {
    return this.#writer.closeInterrupted()
  }

  /** Sessions that ended before this time and are not hidden. */
  async countEnded(orgId: string, beforeUs: number): Promise<number> {
    const scope = await this.#scope(orgId, ALL)
    const [[n = 0] = []] = await this.#client.rows(
      orgId,
      `SELECT count() FROM ${FROM} WHERE ${scope.where()} AND ${endedBefore(beforeUs)}`,
    )
    return n as number
  }

  async expire(orgId: string, beforeUs: number): Promise<number> {
    const where = endedBefore(beforeUs)
    const going: Going = { orgId, where, totalsOf: 'true', reason: null, expiredBeforeUs: beforeUs }
    return this.#deletions.delete(going)
  }

  async erase(orgId: string, subject: Subject): Promise<number> {
    const { open } = await this.#scope(orgId, ALL)
    const going: Going = {
      ...{ orgId, where: isPartyOf(subject), without: subject, reason: 'erased' },
      // Their meter reports open ones again, with all their counts.
      totalsOf: `NOT ${open}`,
    }
    const erased = await this.#deletions.delete(going)
    await this.#meta.forget(orgId, subject)
    return erased
  }

  async pseudonymise(
    orgId: string,
    subject: Subject,
    addresses: readonly string[],
    pseudonyms = new Pseudonyms(addresses),
  ): Promise<number> {
    await this.closeInterrupted()
    return this.#writer.pseudonymise(await this.#scope(orgId, ALL), subject, pseudonyms)
  }

  /** Open sessions by `${siteId}/${meterId}`. */
  async openSessions(orgId: string): Promise<ReadonlyMap<string, number>> {
    const scope = await this.#scope(orgId, { ...ALL, state: 'open' })
    const rows = await this.#client.rows(
      orgId,
      `SELECT t.site_id AS site, t.meter_id AS meter, count() FROM ${FROM} WHERE ${scope.where()} GROUP BY site, meter`,
    )
    return new Map(rows.map(([site, meter, n]) => [`${site}/${meter}`, n as number]))
  }

  removeSessions(orgId: string, siteId: number): Promise<number> {
    const where = `t.site_id = ${siteId}`
    return this.#deletions.delete({ orgId, where, totalsOf: 'true', reason: 'deletedByOperator' })
  }

  /** The sessions of an organisation, without a trace. */
  async removeOrg(orgId: string): Promise<number> {
    const going: Going = { orgId, where: 'true', totalsOf: null, reason: null }
    const removed = await this.#deletions.delete(going)
    await this.#deletions.forgetErased(orgId)
    return removed
  }

  expireUsage(beforeMonth: string): Promise<void> {
    return this.#meta.expireUsage(beforeMonth)
  }
}

function endedBefore(us: number): string {
  return `t.start_us < ${int(us)} AND t.start_us + t.duration_us < ${int(us)}`
}
