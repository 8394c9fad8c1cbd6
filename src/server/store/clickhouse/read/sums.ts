/**
 * Sums of counts. ClickHouse's sum() of UInt64 wraps silently, so counts are added as Int128, and answered as text, which
 * becomes the nearest number here.
 */
const INT128 = (value: string) => `toString(sum(toInt128(coalesce(${value}, 0))))`

/** Over rows `t`, in the order of SumTexts. */
export const SUMS = [
  'toString(count())',
  INT128('t.connection_count'),
  ...['t.bytes_tx', 't.bytes_rx', 't.packets_tx', 't.packets_rx'].map(INT128),
].join(', ')

export type SumTexts = readonly [string, string, string, string, string, string]

export interface Sums {
  readonly sessions: bigint
  readonly connections: bigint
  readonly bytes_tx: bigint
  readonly bytes_rx: bigint
  readonly packets_tx: bigint
  readonly packets_rx: bigint
}

export function sumsOf(texts: readonly string[]): Sums {
  const [sessions = 0n, connections = 0n, tx = 0n, rx = 0n, packetsTx = 0n, packetsRx = 0n] =
    texts.map(BigInt)
  return {
    ...{ sessions, connections, bytes_tx: tx, bytes_rx: rx },
    ...{ packets_tx: packetsTx, packets_rx: packetsRx },
  }
}

export function added(a: Sums, b: Sums): Sums {
  return {
    sessions: a.sessions + b.sessions,
    connections: a.connections + b.connections,
    bytes_tx: a.bytes_tx + b.bytes_tx,
    bytes_rx: a.bytes_rx + b.bytes_rx,
    packets_tx: a.packets_tx + b.packets_tx,
    packets_rx: a.packets_rx + b.packets_rx,
  }
}

export const NO_SUMS = sumsOf([])

export function asNumbers(sums: Sums): Record<keyof Sums, number> {
  return {
    sessions: Number(sums.sessions),
    connections: Number(sums.connections),
    bytes_tx: Number(sums.bytes_tx),
    bytes_rx: Number(sums.bytes_rx),
    packets_tx: Number(sums.packets_tx),
    packets_rx: Number(sums.packets_rx),
  }
}
