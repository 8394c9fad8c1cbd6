/** Finds the end of the last whole line in a file. */
import type { FileHandle } from 'node:fs/promises'

const BLOCK_BYTES = 64 * 1024
const NEWLINE = 0x0a

/** Bytes up to and including the last line end. Reads backwards, because the file may be large. */
export async function wholeLineBytes(file: FileHandle, size: number): Promise<number> {
  const block = Buffer.alloc(BLOCK_BYTES)
  for (let end = size; end > 0; ) {
    const from = Math.max(0, end - BLOCK_BYTES)
    const { bytesRead } = await file.read(block, 0, end - from, from)
    const at = block.subarray(0, bytesRead).lastIndexOf(NEWLINE)
    if (at !== -1) return from + at + 1
    end = from
  }
  return 0
}
