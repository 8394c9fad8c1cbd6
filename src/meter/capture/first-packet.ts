/** Reads the time of a capture's first packet. */
import { loadAddon } from './addon.js'

/** Microseconds since the Unix epoch; packets without a time are skipped. Null if there is none. Blocks on the disk. */
export function firstPacketUs(path: string): number | null {
  return loadAddon().firstPacketUs(path)
}
