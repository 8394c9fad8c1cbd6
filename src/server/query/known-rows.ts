/**
 * The rows of a page that a client does not have yet. Live mode asks for a page every second, and few rows change.
 *
 * The client sends the tags of its rows, and the server keeps nothing. A tag is made of a row's whole content, so a row
 * that changed is sent again.
 */
import { createHash } from 'node:crypto'
import type { ApiRow } from './api-row.js'

/** 48 bits: the tag of a changed row is that of a known one once in 10^12 polls of 1000 rows, and then stays old. */
export const TAG_CHARACTERS = 8

export interface Delta {
  /** The page in order: [index of the first row in `known`, rows]. -1: the next rows of `log`. */
  readonly runs: readonly (readonly [from: number, rows: number])[]
  /** The tags of the rows in `log`, without separators. */
  readonly tags: string
}

/** @returns the rows that are not known, and how the page consists of them and the known ones */
export function withoutKnown(
  rows: readonly ApiRow[],
  known: readonly string[],
): { readonly log: readonly ApiRow[]; readonly delta: Delta } {
  const places = new Map(known.map((tag, index) => [tag, index]))
  const log: ApiRow[] = []
  const tags: string[] = []
  const runs: [from: number, rows: number][] = []
  for (const row of rows) {
    const tag = tagOf(row)
    const place = places.get(tag) ?? -1
    if (place === -1) {
      log.push(row)
      tags.push(tag)
    }
    const last = runs.at(-1)
    const continues = last !== undefined && place === (last[0] === -1 ? -1 : last[0] + last[1])
    if (continues) last[1]++
    else runs.push([place, 1])
  }
  return { log, delta: { runs, tags: tags.join('') } }
}

function tagOf(row: ApiRow): string {
  return createHash('sha1').update(JSON.stringify(row)).digest('base64url').slice(0, TAG_CHARACTERS)
}

/** @returns the tags in a text, or undefined if it is none of ours */
export function tagsOf(text: string): readonly string[] | undefined {
  if (!/^(?:[\w-]{8})*$/.test(text)) return undefined
  return text.match(/.{8}/g) ?? []
}
