/** Reads a file of which somebody else says how long it is: /dev/zero has no end, nor needs a pipe have one. */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'

const CHUNK_BYTES = 256 * 1024

/** @throws Error as Node's; of a file that is longer */
export function readTextFile(path: string, bytesMax: number): string {
  const fd = openSync(path, 'r')
  try {
    const stat = fstatSync(fd)
    if (stat.size > bytesMax) throw tooLong(bytesMax)
    return stat.isFile() ? readFileSync(fd, 'utf8') : readToEnd(fd, bytesMax)
  } finally {
    closeSync(fd)
  }
}

function readToEnd(fd: number, bytesMax: number): string {
  const chunks: Buffer[] = []
  let bytes = 0
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    const count = readSync(fd, chunk)
    if (count === 0) return Buffer.concat(chunks, bytes).toString('utf8')
    bytes += count
    if (bytes > bytesMax) throw tooLong(bytesMax)
    chunks.push(chunk.subarray(0, count))
  }
}

function tooLong(bytesMax: number): Error {
  return new Error(`it is longer than ${bytesMax / 1024 / 1024} MiB`)
}
