/**
 * The kernel's counters of an interface, from /proc/self/net/dev: that file belongs to the process' own network
 * namespace, also in a container whose sysfs shows another one.
 */
import { readFileSync } from 'node:fs'
import type { Volume } from './reconcile.js'

export interface InterfaceCounters {
  readonly rx: Volume
  readonly tx: Volume
  /** Counted as received and dropped before anybody saw them. */
  readonly rxDropped: number
  /** Seen on their way out, dropped and not counted as sent. */
  readonly txDropped: number
}

/** Null when there is no such interface. */
export function readInterfaceCounters(interfaceName: string): InterfaceCounters | null {
  return parseInterfaceCounters(readFileSync('/proc/self/net/dev', 'utf8'), interfaceName)
}

/**
 * A line is `name: bytes packets errs drop fifo frame compressed multicast`, then the same for sending:
 * `bytes packets errs drop fifo colls carrier compressed`.
 */
export function parseInterfaceCounters(
  text: string,
  interfaceName: string,
): InterfaceCounters | null {
  for (const line of text.split('\n')) {
    const colon = line.lastIndexOf(':')
    if (line.slice(0, colon).trim() !== interfaceName) continue
    const values = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number)
    const [rxBytes, rxPackets, , rxDropped] = values
    const [txBytes, txPackets, , txDropped] = values.slice(8)
    if (values.length < 16 || values.some(Number.isNaN)) return null
    return {
      rx: { packets: rxPackets!, bytes: rxBytes! },
      tx: { packets: txPackets!, bytes: txBytes! },
      rxDropped: rxDropped!,
      txDropped: txDropped!,
    }
  }
  return null
}
