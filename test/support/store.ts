/** A DuckStore in a directory of its own, with a clock that the test turns. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkSession } from '../../src/server/ingest/check.js'
import { readLogged } from '../../src/server/ingest/logged.js'
import { DuckStore, type DuckStoreOptions } from '../../src/server/store/duckdb/duck-store.js'
import type { LogFilter, StoredSession, WriteReceipt } from '../../src/server/store/store.js'
import type { Batch } from '../../src/session/batch.js'
import type { Session } from '../../src/session/session.js'

const MiB = 2 ** 20

export class TestStore {
  readonly directory = mkdtempSync(join(tmpdir(), 'tunmeter-store-'))
  nowUs = Date.UTC(2026, 10, 22, 12) * 1e3
  store!: DuckStore
  /** What took long before it was open. */
  readonly progress: string[] = []

  readonly #options: Partial<DuckStoreOptions>

  private constructor(options: Partial<DuckStoreOptions>) {
    this.#options = options
  }

  /** @param rollRows so few that answers are put together from hours and rows */
  static async open(rollRows = 100, more: Partial<DuckStoreOptions> = {}): Promise<TestStore> {
    const test = new TestStore({ rollRows, ...more })
    await test.reopen()
    return test
  }

  async reopen(more: Partial<DuckStoreOptions> = {}): Promise<void> {
    await this.store?.close()
    this.store = await DuckStore.open({
      directory: this.directory,
      memoryBytes: 256 * MiB,
      threads: 1,
      readLogged,
      // As long as a slow machine needs: an answer that the store is behind would be another one.
      readWaitMs: 120_000,
      clockUs: () => this.nowUs,
      progress: (what, { rows }) => this.progress.push(rows ? `${what} (${rows})` : what),
      ...this.#options,
      ...more,
    })
  }

  send(orgId: string, siteId: number, batch: Batch): Promise<WriteReceipt> {
    const sessions = batch.sessions.map((s) => stored(s, orgId, siteId, batch.meterId))
    return this.store.write({ orgId, siteId, batch, sessions })
  }

  async close(): Promise<void> {
    await this.store.close()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export function stored(s: Session, orgId: string, siteId: number, meterId: string): StoredSession {
  const result = checkSession(s, { orgId, siteId, meterId }, Number.MAX_SAFE_INTEGER, 0)
  if (typeof result === 'string') throw new Error(result)
  return result
}

export const ALWAYS: LogFilter = { fromUs: 0, toUs: Number.MAX_SAFE_INTEGER }
