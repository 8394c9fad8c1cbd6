/** Reads the time of a capture's first packet. */
import { loadAddon } from './addon.js'

/** Microseconds since the Unix epoch of the first packet that has a time; null when none can be read. Waits for the disk. */
export function firstPacketUs(path: string): number | null {
  return loadAddon().firstPacketUs(path)
}
