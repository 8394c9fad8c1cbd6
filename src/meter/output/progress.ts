/** A progress bar on a terminal; writes nothing to other streams. */
import { humanBytes } from './human.js'

const EVERY_MS = 100
const BAR = 24

export interface Progress {
  /** Redraws at most every 100 ms. `total` 0: unknown. */
  update(done: number, total: number, note: string): void
  /** Erases the bar. */
  clear(): void
}

export function progressOn(
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean },
  nowMs: () => number = Date.now,
): Progress {
  if (stream.isTTY !== true) return { update: () => undefined, clear: () => undefined }
  let drawnMs = Number.NEGATIVE_INFINITY
  let drawn = false
  return {
    update(done, total, note) {
      if (nowMs() - drawnMs < EVERY_MS) return
      drawnMs = nowMs()
      drawn = true
      stream.write(`\r\u001b[K${line(done, total, note)}`)
    },
    clear() {
      if (drawn) stream.write('\r\u001b[K')
      drawn = false
    },
  }
}

function line(done: number, total: number, note: string): string {
  if (total <= 0) return `${humanBytes(done)}  ${note}`
  const share = Math.min(1, done / total)
  const filled = Math.round(share * BAR)
  const bar = '━'.repeat(filled) + '─'.repeat(BAR - filled)
  return `${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${note}`
}
