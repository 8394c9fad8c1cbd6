/**
 * Explains a schema's refusal to the sender: the place, the expected value, and the value that
 * came.
 *
 *   clients[2].publicKey: expected a WireGuard public key, got "short"
 */
import { z } from 'zod'
import { isName, suggestion } from './config.js'

type Issue = z.core.$ZodIssue

export type Parsed<T> =
  | { readonly data: T; readonly faults: readonly [] }
  | { readonly data: undefined; readonly faults: readonly [string, ...string[]] }

/** @param whole the name of the whole value in a fault: `body`, `the document` */
export function parseWith<S extends z.ZodType>(
  schema: S,
  value: unknown,
  whole: string,
): Parsed<z.output<S>> {
  const result = schema.safeParse(value, { reportInput: true })
  if (result.success) return { data: result.data, faults: [] }
  const faults = result.error.issues.flatMap((issue) => textsOf(issue, schema, whole))
  return { data: undefined, faults: faults as [string, ...string[]] }
}

/** Each suggestion compares with all known names, and nobody reads more than a few. */
const SUGGESTIONS_MAX = 10

function textsOf(issue: Issue, schema: z.ZodType, whole: string): string[] {
  const place = placeOf(issue.path)
  if (issue.code !== 'unrecognized_keys') return [`${place || whole}: ${textOf(issue)}`]
  const known = schema instanceof z.ZodObject && place === '' ? Object.keys(schema.shape) : []
  const names = issue.keys.filter(isName)
  const texts = names.map((key, index) => {
    const name = place === '' ? key : `${place}.${key}`
    const meant = index < SUGGESTIONS_MAX ? suggestion(key, known) : ''
    return `${name}: is not known here${meant}`
  })
  const others = issue.keys.length - names.length
  if (others > 0) texts.push(`${place || whole}: has ${NAMELESS(others)}`)
  return texts
}

const NAMELESS = (count: number) =>
  count === 1
    ? 'a field whose name is no word, and which is not known here'
    : `${count} fields whose names are no words, and which are not known here`

/** `clients[2].publicKey`. */
function placeOf(path: readonly PropertyKey[]): string {
  const parts = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
  return parts.join('').replace(/^\./, '')
}

function textOf(issue: Issue): string {
  const { input } = issue
  if (input === undefined) return `is required: ${expected(issue)}`
  if (issue.code === 'invalid_type' && issue.expected === 'string' && Array.isArray(input))
    return `expected one value, got ${input.length}`
  const text = expected(issue)
  // A wrong secret is still a secret: never repeat it.
  const isSecret = issue.path.at(-1) === 'key' || issue.path.includes('secrets')
  const hidden = text.includes(', got ') || isSecret || wordsOf(issue) !== undefined
  return hidden ? text : `${text}, got ${shown(issue)}`
}

const KINDS: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a text',
}

const UNITS: Readonly<Record<string, string>> = { string: ' characters', array: ' entries' }

function expected(issue: Issue): string {
  // The schema's own text is better than a generated one.
  if (issue.message.startsWith('expected ')) return issue.message
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${KINDS[issue.expected] ?? issue.expected}`
    case 'too_small':
      if (issue.origin === 'string' && issue.minimum === 1)
        return 'expected a text that is not empty'
      return `expected at least ${issue.minimum}${UNITS[issue.origin] ?? ''}`
    case 'too_big':
      return `expected at most ${issue.maximum}${UNITS[issue.origin] ?? ''}`
    case 'invalid_value':
      return `expected ${anyOf(issue.values.map(String))}`
    case 'invalid_format':
      return issue.format === 'datetime'
        ? 'expected a time with its zone, as in 2026-11-22T08:00:00Z'
        : `expected the form ${issue.pattern ?? issue.format}`
    case 'invalid_union':
      if (wordsOf(issue) !== undefined) return `expected ${anyOf(wordsOf(issue)!)}`
      return issue.errors
        .map(([first]) => (first === undefined ? '' : expected(first)))
        .join(', or ')
    default:
      return issue.message
  }
}

/** The values of a discriminator, which zod's types lack. */
function wordsOf(issue: Issue): readonly string[] | undefined {
  const { discriminator, options } = issue as { discriminator?: string; options?: unknown[] }
  return discriminator === undefined ? undefined : options?.map(String)
}

export function anyOf(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)!}`
}

const STRUCTURES: ReadonlySet<string> = new Set(['array', 'object', 'record'])

function shown(issue: Issue): string {
  const { code, input } = issue
  if (Array.isArray(input)) return code === 'too_big' ? String(input.length) : 'a list'
  if (typeof input === 'object' && input !== null) return 'an object'
  if (typeof input !== 'string') return String(input)
  // A text in place of a list or an object is no wrong value but something else: a private key, perhaps.
  if (issue.code === 'invalid_type' && STRUCTURES.has(issue.expected)) return 'a text'
  return code === 'too_big' ? String(input.length) : JSON.stringify(shorten(input))
}

const SHOWN_MAX = 60

function shorten(text: string): string {
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text
}
