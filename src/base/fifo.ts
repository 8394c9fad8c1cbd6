/**
 * Opens a FIFO for writing. An ordinary open() blocks its thread until there is a reader, so that not even a signal ends
 * the process. This one tries every LOOK_MS (100 ms) instead. Writes do not block the thread, either.
 */
import { constants, openSync, statSync } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

const LOOK_MS = 100

/** Also false for a path that cannot be looked up: whoever opens it gets the reason. */
export function isFifo(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFIFO() === true
  } catch {
    return false
  }
}

/** @param say gets a line for the user if nobody reads the FIFO yet */
export async function openFifo(path: string, say: (line: string) => void): Promise<Socket> {
  for (let isFirst = true; ; isFirst = false) {
    const fd = openIfRead(path)
    if (fd !== null) return new Socket({ fd, readable: false, writable: true })
    if (isFirst) say(`${path} is a FIFO, and waits for its reader`)
    await pause(LOOK_MS)
  }
}

/** Null: nobody reads it. */
function openIfRead(path: string): number | null {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') return null
    throw error
  }
}
