/** The only place that names an engine. Each is loaded when it is opened, since a command or server needs one of them. */
import type { Control } from '../control/control.js'
import type { Lease } from '../control/lease.js'
import type { Checked } from './clickhouse/check.js'
import type { ClickHouseAddress } from './clickhouse/client.js'
import type { StoreConfig } from './config.js'
import type { SessionSide } from './copy/sessions.js'
import type { Transactions } from './sql/rows.js'
import type { Store } from './store.js'

/** Connections of one server, beside those of its leases. */
const READS = 12
const WRITES = 6
const LOCKS = 4

/** @throws AppError STORE_LOCKED, STORE_NEWER, STORE_UNREADABLE */
export async function openStore(config: StoreConfig): Promise<Store> {
  const { DuckStore } = await import('./duckdb/duck-store.js')
  return DuckStore.open(config)
}

/** What several servers share: keys, settings and all but the sessions, in PostgreSQL. */
export interface SharedDatabase {
  readonly control: Control
  /** Of the regular chores. */
  readonly lease: Lease
  /** Of the evaluation of alerts. */
  readonly alertLease: Lease
  /** For what belongs to no store: destinations. */
  readonly postgres: Transactions
  /** Opens the store whose sessions are in ClickHouse. @throws AppError STORE_BUSY, STORE_NEWER, STORE_OTHER, STORE_UNREADABLE */
  openStore(address: ClickHouseAddress, silenceUs: number): Promise<Store>
  /** To be closed after the store. */
  close(): Promise<void>
}

/** @param url `postgresql://user:password@host/database` @throws AppError STORE_BUSY, STORE_NEWER, STORE_NOT_DURABLE, STORE_UNREADABLE */
export async function openShared(url: string): Promise<SharedDatabase> {
  const { Postgres, LEASE_LOCK, ALERT_LOCK } = await import('./postgres/database.js')
  const { PostgresControl } = await import('./postgres/postgres-control.js')
  const { PostgresLease } = await import('./postgres/lease.js')
  const postgres = await Postgres.open({ url, connections: READS })
  const pools = [postgres]
  const lease = new PostgresLease(url, LEASE_LOCK)
  const alertLease = new PostgresLease(url, ALERT_LOCK)
  const control = await PostgresControl.open(postgres).catch(async (error: unknown) => {
    await postgres.close()
    throw error
  })
  return {
    control,
    lease,
    alertLease,
    postgres,
    async openStore(address, silenceUs) {
      const writes = await Postgres.open({ url, connections: WRITES })
      pools.push(writes)
      const locks = await Postgres.open({ url, connections: LOCKS })
      pools.push(locks)
      const { ClickHouseStore } = await import('./clickhouse/clickhouse-store.js')
      return ClickHouseStore.open({ address, postgres, writes, locks, silenceUs })
    },
    async close() {
      await lease.close()
      await alertLease.close()
      await control.close()
      for (const pool of pools) await pool.close()
    },
  }
}

export type { ClickHouseAddress }

/** To be closed. */
export interface OpenSide extends SessionSide {
  close(): Promise<void>
}

/** The sessions of a data directory whose server is stopped. @throws AppError STORE_LOCKED, STORE_NEWER, STORE_UNREADABLE */
export async function openDirectorySide(directory: string, memoryBytes: number): Promise<OpenSide> {
  const { DuckSide } = await import('./duckdb/copy-side.js')
  return DuckSide.open(directory, memoryBytes)
}

/** @param as a target gets tables if it has none @throws AppError STORE_BUSY, STORE_UNREADABLE */
export async function openSharedSide(
  address: ClickHouseAddress,
  as: 'source' | 'target',
): Promise<OpenSide> {
  const { ClickHouseSide } = await import('./clickhouse/copy-side.js')
  return ClickHouseSide.open(address, as)
}

/** @throws AppError STORE_BUSY, STORE_UNREADABLE, NO_DATA */
export async function checkShared(address: ClickHouseAddress): Promise<Checked> {
  const { checkClickHouse } = await import('./clickhouse/check.js')
  return checkClickHouse(address)
}
