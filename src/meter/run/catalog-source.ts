/**
 * The source of a meter's catalog: a file (`--catalog`), read again when it changes; else the server, asked
 * again and again, with the last answer kept beside the spool for a start while the server is away.
 */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AppError, messageOf } from '../../base/errors.js'
import { parseWith } from '../../base/faults.js'
import type { Logger } from '../../base/log.js'
import { printable } from '../../base/printable.js'
import { type Catalog, catalogSchema } from '../../session/catalog.js'
import { loadCatalog } from '../attribution/catalog-file.js'
import type { Connection, Site } from '../ship/connection.js'
import { SayOnce } from './say-once.js'

const SERVER_EVERY_MS = 60_000
const KEPT_FILE = 'catalog.json'

export interface CatalogSource {
  /** What is known at the start. @throws AppError when the file is wrong. */
  first(): Catalog | null
  /** Called every second; `signal` cuts a request in flight. Resolves to a catalog that differs from the one before, else null. */
  poll(signal?: AbortSignal): Promise<Catalog | null>
  /** SIGHUP: look now. */
  reload(): void
}

export function catalogFromFile(path: string, log: Logger): CatalogSource {
  let seen = ''
  const mark = (): string => {
    const { mtimeMs, size, ino } = statSync(path)
    return `${mtimeMs} ${size} ${ino}`
  }
  return {
    first() {
      const catalog = loadCatalog(path)
      seen = mark()
      return catalog
    },
    async poll() {
      try {
        const now = mark()
        if (now === seen) return null
        seen = now
        const catalog = loadCatalog(path)
        log.info({ path }, 'catalog reloaded')
        return catalog
      } catch (error) {
        // The one in force stays: a half-written file must not take all names away.
        const problem = messageOf(error)
        if (seen !== problem)
          log.error({ path, problem }, 'the catalog cannot be read; keeping the last one')
        seen = problem
        return null
      }
    },
    reload() {
      seen = ''
    },
  }
}

interface ServerCatalogOptions {
  readonly spoolDirectory: string
  readonly bytesMax: number
  readonly log: Logger
}

export function catalogFromServer(
  connection: Connection,
  site: () => Site | null,
  { spoolDirectory, bytesMax, log }: ServerCatalogOptions,
): CatalogSource {
  const kept = join(spoolDirectory, KEPT_FILE)
  let etag: string | null = null
  let askAtMs = 0
  const trouble = new SayOnce()
  const refuse = (problem: string): null => {
    if (trouble.begins(problem))
      log.warn({ problem }, 'the server’s catalog cannot be used; keeping the last one')
    return null
  }
  return {
    first() {
      try {
        return catalogSchema.parse(JSON.parse(readFileSync(kept, 'utf8')))
      } catch {
        return null
      }
    },
    async poll(signal) {
      const where = site()
      if (where === null || Date.now() < askAtMs) return null
      askAtMs = Date.now() + SERVER_EVERY_MS
      const answer = await connection
        .catalog(where, etag, { signal, bytesMax })
        .catch((error: AppError) => refuse(`${error.message}. ${error.hint}`))
      if (answer === null) return null
      const { data, faults } = parseWith(catalogSchema, answer.content, 'the answer')
      if (data === undefined) return refuse(`it is none: ${printable(faults[0])}`)
      trouble.isOver()
      etag = answer.etag
      keep(kept, data)
      log.info(
        { clients: data.clients.length, resources: data.resources.length },
        'catalog from the server',
      )
      return data
    },
    reload() {
      askAtMs = 0
    },
  }
}

/** A full disk only costs the names of the next start. */
function keep(path: string, catalog: Catalog): void {
  try {
    writeFileSync(`${path}.new`, JSON.stringify(catalog), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  } catch {}
}
