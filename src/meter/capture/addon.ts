/** Loads the native addon, once, and checks that both sides mean the same bytes. */
import { requireAddon } from '../../base/addon.js'
import { AppError } from '../../base/errors.js'
import type { NativeEngineOptions } from './engine-options.js'
import { type Layout, layoutFaults } from './layout.js'

export interface NativePacketEngine {
  feed(packets: Uint8Array): void
  advance(timestampNs: bigint): void
  setInside(prefixes: Uint8Array): void
  beginEpoch(epoch: number): void
  oldestEpoch(): number
  finish(): void
  records(): Uint8Array
  counters(): Float64Array
  check(): string | null
  memoryBytes(): number
}

export interface NativeSource {
  kind: 'file' | 'live'
  paths: readonly string[]
  readAhead: boolean
  interface: string
  snaplen: number
  filter: string
  ringBytes: number
}

export interface NativeSourceError {
  readonly code: string
  readonly message: string
  readonly byteOffset: number
  /** Index of the file in `paths`. */
  readonly file: number
}

export interface NativeStatus {
  readonly state: 'running' | 'gone' | 'ended' | 'damaged' | 'failed'
  /** No more records will come. */
  readonly ended: boolean
  readonly errors: readonly NativeSourceError[]
  /** Live: why the interface is gone. */
  readonly gone: NativeSourceError | null
  readonly filesOverlapping: number
  readonly bytesRead: number
  readonly bytesTotal: number
  readonly kernelReceived: number
  readonly kernelDropped: number
  readonly interfaceDropped: number
  readonly reopened: number
  /** Records of sessions of older ones, if any, are there for the next drain(). */
  readonly oldestEpoch: number
  readonly counters: Float64Array
}

export interface NativeObservationPoint {
  start(): void
  /** Record chunks that are ready; clears the wake-up. */
  drain(): Uint8Array[]
  status(): NativeStatus
  setInside(prefixes: Uint8Array): void
  beginEpoch(epoch: number): void
  /** The epoch that the thread has begun. */
  epochBegun(): number
  /** Asks the thread to end its input; it then ends as at the end of a file. */
  stop(): void
  /** Ends the thread, whatever it does, and frees it; status() keeps answering. */
  close(): void
}

/** See src/meter/capture/links.ts. */
export interface NativeLink {
  readonly name: string
  readonly index: number
  /** ARPHRD_* of linux/if_arp.h. */
  readonly type: number
  readonly mtu: number
  readonly isUp: boolean
  /** `wireguard`, `tun`, `veth`, ...; empty for hardware. */
  readonly kind: string
  readonly rxPackets: number
  readonly rxBytes: number
  /** Counted as received and dropped before anybody saw them. */
  readonly rxDropped: number
  readonly txPackets: number
  readonly txBytes: number
  /** Seen on their way out, dropped and not counted as sent. */
  readonly txDropped: number
}

/** See src/meter/output/record-rows.ts. */
export interface NativeSessionRows {
  write(records: Uint8Array): Uint8Array | null
}

export interface Addon {
  readonly PacketEngine: new (options: NativeEngineOptions) => NativePacketEngine
  readonly ObservationPoint: new (
    options: NativeEngineOptions & { recordQueueBytes: number },
    source: NativeSource,
    wake: () => void,
  ) => NativeObservationPoint
  readonly SessionRows: {
    new (
      texts: readonly string[],
      values: readonly string[],
      end: string,
      nothing: string,
      runPrefix: string,
    ): NativeSessionRows
    /** Names of the fields that it spells. */
    readonly values: readonly string[]
  }
  /** Null when there is no such interface; an errno when the kernel did not answer. */
  readonly findLink: (name: string) => NativeLink | null | number
  readonly listLinks: () => string[] | number
  /** See src/meter/capture/first-packet.ts. */
  readonly firstPacketUs: (path: string) => number | null
  readonly layout: Layout
  /** libpcap's name and version. */
  readonly captureLibrary: string
}

let loaded: Addon | undefined

/** Throws AppError ADDON_MISSING, ADDON_BROKEN or ADDON_LAYOUT. */
export function loadAddon(): Addon {
  loaded ??= checked(requireAddon('tunmeter') as Addon)
  return loaded
}

/** Compares what the C++ compiler laid out with what the TypeScript side reads. */
export function checked(addon: Addon): Addon {
  const faults = layoutFaults(addon.layout)
  if (faults.length > 0) {
    throw new AppError(
      'ADDON_LAYOUT',
      `the native addon is of another version (${faults.join('; ')})`,
      { hint: 'Build it again: npm run build', facts: { faults } },
    )
  }
  return addon
}
