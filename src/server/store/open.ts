/** The only place outside `cli/` that names an engine. */
import type { StoreConfig } from './config.js'
import { DuckStore } from './duckdb/duck-store.js'
import type { Store } from './store.js'

/** @throws AppError STORE_LOCKED, STORE_NEWER, STORE_UNREADABLE */
export function openStore(config: StoreConfig): Promise<Store> {
  return DuckStore.open(config)
}
