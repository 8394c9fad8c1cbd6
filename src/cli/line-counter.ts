/** Counts the rows of CSV and NDJSON as they pass. */

const NEWLINE = 0x0a
const QUOTE = 0x22

function newlines(chunk: Buffer): number {
  let count = 0
  for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, at + 1)) count++
  return count
}

/** Counts line ends outside quoted cells of CSV. A doubled quote ends and begins the quoting, so it changes nothing. */
export function lineCounter(quoting: boolean): (chunk: Buffer) => number {
  let lines = 0
  let quoted = false
  return (chunk) => {
    for (let from = 0; from < chunk.length; ) {
      const quote = quoting ? chunk.indexOf(QUOTE, from) : -1
      const to = quote === -1 ? chunk.length : quote
      if (!quoted) lines += newlines(chunk.subarray(from, to))
      if (quote !== -1) quoted = !quoted
      from = to + 1
    }
    return lines
  }
}
