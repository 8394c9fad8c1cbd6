/** Writes and reads the manifest beside an exported file. */
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
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

/** @throws AppError MANIFEST */
export function readManifest(file: string): Manifest {
  const path = manifestPath(file)
  const refuse = (why: string) =>
    new AppError('MANIFEST', `cannot use ${path}: ${why}`, {
      hint: 'tunmeter export --output writes it beside the file; keep both together.',
      exitCode: EXIT.usage,
    })
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw refuse(messageOf(error))
  }
  const read = manifestSchema.safeParse(value)
  if (!read.success) throw refuse('it is not the manifest of an export')
  return read.data
}

/** @throws AppError FILE_UNREADABLE */
export async function hashOf(file: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      bytes += chunk.length
      hash.update(chunk)
    }
  } catch (error) {
    throw new AppError('FILE_UNREADABLE', `cannot read ${file}: ${messageOf(error)}`, {
      exitCode: EXIT.usage,
    })
  }
  return { bytes, sha256: hash.digest('hex') }
}
