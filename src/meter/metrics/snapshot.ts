/** The numbers that a scrape reads; counters are cumulative since the meter's start. */

export interface InterfaceSnapshot {
  readonly interface: string
  readonly up: boolean
  readonly packets: number
  readonly bytes: number
  readonly sessionPackets: number
  readonly sessionBytes: number
  readonly pendingPackets: number
  readonly other: Readonly<Record<string, { readonly packets: number; readonly bytes: number }>>
  readonly opened: number
  readonly ended: Readonly<Record<string, number>>
  readonly open: number
  readonly evictions: number
  readonly waitingSynsFull: number
  readonly repeatsFull: number
  readonly kernelDropped: number
  readonly interfaceDropped: number
  readonly reopened: number
  readonly peers: number
  readonly endpointChanges: number
  readonly peerEventsDeferred: number
  readonly unattributed: Readonly<Record<string, number>>
  /** The figures of the report to the server; those that cannot be computed are absent. */
  readonly reconciliation: Readonly<Record<string, number>>
}

/** A local output (`--output`, `--ipfix`), beside the server or instead of it. */
export interface OutputSnapshot {
  readonly output: string
  readonly up: boolean
  readonly written: number
  readonly dropped: number
  readonly held: number
  readonly failures: number
}

export interface MeterSnapshot {
  readonly version: string
  readonly interfaces: readonly InterfaceSnapshot[]
  readonly sessionsDropped: Readonly<Record<string, number>>
  readonly outputs: readonly OutputSnapshot[]
  /** Absent without a server. */
  readonly spool?: {
    readonly batches: number
    readonly bytes: number
    readonly bytesMax: number
    readonly sessions: number
    readonly quarantined: number
    readonly quarantinedBytes: number
    readonly oldestSeconds: number
    readonly heldSessions: number
    readonly writeFailures: number
  }
  readonly ship?: {
    readonly requests: number
    readonly failures: number
    readonly batchesStored: number
    readonly batchesRepeated: number
    readonly batchesConflicting: number
    readonly batchesUnexpected: number
    readonly sessionsStored: number
    readonly sessionsRefused: number
    readonly peerEventsStored: number
    readonly peerEventsRefused: number
    readonly bytesSent: number
    readonly up: boolean
    readonly lastStoredSeconds: number
  }
}
