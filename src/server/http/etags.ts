/**
 * Conditional requests (RFC 9110, 8.8.3 and 13.1): lists of entity tags.
 *
 * If-None-Match compares weakly, because a proxy that compresses an answer makes its tag weak, and the content is the
 * same. If-Match compares strongly, because the request replaces the content: a weak tag matches nothing.
 */
import { HttpError } from './http.js'

interface EntityTag {
  readonly weak: boolean
  /** The tag without its quotes. */
  readonly opaque: string
}

/** Any character but quotes and blanks: a comma in quotes is part of the tag. */
const TAG = /(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/y
const BETWEEN = /[ \t]*(?:,[ \t]*)*/y
const COMMA = /[ \t]*,/y

/** @returns '*', the tags, or undefined if the text is no list of tags */
export function entityTags(text: string): '*' | EntityTag[] | undefined {
  if (text.trim() === '*') return '*'
  const tags: EntityTag[] = []
  let at = skip(BETWEEN, text, 0)
  while (at < text.length) {
    TAG.lastIndex = at
    const found = TAG.exec(text)
    if (found === null) return undefined
    tags.push({ weak: found[1] !== undefined, opaque: found[2]! })
    at = TAG.lastIndex
    if (skip(COMMA, text, at) === at && text.slice(at).trim() !== '') return undefined
    at = skip(BETWEEN, text, at)
  }
  return tags.length === 0 ? undefined : tags
}

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at
}

/** Whether the client has the content `etag` already, so the answer is 304. A malformed header counts as absent. */
export function hasAlready(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = ifNoneMatch === undefined ? undefined : entityTags(ifNoneMatch)
  if (tags === undefined) return false
  return tags === '*' || tags.some(({ opaque }) => opaque === etag)
}

/**
 * The versions that If-Match allows to be replaced; undefined: any.
 * @throws HttpError 400 for a malformed header, because ignoring it would make the change without its condition
 */
export function versionsWanted(ifMatch: string | undefined): readonly string[] | undefined {
  if (ifMatch === undefined) return undefined
  const tags = entityTags(ifMatch)
  if (tags === undefined) {
    const got = JSON.stringify(ifMatch.slice(0, 60))
    throw new HttpError(
      400,
      'badRequest',
      `If-Match: expected the unchanged ETag of an answer, a list of ETags, or *; got ${got}`,
    )
  }
  return tags === '*' ? undefined : tags.filter(({ weak }) => !weak).map(({ opaque }) => opaque)
}
