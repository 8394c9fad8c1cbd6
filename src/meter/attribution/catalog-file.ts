/** Reads a catalog file (JSON or YAML) and reports all its faults at once. */
import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { readTextFile } from '../../base/bounded-file.js'
import { AppError, EXIT, messageOf } from '../../base/errors.js'
import { parseWith } from '../../base/faults.js'
import { parseYaml } from '../../base/yaml-text.js'
import { type Catalog, catalogSchema } from '../../session/catalog.js'
import { catalogFaults } from '../../session/catalog-faults.js'

/** A catalog of 100,000 clients takes about 30 MB. */
const BYTES_MAX = 256 * 1024 * 1024
const FAULTS_SHOWN_MAX = 50
const WG_QUICK = /^\[(?:Interface|Peer)\]/im

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
  let hint = 'The catalog is a JSON or YAML file; docs/wireguard.md shows one.'
  try {
    // Read the text at once: reading the bytes first would hold both in memory.
    const text = readTextFile(path, BYTES_MAX)
    if (WG_QUICK.test(text))
      hint = `It is a file of wg-quick. To make a catalog of it: tunmeter catalog init --wg-quick ${path}`
    if (text.includes('\ufffd') && !isUtf8(readFileSync(path)))
      throw new Error('it is not UTF-8 (UTF-16 or Latin-1, perhaps): save it as UTF-8')
    const json = /^\s*\{/.test(text) ? parseJson(text) : undefined
    if (json !== undefined) return json
    return parseYaml(text) ?? {}
  } catch (error) {
    throw new AppError('CATALOG_UNREADABLE', `cannot read the catalog ${path}: ${reason(error)}`, {
      hint,
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
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such file'
  return code === 'EISDIR' ? 'it is a folder' : messageOf(error)
}
