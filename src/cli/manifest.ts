/** Writes the manifest beside an exported file; reads it from there, or from the last line of the file. */
import { createHash } from 'node:crypto'
import {
  closeSync,
  createReadStream,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { AppError, EXIT, messageOf } from '../base/errors.js'
import { MANIFEST_VERSION, type Manifest, manifestSchema } from '../session/manifest.js'

export function manifestPath(file: string): string {
  return `${file}.manifest.json`
}

/** Writes nothing beside a pipe or a device. */
export function writeManifest(file: string, manifest: Omit<Manifest, 'manifest'>): void {
  if (!statSync(file).isFile()) return
  const path = manifestPath(file)
  const text = JSON.stringify({ manifest: MANIFEST_VERSION, ...manifest }, null, 2)
  try {
    writeFileSync(`${path}.partial`, `${text}\n`)
    renameSync(`${path}.partial`, path)
  } catch (error) {
    throw new AppError('OUTPUT_FAILED', `cannot write ${path}: ${messageOf(error)}`)
  }
}

/** A manifest, and the position in the file where the bytes that it describes end. */
export interface FoundManifest {
  readonly manifest: Manifest
  readonly end: number
}

/** @throws AppError MANIFEST, FILE_UNREADABLE */
export function readManifest(file: string): FoundManifest {
  const path = manifestPath(file)
  const inside = existsSync(path) ? null : lastLine(file)
  const place = inside === null ? path : `the last line of ${file}`
  const refuse = (why: string) =>
    new AppError('MANIFEST', `cannot use ${place}: ${why}`, {
      hint: 'tunmeter export --output writes it beside the file; keep both together.',
      exitCode: EXIT.usage,
    })
  let value: unknown
  try {
    value = JSON.parse(inside === null ? readFileSync(path, 'utf8') : inside.text)
  } catch (error) {
    throw refuse(messageOf(error))
  }
  const read = manifestSchema.safeParse(value)
  if (!read.success) throw refuse('it is not the manifest of an export')
  return { manifest: read.data, end: inside === null ? Number.POSITIVE_INFINITY : inside.start }
}

/** 2 MiB: a manifest has at most a few thousand holes. */
const LINE_BYTES_MAX = 2 * 1024 * 1024

/** The last line of the file, if it is a manifest. Null: it is not. */
function lastLine(file: string): { text: string; start: number } | null {
  let handle: number | undefined
  try {
    handle = openSync(file, 'r')
    const { size } = fstatSync(handle)
    const from = Math.max(0, size - LINE_BYTES_MAX)
    const tail = Buffer.alloc(size - from)
    readSync(handle, tail, 0, tail.length, from)
    const newline = tail.length < 2 ? -1 : tail.lastIndexOf(0x0a, tail.length - 2)
    const line = tail.subarray(newline + 1).toString('utf8')
    return line.startsWith('{"manifest":') ? { text: line, start: from + newline + 1 } : null
  } catch (error) {
    throw unreadable(file, error)
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}

function unreadable(file: string, error: unknown): AppError {
  return new AppError('FILE_UNREADABLE', `cannot read ${file}: ${messageOf(error)}`, {
    exitCode: EXIT.usage,
  })
}

/**
 * Of the bytes before `end`.
 * @throws AppError FILE_UNREADABLE
 */
export async function hashOf(
  file: string,
  end: number,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  if (end === 0) return { bytes, sha256: hash.digest('hex') }
  try {
    // `end` of the stream includes that byte.
    for await (const chunk of createReadStream(file, { end: end - 1 }) as AsyncIterable<Buffer>) {
      bytes += chunk.length
      hash.update(chunk)
    }
  } catch (error) {
    throw unreadable(file, error)
  }
  return { bytes, sha256: hash.digest('hex') }
}
