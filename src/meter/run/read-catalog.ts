/**
 * Reads and checks a catalog. A worker thread does that for a large one, because a catalog of 100,000 clients takes a
 * second or more, and the meter's thread must take records meanwhile.
 *
 * The worker's answer is decoded only after the worker has ended, because the memory of both must not add up.
 */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { AppError, type ErrorOptions } from '../../base/errors.js'
import { parseWith } from '../../base/faults.js'
import { printable } from '../../base/printable.js'
import { type Catalog, type CatalogLists, catalogSchema } from '../../session/catalog.js'
import { type CatalogColumns, fromColumns } from '../attribution/catalog-columns.js'
import { loadCatalog } from '../attribution/catalog-file.js'
import { parseEnvelope } from '../ship/answer.js'

export type CatalogInput =
  | { readonly kind: 'file'; readonly path: string }
  /** A server's answer; a valid catalog is kept in the file `keepAs`. */
  | { readonly kind: 'answer'; readonly text: string; readonly keepAs: string }
  | { readonly kind: 'kept'; readonly path: string }

/** A smaller catalog is read faster than a thread starts. */
const WORKER_BYTES_MIN = 1024 * 1024

/** The worker's reply. Errors are sent as plain objects, because they lose their class between threads. */
export type CatalogReply =
  | { readonly columns: CatalogColumns | null }
  | { readonly error: { readonly code: string; readonly message: string } & ErrorOptions }

export interface WorkerTask {
  readonly input: CatalogInput
  readonly users: boolean
  readonly port: MessagePort
}

/**
 * Null when there is no catalog, or when `signal` aborts. Without `users` a large catalog comes without its users,
 * because only names need them.
 *
 * @throws AppError CATALOG_UNREADABLE, CATALOG_INVALID
 */
export async function readCatalog(
  input: CatalogInput,
  { users, signal }: { readonly users: boolean; readonly signal?: AbortSignal | undefined },
): Promise<CatalogLists | null> {
  if (bytesOf(input) < WORKER_BYTES_MIN) return readHere(input)
  const { port1, port2 } = new MessageChannel()
  const worker = startWorker({ input, users, port: port2 })
  // Without a free thread, this thread reads it.
  if (worker === null) {
    port1.close()
    return readHere(input)
  }
  const end = (): void => void worker.terminate()
  signal?.addEventListener('abort', end)
  try {
    await new Promise<void>((resolve, reject) => {
      worker.once('error', (error) => reject(unreadable(error)))
      worker.once('exit', () => resolve())
    })
    const received = receiveMessageOnPort(port1) as { message: CatalogReply } | undefined
    if (received === undefined) return null
    return catalogOf(received.message)
  } finally {
    signal?.removeEventListener('abort', end)
    port1.close()
  }
}

function startWorker(task: WorkerTask): Worker | null {
  try {
    return new Worker(new URL('catalog-worker.js', import.meta.url), {
      workerData: task,
      transferList: [task.port],
    })
  } catch {
    return null
  }
}

/** Reads the catalog in the calling thread. */
export function readHere(input: CatalogInput): Catalog | null {
  if (input.kind === 'file') return loadCatalog(input.path)
  if (input.kind === 'kept') return readKept(input.path)
  const envelope = parseEnvelope(input.text)
  if (envelope?.success !== true) return null
  const { data, faults } = parseWith(catalogSchema, envelope.data, 'the answer')
  if (data === undefined)
    throw new AppError('CATALOG_INVALID', `the answer is no catalog: ${printable(faults[0])}`)
  keep(input.keepAs, data)
  return data
}

function catalogOf(reply: CatalogReply): CatalogLists | null {
  if ('columns' in reply) return reply.columns === null ? null : fromColumns(reply.columns)
  const { code, message, ...options } = reply.error
  throw new AppError(code, message, options)
}

/** An error of the worker itself, most likely out of memory. */
function unreadable(cause: Error): AppError {
  return new AppError('CATALOG_UNREADABLE', `the catalog cannot be read: ${cause.message}`, {
    hint: 'Make the catalog smaller, or give the meter more memory.',
    cause,
  })
}

function bytesOf(input: CatalogInput): number {
  if (input.kind === 'answer') return input.text.length
  try {
    return statSync(input.path).size
  } catch {
    // readHere() reports why.
    return 0
  }
}

function readKept(path: string): Catalog | null {
  try {
    return catalogSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return null
  }
}

/** Ignores errors: on a full disk only the next start lacks names, until the server answers. */
function keep(path: string, catalog: Catalog): void {
  try {
    writeFileSync(`${path}.new`, JSON.stringify(catalog), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  } catch {}
}
