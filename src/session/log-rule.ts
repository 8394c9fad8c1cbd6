/**
 * How much of a session is kept: said in the catalog by client, resource or prefix, decided at the meter before anything
 * is written (docs/decisions/collect-less.md).
 *
 *   full     the session as it was metered
 *   counts   its amounts, in the sum of an hour: a record of many connections without addresses, ports, peer and times
 *   off      nothing but its packets and bytes, as other traffic of the reason `excluded`
 */
import type { Session } from './session.js'

/** From least to most strict. Where several rules hold, the strictest decides. */
export const LOG_LEVELS = ['full', 'counts', 'off'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Other traffic's reason of sessions whose level is `off`. */
export const EXCLUDED = 'excluded'

export type Hidden = 'truncate' | 'drop'

/** What of a session that is kept in full is made shorter or left out. */
export interface LogFields {
  /** Of the client's side. `truncate`: its /24, of IPv6 its /48. `drop`: 0.0.0.0 or `::`. */
  readonly address?: Hidden | undefined
  /** Of the client's side: 0. */
  readonly port?: 'drop' | undefined
  /** The outer address: truncated, with port 0, or null. */
  readonly endpoint?: Hidden | undefined
  readonly publicKey?: 'drop' | undefined
}

export function strictest(a: LogLevel, b: LogLevel): LogLevel {
  return LOG_LEVELS.indexOf(a) >= LOG_LEVELS.indexOf(b) ? a : b
}

/** Both at once: what either drops is dropped, what either truncates is at least truncated. */
export function bothFields(a: LogFields, b: LogFields): LogFields {
  const more = (x?: Hidden, y?: Hidden) => (x === 'drop' || y === 'drop' ? 'drop' : (x ?? y))
  return {
    address: more(a.address, b.address),
    port: a.port ?? b.port,
    endpoint: more(a.endpoint, b.endpoint),
    publicKey: a.publicKey ?? b.publicKey,
  }
}

/** The address of both ends of a sum; no packet has it at both. */
export const NO_ADDRESS = '0.0.0.0'

/** Shown in place of the addresses of a sum. */
export const NOT_KEPT = 'not kept'

/** Whether a record is the sum of an hour (`counts`), not a session. */
export function isHourlySum({
  sourceIp,
  sourcePort,
  destIp,
  destPort,
}: Pick<Session, 'sourceIp' | 'sourcePort' | 'destIp' | 'destPort'>): boolean {
  const hasPort = sourcePort !== 0 || destPort !== 0
  return sourceIp === NO_ADDRESS && destIp === NO_ADDRESS && !hasPort
}

/** The same of a row of the API: an endpoint without a port is its address alone. */
export function isSumRow({ sourceAddr, destAddr }: SumEndpoints): boolean {
  return sourceAddr === NO_ADDRESS && destAddr === NO_ADDRESS
}

export interface SumEndpoints {
  readonly sourceAddr: string
  readonly destAddr: string
}
