/** Engine settings: defaults, bounds, and conversion for the addon. */
import { AppError, EXIT } from '../../base/errors.js'
import { parsePrefix } from '../../session/address.js'

export interface Timeouts {
  /** TCP with only SYN and SYN-ACK packets so far. */
  readonly handshakeMs: number
  /** Established TCP (RFC 5382: 2 h 4 min). */
  readonly establishedMs: number
  /** TCP after one side has sent its FIN. */
  readonly halfClosedMs: number
  readonly udpMs: number
}

export interface EngineOptions {
  /** A session without a packet for longer than this ends with reason idleTimeout. */
  readonly timeouts: Timeouts
  /** How long late packets still count into a closed TCP session. */
  readonly lingerMs: number
  /** How often an open session gets an interim record; 0 for never. */
  readonly activeTimeoutMs: number
  /** Flows at one time, at most; one more evicts the flow that was idle longest. */
  readonly flowsMax: number
  /** Fragmented datagrams at one time, at most; one more evicts the oldest. */
  readonly fragmentsMax: number
  /** Report a closed session 100 ms after its close, not at the end of its linger. Late packets bring a second report. */
  readonly earlyReport: boolean
  /** `none` counts without making records. */
  readonly records: 'all' | 'none'
}

export const ENGINE_DEFAULTS: EngineOptions = {
  timeouts: { handshakeMs: 30_000, establishedMs: 7_440_000, halfClosedMs: 240_000, udpMs: 60_000 },
  lingerMs: 5_000,
  activeTimeoutMs: 60_000,
  flowsMax: 4_194_304,
  fragmentsMax: 4_096,
  earlyReport: false,
  records: 'all',
}

/** The engine compares times modulo 2^48 µs, so a timeout must be below 2^47 µs (4.4 years); a year is safe. */
const TIME_MS_MAX = 365 * 86_400_000
const FLOWS_MAX = 64 * 1024 * 1024
const FRAGMENTS_MAX = 1024 * 1024

/** Must match `engine_options` in native/addon/addon_values.cc. */
export interface NativeEngineOptions {
  handshakeUs: number
  establishedUs: number
  halfClosedUs: number
  udpUs: number
  lingerUs: number
  activeTimeoutUs: number
  flowsMax: number
  fragmentsMax: number
  earlyReport: boolean
  recordsAll: boolean
}

export function nativeEngineOptions(options: Partial<EngineOptions>): NativeEngineOptions {
  const all = { ...ENGINE_DEFAULTS, ...options }
  const { timeouts } = all
  return {
    handshakeUs: timeUs('timeouts.handshakeMs', timeouts.handshakeMs, 1),
    establishedUs: timeUs('timeouts.establishedMs', timeouts.establishedMs, 1),
    halfClosedUs: timeUs('timeouts.halfClosedMs', timeouts.halfClosedMs, 1),
    udpUs: timeUs('timeouts.udpMs', timeouts.udpMs, 1),
    lingerUs: timeUs('lingerMs', all.lingerMs, 0),
    activeTimeoutUs: timeUs('activeTimeoutMs', all.activeTimeoutMs, 0),
    flowsMax: count('flowsMax', all.flowsMax, 1, FLOWS_MAX),
    fragmentsMax: count('fragmentsMax', all.fragmentsMax, 1, FRAGMENTS_MAX),
    earlyReport: all.earlyReport,
    recordsAll: all.records === 'all',
  }
}

function timeUs(name: string, ms: number, minMs: number): number {
  const us = Math.round(ms * 1000)
  if (!(ms >= minMs && ms <= TIME_MS_MAX)) throw badOption(name, ms, minMs, TIME_MS_MAX)
  return us
}

function count(name: string, value: number, min: number, max: number): number {
  if (!(Number.isInteger(value) && value >= min && value <= max)) {
    throw badOption(name, value, min, max)
  }
  return value
}

function badOption(name: string, value: number, min: number, max: number): AppError {
  return new AppError('BAD_OPTION', `${name} is ${value}; it must be from ${min} to ${max}`, {
    exitCode: EXIT.usage,
    facts: { name, value, min, max },
  })
}

const PREFIX_BYTES = 18

/** Packs each prefix as family (4 or 6), length, and 16 bytes of address (IPv4 in the first 4 bytes). */
export function packPrefixes(prefixes: readonly string[]): Uint8Array {
  const packed = new DataView(new ArrayBuffer(prefixes.length * PREFIX_BYTES))
  let at = 0
  for (const text of prefixes) {
    const prefix = parsePrefix(text)
    if (prefix === null) {
      throw new AppError('BAD_PREFIX', `"${text}" is not an IP address or prefix`, {
        hint: 'Write it as in 10.8.0.0/24 or fd00::/64.',
        exitCode: EXIT.usage,
      })
    }
    packed.setUint8(at, prefix.family)
    packed.setUint8(at + 1, prefix.length)
    for (const [i, word] of prefix.words.entries()) packed.setUint32(at + 2 + 4 * i, word)
    at += PREFIX_BYTES
  }
  return new Uint8Array(packed.buffer)
}
