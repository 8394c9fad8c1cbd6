/** What meters call: their key, sessions, and Newt's access log. */
import { batchReceiptSchema, batchSchema } from '../../ingest/batch.js'
import { checkSession } from '../../ingest/check.js'
import { newtBodySchema, newtReceiptSchema, readNewt } from '../../ingest/newt.js'
import type { RefusedSession } from '../../session/batch.js'
import type { StoredSession } from '../../store/store.js'
import type { ServerContext } from '../context.js'
import { type Route, route, siteParams } from '../route.js'

const MiB = 2 ** 20
export const BATCH_BODY_BYTES_MAX = 16 * MiB
const RETENTION_OFF = 'the retention is 0 days: nothing is stored'

/** Sessions that ended before this are refused: retention would delete them at once. */
export function oldestUs(retentionDays: number, nowMs: number): number {
  return retentionDays < 0 ? Number.NEGATIVE_INFINITY : (nowMs - retentionDays * 86400e3) * 1e3
}

export function ingestRoutes(context: ServerContext): Route[] {
  const { store, control, metrics, clockMs } = context
  return [
    route({
      method: 'POST',
      path: '/api/v1/org/{orgId}/site/{siteId}/sessions',
      tag: 'ingest',
      summary: 'Store a batch of sessions',
      description:
        'The answer comes when the batch is durable. A repeated batch number changes nothing. Bad records are refused one by one.',
      scopes: ['admin', 'ingest'],
      params: siteParams,
      body: batchSchema,
      bodyBytesMax: BATCH_BODY_BYTES_MAX,
      answer: batchReceiptSchema,
      handle: async ({ params, body }) => {
        const started = performance.now()
        const retentionDays = control.org(params.orgId)?.retentionDays ?? 0
        const off = retentionDays === 0
        const refused: RefusedSession[] = []
        const sessions = off ? [] : checked(body.sessions, refused)
        function checked(given: readonly unknown[], faults: RefusedSession[]): StoredSession[] {
          const place = { orgId: params.orgId, siteId: params.siteId, meterId: body.meterId }
          const nowMs = clockMs()
          const oldest = oldestUs(retentionDays, nowMs)
          const good: StoredSession[] = []
          for (const [index, one] of given.entries()) {
            const result = checkSession(one, place, nowMs * 1e3, oldest)
            if (typeof result !== 'string') good.push(result)
            else faults.push({ index, sessionId: idOf(one), reason: result })
          }
          return good
        }
        const { orgId, siteId } = params
        const receipt = await store
          .write({ orgId, siteId, batch: body as never, sessions })
          .catch((error: unknown) => {
            metrics.batches.inc({ result: 'failed' })
            throw error
          })
        metrics.ingestSeconds.observe((performance.now() - started) / 1e3)
        metrics.batches.inc({ result: receipt.repeated ? 'repeated' : 'stored' })
        if (!receipt.repeated) {
          metrics.sessions.inc({ result: 'stored' }, receipt.stored)
          metrics.sessions.inc({ result: 'refused' }, refused.length)
          if (off) metrics.sessions.inc({ result: 'retentionOff' }, body.sessions.length)
        }
        return { ...receipt, refused, ...(off && { notice: RETENTION_OFF }) }
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/org/{orgId}/site/{siteId}/access-log',
      tag: 'ingest',
      summary: 'Store an access log as Newt sends it',
      description:
        '`compressed`: base64 of zlib of a JSON array of sessions. Repeats are found by sessionId.',
      scopes: ['admin', 'ingest'],
      params: siteParams,
      body: newtBodySchema,
      bodyBytesMax: 4 * MiB,
      answer: newtReceiptSchema,
      handle: async ({ params, body }) => {
        const retentionDays = control.org(params.orgId)?.retentionDays ?? 0
        const nowMs = clockMs()
        const { sessions, refused } = await readNewt(
          body.compressed,
          params,
          nowMs * 1e3,
          oldestUs(retentionDays, nowMs),
        )
        if (retentionDays === 0) return { stored: 0, refused: [], notice: RETENTION_OFF }
        await store.writeLoose(params.orgId, params.siteId, sessions)
        metrics.sessions.inc({ result: 'stored' }, sessions.length)
        metrics.sessions.inc({ result: 'refused' }, refused.length)
        return { stored: sessions.length, refused }
      },
    }),
  ]
}

function idOf(session: unknown): string | null {
  const id = (session as { sessionId?: unknown } | null)?.sessionId
  return typeof id === 'string' ? id.slice(0, 64) : null
}
