/** The server's settings for its store, for any engine. */
import type { Entry } from '../log/format.js'
import type { LooseLoss, StoredPeerEvent, StoredSession, WriteRequest } from './store.js'

/** The contents of a batch in the log: checked sessions and peer events, without the refused ones. */
export interface Logged {
  /** Null: sessions without a batch number. */
  readonly batch: WriteRequest['batch'] | null
  readonly sessions: readonly StoredSession[]
  readonly peerEvents?: readonly StoredPeerEvent[] | undefined
  readonly losses?: readonly LooseLoss[] | undefined
}
/** Reads the body of a meter's request back. */
export type ReadLogged = (entry: Entry) => Promise<Logged>

/** Reports long work before the store is open, and anything that the store had to leave out. */
export type Progress = (what: string, facts: Readonly<Record<string, number>>) => void

export const LOG_BYTES_MAX = 4 * 2 ** 30
export const LOG_KEEP_MS = 3600e3

export interface StoreConfig {
  readonly directory: string
  /** The memory limit of the engine. The process needs about 250 MiB more. */
  readonly memoryBytes: number
  readonly threads: number
  readonly clockUs?: () => number
  /** After this silence of a meter, its open sessions count as interrupted. Default: 10 minutes. */
  readonly silenceUs?: number
  /** If the log is larger than this, batches are refused with STORE_BUSY. Default: LOG_BYTES_MAX. */
  readonly logBytes?: number
  /** Applied segments of the log are kept this long. Default: LOG_KEEP_MS. */
  readonly logKeepMs?: number
  /** A read waits this long for earlier acknowledged batches, then answers without them. Default: 10 s. */
  readonly readWaitMs?: number
  /** New commits must have higher numbers, because readers have passed this one. */
  readonly arrivalsAfter?: number
  /** Reads request bodies back from the log. */
  readonly readLogged: ReadLogged
  readonly progress?: Progress
}
