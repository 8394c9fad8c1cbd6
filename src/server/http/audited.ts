/** Audit entries for queries about a person, and for exports. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { KeyRecord } from '../control/control.js'
import { askedFor, namesPerson } from '../query/names-person.js'
import type { LogFilter } from '../store/store.js'
import type { ServerContext } from './context.js'

/** Records who asked about a person. The audit trail counts repeated queries in one entry. */
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
  // A public key identifies a client.
  if (!namesPerson(filter) && !(log === 'peers' && hasKey(request.query))) return
  const asked = askedFor(request.query, filter)
  security.write('personQueried', request.ip, key, {
    of: orgId,
    ...(log && { log }),
    ...asked,
    ...(rows !== null && { rows }),
  })
}

/** Records who asked for the name of a client or a user, as it is or was. */
export function noteNames(
  { security }: ServerContext,
  orgId: string,
  {
    clientId,
    userId,
  }: { readonly clientId: number | undefined; readonly userId: string | undefined },
  { key, request, rows }: Pick<Asked, 'key' | 'request'> & { readonly rows: number },
): void {
  if (clientId === undefined && userId === undefined) return
  const filter = {
    ...(clientId !== undefined && { clientId: String(clientId) }),
    ...(userId !== undefined && { userId }),
  }
  security.write('personQueried', request.ip, key, { of: orgId, log: 'names', filter, rows })
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
 * Records the start of an export, and at its end the number of rows sent.
 * @returns a function to call with the number of rows in each piece
 */
export function auditExport(
  { security, metrics }: ServerContext,
  orgId: string,
  export_: {
    readonly filter: LogFilter
    readonly format: 'csv' | 'ndjson' | 'parquet'
    /** Absent for sessions. */
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
    // Parquet counts files, not rows.
    const rows = format === 'parquet' ? null : sent
    security.write('exportEnded', request.ip, key, { ...asked, rows, whole })
  })
  return (rows) => {
    sent += rows
    metrics.exportRows.inc({ format }, rows)
  }
}
