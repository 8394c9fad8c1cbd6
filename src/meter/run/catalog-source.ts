/**
 * The source of a meter's catalog. A file (`--catalog`) is read again when it changes. Without one the meter asks the
 * server every minute, and keeps the last answer in the spool's directory for a start while the server is away.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type AppError, messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import type { CatalogLists } from '../../session/catalog.js'
import type { Connection, Site } from '../ship/connection.js'
import { readCatalog } from './read-catalog.js'
import { SayOnce } from './say-once.js'

const SERVER_EVERY_MS = 60_000
const KEPT_FILE = 'catalog.json'

export interface CatalogSource {
  /** The catalog for the start: the file, or the server's last answer. @throws AppError when the file is invalid */
  first(signal?: AbortSignal): Promise<CatalogLists | null>
  /** Called every second. Resolves to a new catalog, else to null. `signal` aborts a request in flight. */
  poll(signal?: AbortSignal): Promise<CatalogLists | null>
  /** SIGHUP: the next poll() reads again, even without a change. */
  reload(): void
}

export interface CatalogOptions {
  /** Names of users are needed. */
  readonly users: boolean
  readonly log: Logger
}

export function catalogFromFile(path: string, { users, log }: CatalogOptions): CatalogSource {
  let seen = ''
  const trouble = new SayOnce()
  // Called before reading, because a change during the reading must be read again.
  const mark = (): string => {
    try {
      const { mtimeMs, size, ino } = statSync(path)
      return `${mtimeMs} ${size} ${ino}`
    } catch (error) {
      return messageOf(error)
    }
  }
  const read = (signal?: AbortSignal): Promise<CatalogLists | null> => {
    seen = mark()
    return readCatalog({ kind: 'file', path }, { users, signal })
  }
  return {
    first: read,
    async poll(signal) {
      try {
        if (mark() === seen) return null
        const catalog = await read(signal)
        trouble.isOver()
        if (catalog !== null) log.info({ path }, 'catalog reloaded')
        return catalog
      } catch (error) {
        // The last catalog stays in force, because a half-written file must not take all names away.
        const problem = messageOf(error)
        if (trouble.begins(problem))
          log.error({ path, problem }, 'the catalog cannot be read; keeping the last one')
        return null
      }
    },
    reload() {
      seen = ''
    },
  }
}

interface ServerCatalogOptions extends CatalogOptions {
  readonly spoolDirectory: string
  readonly bytesMax: number
}

export function catalogFromServer(
  connection: Connection,
  site: () => Site | null,
  { spoolDirectory, bytesMax, users, log }: ServerCatalogOptions,
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
    first: (signal) => readCatalog({ kind: 'kept', path: kept }, { users, signal }),
    async poll(signal) {
      const where = site()
      if (where === null || performance.now() < askAtMs) return null
      askAtMs = performance.now() + SERVER_EVERY_MS
      try {
        const answer = await connection.catalogText(where, etag, { signal, bytesMax })
        if (answer === null) return null
        const input = { kind: 'answer', text: answer.text, keepAs: kept } as const
        const catalog = await readCatalog(input, { users, signal })
        if (catalog === null) return null
        trouble.isOver()
        etag = answer.etag
        log.info(
          { clients: catalog.clients.length, resources: catalog.resources.length },
          'catalog from the server',
        )
        return catalog
      } catch (error) {
        const { message, hint } = error as AppError
        return refuse(hint === undefined ? message : `${message}. ${hint}`)
      }
    },
    reload() {
      askAtMs = 0
    },
  }
}
