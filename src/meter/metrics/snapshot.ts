/** The numbers that a scrape reads, cumulative since the meter's start. */

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
  /** As in the report to the server; figures that cannot be had are left out. */
  readonly reconciliation: Readonly<Record<string, number>>
}

/** What a meter writes besides, or instead of, what it delivers to a server. */
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
