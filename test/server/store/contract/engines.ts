/** The stores that the contract's tests run over: what they say holds for each of them. */
import type { SessionLog } from '../../../../src/server/store/store.js'
import { whyNoClickHouse } from '../../../support/clickhouse.js'
import { ClickHouseStore } from '../../../support/clickhouse-store.js'
import { ALWAYS, TestStore } from '../../../support/store.js'
import { type ContractStore, MemoryStore } from './memory-store.js'

const SILENCE_US = 600e6

export interface Engine {
  readonly store: ContractStore
  /** Its clock. */
  nowUs: number
  /** What is there, a line a session: site, id, state, packets, the client's name. */
  lines(orgId: string): Promise<string[]>
  restart(): Promise<void>
  close(): Promise<void>
}

function memory(): Promise<Engine> {
  const store = new MemoryStore(() => engine.nowUs, SILENCE_US)
  const engine = {
    nowUs: Date.UTC(2026, 10, 22, 12) * 1e3,
    store,
    lines: (orgId: string) => Promise.resolve(store.lines(orgId)),
    restart: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
  return Promise.resolve(engine)
}

async function duckdb(): Promise<Engine> {
  const t = await TestStore.open()
  return {
    get nowUs() {
      return t.nowUs
    },
    set nowUs(us) {
      t.nowUs = us
    },
    get store() {
      return t.store
    },
    lines: (orgId) => linesOf(t.store, orgId),
    restart: () => t.reopen(),
    close: () => t.close(),
  }
}

/** Sessions in ClickHouse; what is in the other database is in memory. */
async function clickhouse(): Promise<Engine> {
  const t = await ClickHouseStore.open()
  return {
    get nowUs() {
      return t.nowUs
    },
    set nowUs(us) {
      t.nowUs = us
    },
    store: t,
    lines: (orgId) => linesOf(t.sessions, orgId),
    restart: () => t.reopen(),
    close: () => t.close(),
  }
}

async function linesOf(store: SessionLog, orgId: string): Promise<string[]> {
  const lines: string[] = []
  for await (const rows of store.rows(orgId, ALWAYS, { key: 'startTime', descending: false }))
    for (const { siteId, sessionId, packetsTx, clientName, open, interrupted } of rows) {
      const state = open ? 'open' : interrupted ? 'interrupted' : 'ended'
      lines.push(`${siteId} ${sessionId} ${state} ${packetsTx} ${clientName ?? '-'}`)
    }
  return lines.sort()
}

const missing = whyNoClickHouse()
if (missing !== null) console.warn(`without the engine clickhouse: ${missing}`)

export const ENGINES: Readonly<Record<string, () => Promise<Engine>>> = {
  ...{ memory, duckdb },
  ...(missing === null && { clickhouse }),
}
