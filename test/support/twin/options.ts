/** What a twin can be told, with the engine's defaults. */
import type { Timeouts } from './flow.js'

export interface TwinOptions {
  timeouts: Timeouts
  flowsMax: number
  fragmentsMax: number
  earlyReport: boolean
  /** Prefixes of the WireGuard peers' allowed IPs. */
  inside: readonly string[]
}

const SECOND = 1_000_000
export const TWIN_DEFAULTS: TwinOptions = {
  timeouts: {
    handshake: 30 * SECOND,
    established: 7440 * SECOND,
    halfClosed: 240 * SECOND,
    udp: 60 * SECOND,
    linger: 5 * SECOND,
    active: 60 * SECOND,
  },
  flowsMax: 1_000_000,
  fragmentsMax: 4096,
  earlyReport: false,
  inside: [],
}
