/** Sessions in ClickHouse with a ledger in memory, behind the calls that the tests of the contract make. */

import type { ClickHouseOptions } from '../../src/server/store/clickhouse/sessions.js'
import { ClickHouseSessions } from '../../src/server/store/clickhouse/sessions.js'
import type {
  CatalogVersion,
  LogFilter,
  StoredSession,
  Subject,
  UsageRequest,
  WriteReceipt,
  WriteRequest,
} from '../../src/server/store/store.js'
import { type Catalog, EMPTY_CATALOG } from '../../src/session/catalog.js'
import { ClickHouseRig } from './clickhouse.js'
import { MemoryMeta } from './memory-meta.js'

export class ClickHouseStore {
  nowUs = Date.UTC(2026, 10, 22, 12) * 1e3
  readonly rig: ClickHouseRig
  readonly meta = new MemoryMeta()
  sessions!: ClickHouseSessions
  readonly #database: string
  readonly #more: Partial<ClickHouseOptions>
  readonly #catalogs = new Map<string, Catalog>()

  private constructor(rig: ClickHouseRig, database: string, more: Partial<ClickHouseOptions>) {
    this.rig = rig
    this.#database = database
    this.#more = more
  }

  static async open(more: Partial<ClickHouseOptions> = {}): Promise<ClickHouseStore> {
    const rig = await ClickHouseRig.start()
    const store = new ClickHouseStore(rig, await rig.database(), more)
    await store.reopen()
    return store
  }

  async reopen(): Promise<void> {
    await this.sessions?.close()
    this.sessions = await ClickHouseSessions.open({
      ...{ url: this.rig.url, database: this.#database, meta: this.meta },
      clockUs: () => this.nowUs,
      ...this.#more,
    })
    await this.sessions.resume()
  }

  async close(): Promise<void> {
    await this.sessions.close()
    await this.rig.stop()
  }

  write(request: WriteRequest): Promise<WriteReceipt> {
    return this.meta.alone('', () => this.#write(request))
  }

  async #write(request: WriteRequest): Promise<WriteReceipt> {
    const { orgId, siteId, batch, sessions } = request
    const number = batch.batch
    const fate = this.meta.fateOf(request)
    if (fate === 'conflict') return { batch: number, stored: 0, repeated: false, conflict: true }
    if (fate === 'new') {
      const runStartedUs = Date.parse(batch.report.startedAt) * 1e3
      const { meterId } = batch
      const group = { orgId, siteId, meterId, runStartedUs, sessions }
      const { losses } = await this.sessions.write([group])
      this.meta.book(request, this.nowUs, losses)
    }
    return { batch: number, stored: sessions.length, repeated: fate === 'repeated' }
  }

  writeLoose(orgId: string, siteId: number, sessions: readonly StoredSession[]): Promise<void> {
    return this.meta.alone('', () => this.sessions.writeLoose(orgId, siteId, sessions))
  }

  closeInterrupted(): Promise<number> {
    return this.sessions.closeInterrupted()
  }

  count(orgId: string, filter: LogFilter): Promise<number> {
    return this.sessions.count(orgId, filter)
  }

  usage(orgId: string, request: UsageRequest) {
    return this.sessions.usage(orgId, request)
  }

  gaps(orgId: string) {
    return Promise.resolve(this.meta.gaps(orgId))
  }

  expire(orgId: string, beforeUs: number): Promise<number> {
    return this.sessions.expire(orgId, beforeUs)
  }

  erase(orgId: string, subject: Subject): Promise<number> {
    return this.sessions.erase(orgId, subject)
  }

  removeSessions(orgId: string, siteId: number): Promise<number> {
    return this.sessions.removeSessions(orgId, siteId)
  }

  async removeOrg(orgId: string): Promise<number> {
    const removed = await this.sessions.removeOrg(orgId)
    this.meta.removeOrg(orgId)
    this.#catalogs.delete(orgId)
    return removed
  }

  catalog(orgId: string): Promise<CatalogVersion> {
    const catalog = this.#catalogs.get(orgId) ?? EMPTY_CATALOG
    return Promise.resolve({ catalog, etag: 'any', updatedAt: '' })
  }

  putCatalog(orgId: string, catalog: Catalog): Promise<CatalogVersion> {
    this.meta.putCatalog(orgId, catalog)
    this.#catalogs.set(orgId, catalog)
    return this.catalog(orgId)
  }
}
