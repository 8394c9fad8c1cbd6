/** Loads the native addon once, and checks that C++ and TypeScript agree on the bytes. */
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
  /** Live sources only: why the interface is gone. */
  readonly gone: NativeSourceError | null
  readonly filesOverlapping: number
  readonly bytesRead: number
  readonly bytesTotal: number
  readonly kernelReceived: number
  readonly kernelDropped: number
  readonly interfaceDropped: number
  readonly reopened: number
  /** The oldest epoch with an open session. Records of older sessions, if any, are ready for the next drain(). */
  readonly oldestEpoch: number
  readonly counters: Float64Array
}

export interface NativeObservationPoint {
  start(): void
  /** Takes the record chunks that are ready, and clears the wake-up. */
  drain(): Uint8Array[]
  status(): NativeStatus
  setInside(prefixes: Uint8Array): void
  beginEpoch(epoch: number): void
  /** The last epoch that the thread has begun. */
  epochBegun(): number
  /** Asks the thread to end its input. It then ends as at the end of a file. */
  stop(): void
  /** Ends the thread at once and frees it. status() may still be called. */
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
  /** Packets that the kernel counted as received, but dropped before any capture. */
  readonly rxDropped: number
  readonly txPackets: number
  readonly txBytes: number
  /** Packets that a capture saw going out, but the kernel dropped and did not count as sent. */
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
    /** Names of the fields that write() formats. */
    readonly values: readonly string[]
  }
  /** Null if there is no such interface; an errno if the kernel did not answer. */
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

/** Throws unless the layout of the C++ compiler is the one that TypeScript reads. */
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
