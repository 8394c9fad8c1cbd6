/** Writes the manifest beside an exported file; reads it from there, or from the last line of the file. */
import {
  closeSync,
  createReadStream,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { readTextFile } from '../base/bounded-file.js'
import { writing } from '../base/cannot-write.js'
import { AppError, EXIT, messageOf } from '../base/errors.js'
import { MANIFEST_VERSION, type Manifest, manifestSchema } from '../session/manifest.js'
import { Facts, type FileFacts } from './file-facts.js'

export function manifestPath(file: string): string {
  return `${file}.manifest.json`
}

/** Writes nothing beside a pipe or a device. */
export function writeManifest(file: string, manifest: Omit<Manifest, 'manifest'>): void {
  if (!statSync(file).isFile()) return
  const path = manifestPath(file)
  const text = JSON.stringify({ manifest: MANIFEST_VERSION, ...manifest }, null, 2)
  writing(path, () => {
    writeFileSync(`${path}.partial`, `${text}\n`)
    renameSync(`${path}.partial`, path)
  })
}

/** A manifest, and the position in the file where the bytes that it describes end. */
export interface FoundManifest {
  readonly manifest: Manifest
  readonly end: number
}

/** Of at most MANIFEST_BYTES_MAX. @throws AppError MANIFEST, FILE_UNREADABLE, FILE_CHANGED */
export function readManifest(file: string): FoundManifest {
  const path = manifestPath(file)
  const inside = existsSync(path) ? null : lastLine(file)
  if (inside === null && !existsSync(path) && hasManifestLine(file))
    throw fileChanged(file, 'it goes on after the line of its manifest')
  const place = inside === null ? path : `the last line of ${file}`
  const refuse = (why: string) =>
    new AppError('MANIFEST', `cannot use ${place}: ${why}`, {
      hint: 'tunmeter export --output writes it beside the file; keep both together.',
      exitCode: EXIT.usage,
    })
  let value: unknown
  try {
    value = JSON.parse(inside === null ? readTextFile(path, MANIFEST_BYTES_MAX) : inside.text)
  } catch (error) {
    throw refuse(messageOf(error))
  }
  const read = manifestSchema.safeParse(value)
  if (!read.success) throw refuse('it is not the manifest of an export')
  return { manifest: read.data, end: inside === null ? Number.POSITIVE_INFINITY : inside.start }
}

/** 64 MiB. A manifest has at most 20,000 losses and 100,000 times between runs, of about 200 bytes each. */
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024
const PIECE_BYTES = 1024 * 1024
const MANIFEST_BEGIN = '{"manifest":'

/** The last line of the file, if it is a manifest. Null: it is not. @throws AppError FILE_UNREADABLE */
function lastLine(file: string): { text: string; start: number } | null {
  let handle: number | undefined
  try {
    handle = openSync(file, 'r')
    const { size } = fstatSync(handle)
    const start = startOfLastLine(handle, size)
    const begins = bytesAt(handle, start, Math.min(size, start + MANIFEST_BEGIN.length))
    if (begins.toString('latin1') !== MANIFEST_BEGIN) return null
    if (size - start > MANIFEST_BYTES_MAX) throw new Error(TOO_LONG)
    return { text: bytesAt(handle, start, size).toString('utf8'), start }
  } catch (error) {
    throw unreadable(file, error)
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}

/** The file was changed since its manifest was made. */
export function fileChanged(file: string, how: string): AppError {
  return new AppError('FILE_CHANGED', `${file} is not the exported file: ${how}`, {
    hint: 'Export it again, or take the copy that belongs to this manifest.',
  })
}

/** Whether a line is a manifest, which export writes as the last one. @throws AppError FILE_UNREADABLE */
function hasManifestLine(file: string): boolean {
  const wanted = `\n${MANIFEST_BEGIN}`
  const handle = openSync(file, 'r')
  try {
    const { size } = fstatSync(handle)
    for (let from = 0; from < size; from += PIECE_BYTES) {
      // A piece overlaps the next one, because the beginning of a line may stand in both.
      const piece = bytesAt(handle, from, Math.min(size, from + PIECE_BYTES + wanted.length))
      if (piece.includes(wanted) || (from === 0 && piece.indexOf(MANIFEST_BEGIN) === 0)) return true
    }
    return false
  } catch (error) {
    throw unreadable(file, error)
  } finally {
    closeSync(handle)
  }
}

const TOO_LONG = `its last line is a manifest of more than ${MANIFEST_BYTES_MAX / 1024 / 1024} MiB`

/** Reads from the end, in pieces, so that a file without an end of line takes no more memory than another. */
function startOfLastLine(handle: number, size: number): number {
  // The byte at the end belongs to the line, also if it ends it.
  for (let to = Math.max(0, size - 1); to > 0; to -= PIECE_BYTES) {
    const from = Math.max(0, to - PIECE_BYTES)
    const newline = bytesAt(handle, from, to).lastIndexOf(0x0a)
    if (newline >= 0) return from + newline + 1
  }
  return 0
}

/** Fewer bytes if the file has become shorter. */
function bytesAt(handle: number, from: number, to: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, to - from))
  let read = 0
  while (read < bytes.length) {
    const count = readSync(handle, bytes, read, bytes.length - read, from + read)
    if (count === 0) break
    read += count
  }
  return bytes.subarray(0, read)
}

function unreadable(file: string, error: unknown): AppError {
  return new AppError('FILE_UNREADABLE', `cannot read ${file}: ${messageOf(error)}`, {
    exitCode: EXIT.usage,
  })
}

/**
 * What the bytes before `end` are.
 * @throws AppError FILE_UNREADABLE
 */
export async function factsOf(file: string, end: number, format: string): Promise<FileFacts> {
  const facts = new Facts(format)
  if (end === 0) return facts.ended()
  try {
    // `end` of the stream includes that byte.
    for await (const chunk of createReadStream(file, { end: end - 1 }) as AsyncIterable<Buffer>)
      facts.take(chunk)
  } catch (error) {
    throw unreadable(file, error)
  }
  return facts.ended()
}
