/** The worker thread that read-catalog.ts starts. */
import { workerData } from 'node:worker_threads'
import { AppError, messageOf } from '../../base/errors.js'
import type { Catalog } from '../../session/catalog.js'
import { toColumns } from '../attribution/catalog-columns.js'
import { type CatalogReply, readHere, type WorkerTask } from './read-catalog.js'

const { input, users, port } = workerData as WorkerTask
port.postMessage(reply())
port.close()

function reply(): CatalogReply {
  try {
    const catalog = readHere(input)
    return { columns: catalog === null ? null : toColumns(needed(catalog)) }
  } catch (error) {
    const { hint, facts, exitCode } = error instanceof AppError ? error : {}
    const code = error instanceof AppError ? error.code : 'CATALOG_UNREADABLE'
    return {
      error: {
        code,
        message: messageOf(error),
        ...(hint !== undefined && { hint }),
        ...(facts !== undefined && { facts }),
        ...(exitCode !== undefined && { exitCode }),
      },
    }
  }
}

/** Drops texts that the meter does not use, because texts are most of the data for its thread. */
function needed(catalog: Catalog): Catalog {
  return { ...catalog, users: users ? catalog.users.map(({ email: _, ...user }) => user) : [] }
}
