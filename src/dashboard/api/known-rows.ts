import type { LogAnswer, LogRow } from './types.js'

/** Rows with the server's tags of them, for the next poll. */
export interface Known {
  readonly rows: readonly LogRow[]
  readonly tags: readonly string[]
}

export const NOTHING_KNOWN: Known = { rows: [], tags: [] }

/** The page of an answer that leaves out known rows. Those stay the same objects, so they are not drawn again. */
export function withNews(known: Known, { log, delta }: Pick<LogAnswer, 'log' | 'delta'>): Known {
  const fresh: Known = { rows: log, tags: delta?.tags.match(/.{8}/g) ?? [] }
  const [rows, tags]: [LogRow[], string[]] = [[], []]
  let used = 0
  for (const [from, count] of delta?.runs ?? [[-1, log.length]]) {
    const source = from === -1 ? fresh : known
    const start = from === -1 ? used : from
    rows.push(...source.rows.slice(start, start + count))
    tags.push(...source.tags.slice(start, start + count))
    if (from === -1) used += count
  }
  return { rows, tags }
}
