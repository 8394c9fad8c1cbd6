/** What a server says of its store, whichever engine keeps it. */
import type { Entry } from '../log/format.js'
import type { StoredPeerEvent, StoredSession, WriteRequest } from './store.js'

/** What a logged batch holds: its sessions checked, without the refused ones. */
export interface Logged {
  /** Null: sessions without a batch number. */
  readonly batch: WriteRequest['batch'] | null
  readonly sessions: readonly StoredSession[]
  readonly peerEvents?: readonly StoredPeerEvent[] | undefined
}
/** Reads the body of a meter's request back. */
export type ReadLogged = (entry: Entry) => Promise<Logged>

/** Told about what takes long before the store is open, and about what it had to leave out. */
export type Progress = (what: string, facts: Readonly<Record<string, number>>) => void

export const LOG_BYTES_MAX = 4 * 2 ** 30
export const LOG_KEEP_MS = 3600e3

export interface StoreConfig {
  readonly directory: string
  /** Of the engine; the process needs about 200 MiB more. */
  readonly memoryBytes: number
  readonly threads: number
  readonly clockUs?: () => number
  /** A meter's silence after which its open sessions count as interrupted; 10 minutes. */
  readonly silenceUs?: number
  /** Of the log, beyond which batches are refused with STORE_BUSY; LOG_BYTES_MAX. */
  readonly logBytes?: number
  /** Segments that the store has applied are kept so long; LOG_KEEP_MS. */
  readonly logKeepMs?: number
  /** A read waits so long for what was acknowledged before, and is then answered from what is there; 10 s. */
  readonly readWaitMs?: number
  /** Commits are numbered on from here: readers have passed it. */
  readonly arrivalsAfter?: number
  /** Reads bodies of requests back from the log; without one they are not written as they came. */
  readonly readLogged?: ReadLogged
  readonly progress?: Progress
}
