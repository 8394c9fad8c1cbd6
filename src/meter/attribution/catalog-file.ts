/** Reads a catalog file, JSON or YAML, and says all that is wrong with it at once. */
import { readFileSync } from 'node:fs'
import { parseDocument } from 'yaml'
import { AppError, EXIT, messageOf } from '../../base/errors.js'
import { parseWith } from '../../base/faults.js'
import { type Catalog, catalogSchema } from '../../session/catalog.js'

/** A catalog of 100,000 clients takes about 30 MB. */
const FILE_BYTES_MAX = 256 * 1024 * 1024
const FAULTS_SHOWN_MAX = 50

/** Throws AppError CATALOG_UNREADABLE or CATALOG_INVALID. */
export function loadCatalog(path: string): Catalog {
  const parsed = parseWith(catalogSchema, readDocument(path), 'the document')
  const faults = parsed.data === undefined ? parsed.faults : doubledIds(parsed.data)
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
    const bytes = readFileSync(path)
    if (bytes.length > FILE_BYTES_MAX) throw new Error(`larger than ${FILE_BYTES_MAX} bytes`)
    // JSON is YAML too. A bounded number of aliases: a catalog has no use for a thousand of them.
    const document = parseDocument(bytes.toString('utf8'))
    const [error] = document.errors
    if (error !== undefined) throw new Error(error.message.split('\n')[0])
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

function reason(error: unknown): string {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
    ? 'there is no such file'
    : messageOf(error)
}

/** What is an identity must be one: two entries with it would make attribution a matter of order. */
function doubledIds(catalog: Catalog): string[] {
  const { clients, users, sites, resources } = catalog
  return [
    ...doubled(
      'clients',
      'clientId',
      clients.map((one) => one.clientId),
    ),
    ...doubled(
      'clients',
      'publicKey',
      clients.map((one) => one.publicKey),
    ),
    ...doubled(
      'users',
      'userId',
      users.map((one) => one.userId),
    ),
    ...doubled(
      'sites',
      'siteId',
      sites.map((one) => one.siteId),
    ),
    ...doubled(
      'resources',
      'siteResourceId',
      // A resource may have several entries: one for each destination and protocol.
      resources.map(
        (one) => `${one.siteResourceId} (${one.destination}, ${one.protocol ?? 'any protocol'})`,
      ),
    ),
  ]
}

function doubled(
  list: string,
  field: string,
  values: readonly (string | number | null | undefined)[],
): string[] {
  const firstAt = new Map<string | number, number>()
  return values.flatMap((value, index) => {
    if (value == null) return []
    const first = firstAt.get(value)
    if (first === undefined) firstAt.set(value, index)
    return first === undefined
      ? []
      : [`${list}[${index}].${field}: ${value} is that of ${list}[${first}] already`]
  })
}
