/** What reads of a person's sessions, and of all of them, leave in the audit trail. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { KeyRecord } from '../control/control.js'
import { askedFor, namesPerson } from '../query/names-person.js'
import type { LogFilter } from '../store/store.js'
import type { ServerContext } from './context.js'

/** Of one that names a person, who asked; the audit trail counts it when it comes again and again. */
export function noteQuery(
  { security }: ServerContext,
  orgId: string,
  filter: LogFilter,
  {
    key,
    request,
    rows,
    log,
  }: Pick<Asked, 'key' | 'request'> & { readonly rows: number | null; readonly log?: 'peers' },
): void {
  // A public key is a client's.
  if (!namesPerson(filter) && !(log === 'peers' && hasKey(request.query))) return
  const asked = askedFor(request.query, filter)
  security.write('personQueried', request.ip, key, {
    of: orgId,
    ...(log && { log }),
    ...asked,
    ...(rows !== null && { rows }),
  })
}

function hasKey(query: unknown): boolean {
  return typeof query === 'object' && query !== null && 'publicKey' in query
}

interface Asked {
  readonly key: KeyRecord | null
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/**
 * Has the audit trail tell of an export: that it began, and what was taken of it.
 * @returns to be told of the rows as they go out
 */
export function auditExport(
  { security, metrics }: ServerContext,
  orgId: string,
  export_: {
    readonly filter: LogFilter
    readonly format: 'csv' | 'ndjson' | 'parquet'
    /** Of something else than sessions. */
    readonly log?: 'peers'
  },
  { key, request, reply }: Asked,
): (rows: number) => void {
  const { filter, format, log } = export_
  const asked = { of: orgId, format, ...(log && { log }), ...askedFor(request.query, filter) }
  security.write('exportStarted', request.ip, key, asked)
  let sent = 0
  reply.raw.once('close', () => {
    const whole = reply.raw.writableFinished && reply.statusCode === 200
    // A file of Parquet is counted as one.
    const rows = format === 'parquet' ? null : sent
    security.write('exportEnded', request.ip, key, { ...asked, rows, whole })
  })
  return (rows) => {
    sent += rows
    metrics.exportRows.inc({ format }, rows)
  }
}
