/**
 * Collection rules: how much of a session is kept. The catalog sets them by client, resource or
 * prefix, and the meter applies them before it writes anything (docs/decisions/collect-less.md).
 *
 *   full     the session as metered
 *   counts   its amounts, in an hourly sum: a record of many connections without addresses, ports, peer and times
 *   off      only its packets and bytes, as other traffic with the reason `excluded`
 */
import type { Session } from './session.js'

/** From least to most strict. The strictest of several rules decides. */
export const LOG_LEVELS = ['full', 'counts', 'off'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** The reason in other traffic for sessions with level `off`. */
export const EXCLUDED = 'excluded'

export type Hidden = 'truncate' | 'drop'

/** Fields of a fully kept session that are truncated or dropped. */
export interface LogFields {
  /** The client's address. `truncate`: its /24, for IPv6 its /48. `drop`: 0.0.0.0 or `::`. */
  readonly address?: Hidden | undefined
  /** The client's port becomes 0. */
  readonly port?: 'drop' | undefined
  /** The client's outer address. `truncate`: truncated, with port 0. `drop`: null. */
  readonly endpoint?: Hidden | undefined
  readonly publicKey?: 'drop' | undefined
}

export function strictest(a: LogLevel, b: LogLevel): LogLevel {
  return LOG_LEVELS.indexOf(a) >= LOG_LEVELS.indexOf(b) ? a : b
}

/** Joins two rules: a field is dropped if either drops it, and truncated if either truncates it. */
export function bothFields(a: LogFields, b: LogFields): LogFields {
  const stricter = (x?: Hidden, y?: Hidden) => (x === 'drop' || y === 'drop' ? 'drop' : (x ?? y))
  return {
    address: stricter(a.address, b.address),
    port: a.port ?? b.port,
    endpoint: stricter(a.endpoint, b.endpoint),
    publicKey: a.publicKey ?? b.publicKey,
  }
}

/** The address of both ends of an hourly sum. No packet has it at both ends. */
export const NO_ADDRESS = '0.0.0.0'

/** Shown instead of the addresses of an hourly sum. */
export const NOT_KEPT = 'not kept'

/** True for a record that is an hourly sum (`counts`) and no session. */
export function isHourlySum({
  sourceIp,
  sourcePort,
  destIp,
  destPort,
}: Pick<Session, 'sourceIp' | 'sourcePort' | 'destIp' | 'destPort'>): boolean {
  const hasPort = sourcePort !== 0 || destPort !== 0
  return sourceIp === NO_ADDRESS && destIp === NO_ADDRESS && !hasPort
}

/** The same for a row of the API, where an endpoint without a port is only its address. */
export function isSumRow({ sourceAddr, destAddr }: SumEndpoints): boolean {
  return sourceAddr === NO_ADDRESS && destAddr === NO_ADDRESS
}

export interface SumEndpoints {
  readonly sourceAddr: string
  readonly destAddr: string
}
