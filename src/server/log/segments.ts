/**
 * The segments of a log: its files, and their state when the log is opened.
 *
 * A segment has the number of its first entry in its name, so only the last one is read to the end. A crash may leave an
 * unfinished entry at the end of the last segment, or a segment without a whole header; both are removed.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../base/errors.js'
import { firstLsnOf, idOf, SEGMENT_HEADER_BYTES, scan } from './format.js'

export interface Segment {
  readonly path: string
  readonly firstLsn: number
  /** firstLsn - 1 if the segment is empty. */
  lastLsn: number
  bytes: number
  beganMs: number
  /** The time of its last entry. */
  endedMs: number
}

export interface Recovery {
  /** Bytes of an unfinished entry at the end, which was never acknowledged. */
  readonly cutBytes: number
  readonly damagedPlaces: number
}

/** Removes an unfinished entry at the end. @throws AppError STORE_NEWER, STORE_UNREADABLE */
export function openSegments(
  directory: string,
): Recovery & { readonly id: string; readonly segments: Segment[] } {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const names = readdirSync(directory).filter((name) => firstLsnOf(name) !== undefined)
  const ids = new Set<string>()
  const segments: Segment[] = []
  let damagedPlaces = 0
  let cutBytes = 0
  names.sort()
  for (const [i, name] of names.entries()) {
    const path = join(directory, name)
    const firstLsn = firstLsnOf(name)!
    const bytes = statSync(path).size
    const isLast = i === names.length - 1
    if (isLast && bytes < SEGMENT_HEADER_BYTES) {
      // A crash interrupted the creation of this segment, so it has no entry.
      rmSync(path)
      cutBytes += bytes
      break
    }
    const content = isLast ? readFileSync(path) : headerOf(path)
    const id = idOf(content.subarray(0, SEGMENT_HEADER_BYTES), path)
    if (id === undefined) damagedPlaces++
    else ids.add(id)
    const segment = segmentOf(path, firstLsn, bytes)
    if (isLast) {
      const { found, goodBytes, damaged: places } = scan(content, firstLsn, path)
      damagedPlaces += places
      cutBytes += bytes - goodBytes
      if (bytes > goodBytes) truncateSync(path, goodBytes)
      segment.bytes = goodBytes
      segment.lastLsn = found.at(-1)?.lsn ?? firstLsn - 1
    } else segment.lastLsn = firstLsnOf(names[i + 1]!)! - 1
    segments.push(segment)
  }
  if (ids.size > 1)
    throw new AppError('STORE_UNREADABLE', `${directory} has segments of several logs`, {
      hint: 'Restore the original log directory, or move this one away. Moving it away loses batches that the database does not hold yet.',
    })
  const id = [...ids][0] ?? randomBytes(8).toString('hex')
  return { id, segments, cutBytes, damagedPlaces }
}

/** Shorter if the file is. */
function headerOf(path: string): Buffer {
  const file = openSync(path, 'r')
  try {
    const header = Buffer.alloc(SEGMENT_HEADER_BYTES)
    return header.subarray(0, readSync(file, header))
  } finally {
    closeSync(file)
  }
}

export function segmentOf(
  path: string,
  firstLsn: number,
  bytes: number,
  beganMs?: number,
): Segment {
  const atMs = beganMs ?? statSync(path).mtimeMs
  return { path, firstLsn, lastLsn: firstLsn - 1, bytes, beganMs: atMs, endedMs: atMs }
}

/** Without this sync, a power cut may lose the new file's name. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
