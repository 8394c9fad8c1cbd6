/** Reads a catalog file (JSON or YAML) and reports all its faults at once. */
import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type * as yaml from 'yaml'
import { readTextFile } from '../../base/bounded-file.js'
import { AppError, EXIT, messageOf } from '../../base/errors.js'
import { parseWith } from '../../base/faults.js'
import { type Catalog, catalogSchema } from '../../session/catalog.js'
import { catalogFaults } from '../../session/catalog-faults.js'

/** A catalog of 100,000 clients takes about 30 MB. */
const BYTES_MAX = 256 * 1024 * 1024
const FAULTS_SHOWN_MAX = 50

/** Throws AppError CATALOG_UNREADABLE or CATALOG_INVALID. */
export function loadCatalog(path: string): Catalog {
  const parsed = parseWith(catalogSchema, readDocument(path), 'the document')
  const faults = parsed.data === undefined ? parsed.faults : catalogFaults(parsed.data)
  if (parsed.data !== undefined && faults.length === 0) return parsed.data
  const shown = faults.slice(0, FAULTS_SHOWN_MAX).map((fault) => `${path}: ${fault}`)
  if (faults.length > shown.length) shown.push(`${path}: and ${faults.length - shown.length} more`)
  throw new AppError('CATALOG_INVALID', shown.join('\n'), {
    hint: 'docs/wireguard.md shows a catalog.',
    facts: { path, faults },
    exitCode: EXIT.usage,
  })
}

function readDocument(path: string): unknown {
  try {
    // Read the text at once: reading the bytes first would hold both in memory.
    const text = readTextFile(path, BYTES_MAX)
    if (text.includes('\ufffd') && !isUtf8(readFileSync(path)))
      throw new Error('it is not UTF-8 (UTF-16 or Latin-1, perhaps): save it as UTF-8')
    const json = /^\s*\{/.test(text) ? parseJson(text) : undefined
    if (json !== undefined) return json
    // Load `yaml` on use: few starts of a meter need it, and it is a fifth as large as all else that a start loads.
    const { parseDocument } = createRequire(import.meta.url)('yaml') as typeof yaml
    const document = parseDocument(text)
    const [error] = document.errors
    if (error !== undefined) throw new Error(error.message.split('\n')[0])
    // Bound the aliases, because nested ones let a small file fill the memory; no catalog needs 1,000.
    return document.toJS({ maxAliasCount: 1000 }) ?? {}
  } catch (error) {
    throw new AppError('CATALOG_UNREADABLE', `cannot read the catalog ${path}: ${reason(error)}`, {
      hint: 'The catalog is a JSON or YAML file; docs/wireguard.md shows one.',
      facts: { path },
      exitCode: EXIT.usage,
      cause: error,
    })
  }
}

/**
 * Thirty times as fast as the YAML parser, which reads JSON too. Undefined if the text is not JSON: the YAML parser then
 * says what is wrong, and where.
 */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function reason(error: unknown): string {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
    ? 'there is no such file'
    : messageOf(error)
}
