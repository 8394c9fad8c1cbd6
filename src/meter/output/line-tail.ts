/** The end of a file of lines: where its last whole line ends. */
import type { FileHandle } from 'node:fs/promises'

const BLOCK_BYTES = 64 * 1024
const NEWLINE = 0x0a

/** Bytes up to and with the last line end. Read from the end: a file has any size. */
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
