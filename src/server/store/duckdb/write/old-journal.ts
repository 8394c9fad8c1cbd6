/**
 * Moves the journal of earlier versions into the log, once: acknowledged batches that the database may not hold.
 * Batches that it holds already change nothing.
 *
 * An entry is a line `LENGTH CRC32` in hexadecimal digits, LENGTH bytes of JSON, and a line end.
 */
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Log } from '../../../log/log.js'
import { entryOf } from './entries.js'
import type { SiteBatch } from './group-commit.js'

const HEADER = /^([0-9a-f]{8}) ([0-9a-f]{8})\n$/
const HEADER_BYTES = 18

export async function adoptJournal(directory: string, log: Log, nowUs: number): Promise<void> {
  const path = join(directory, 'journal')
  if (!existsSync(path)) return
  const bytes = readFileSync(path)
  let at = 0
  for (;;) {
    const header = HEADER.exec(bytes.toString('latin1', at, at + HEADER_BYTES))
    const start = at + HEADER_BYTES
    const end = start + Number.parseInt(header?.[1] ?? '0', 16)
    const json = bytes.subarray(start, end)
    if (header === null || end > bytes.length || crc32(json) !== Number.parseInt(header[2]!, 16))
      break
    const batch = JSON.parse(json.toString()) as Omit<SiteBatch, 'receivedUs'>
    await log.append(entryOf({ ...batch, receivedUs: nowUs }))
    at = end + 1
  }
  // An unfinished or damaged rest is kept for the operator.
  if (at < bytes.length) renameSync(path, `${path}.unread`)
  else rmSync(path)
}
