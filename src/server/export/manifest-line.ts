/** Ends a stream of NDJSON with its own manifest, for clients that keep one file or read a pipe. */
import { createHash } from 'node:crypto'
import type { Manifest } from '../../session/manifest.js'

/** What is known of an export before its first byte. */
export type ManifestHead = Omit<Manifest, 'rows' | 'bytes' | 'sha256'>

/**
 * Yields the rows as they are, then one line: the manifest with their number, size and SHA-256.
 * @param rows the number of rows in what was yielded
 */
export async function* withManifestLine(
  text: AsyncIterable<Uint8Array>,
  head: ManifestHead,
  rows: () => number,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const piece of text) {
    hash.update(piece)
    bytes += piece.length
    yield piece
  }
  const manifest: Manifest = { ...head, rows: rows(), bytes, sha256: hash.digest('hex') }
  yield Buffer.from(`${JSON.stringify(manifest)}\n`)
}
