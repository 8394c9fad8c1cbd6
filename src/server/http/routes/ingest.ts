/** Routes that receive data: batches from meters, and access logs from Newt. */
import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { BatchReceipt, RefusedSession } from '../../../session/batch.js'
import type { Session } from '../../../session/session.js'
import type { KeyRecord } from '../../control/control.js'
import { batchReceiptSchema, batchSchema } from '../../ingest/batch.js'
import { KnownClients } from '../../ingest/catalog-clients.js'
import { checkSession, isTooOld } from '../../ingest/check.js'
import { NEWT_METER, newtBodySchema, newtReceiptSchema, readNewt } from '../../ingest/newt.js'
import { asLoggedPositions, checkPeerEvents } from '../../ingest/peer-events.js'
import { type Place, readBatch } from '../../ingest/read-batch.js'
import { refusedGap, spanOf, tooOldGap } from '../../ingest/refused.js'
import type { StoredSession, WriteRequest } from '../../store/store.js'
import type { ServerContext } from '../context.js'
import { HttpError } from '../http.js'
import { type Route, route, siteParams } from '../route.js'
import { isLoopback } from './operation.js'

const MiB = 2 ** 20
export const BATCH_BODY_BYTES_MAX = 16 * MiB
const SAID_EVERY_MS = 3600e3
const SAID_MAX = 1000
const RETENTION_OFF = 'the retention is 0 days: nothing is stored'

/** Sessions that ended before this are refused, because retention would delete them at once. */
export function oldestUs(retentionDays: number, nowMs: number): number {
  return retentionDays < 0 ? Number.NEGATIVE_INFINITY : (nowMs - retentionDays * 86400e3) * 1e3
}

export function ingestRoutes(context: ServerContext): Route[] {
  const { store, control, metrics, watched, clockMs, trustedClock } = context
  const said = new Said()
  const clients = new KnownClients((orgId) => store.catalog(orgId))
  return [
    route({
      method: 'POST',
      path: '/api/v1/org/{orgId}/site/{siteId}/sessions',
      tag: 'ingest',
      summary: 'Store a batch of sessions',
      description:
        'The answer comes when the batch is durable. A repeated batch (the same meterId, spoolId, number and content) changes nothing; other content under the same three is refused with 409 `batchConflict`. Bad records are refused one by one.',
      scopes: ['admin', 'ingest'],
      params: siteParams,
      body: batchSchema,
      bodyBytesMax: BATCH_BODY_BYTES_MAX,
      statuses: { 409: 'Another batch has this identity.' },
      readBody: readBatch,
      answer: batchReceiptSchema,
      handle: ({ params, body, key, request }) => {
        mustStillBeValid(context, key!)
        if (!isLoopback(request.ip) && body.report.replay === undefined)
          confirmClock(context, body.report.at)
        return takeBatch({ ...context, said }, params, body, request)
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/org/{orgId}/site/{siteId}/access-log',
      tag: 'ingest',
      summary: 'Store an access log as Newt sends it',
      description:
        '`compressed`: base64 of a zlib-compressed JSON array of sessions. A repeated sessionId is stored once. A session belongs to the client whose `addresses` in the catalog hold its source.',
      scopes: ['admin', 'ingest'],
      params: siteParams,
      body: newtBodySchema,
      bodyBytesMax: 4 * MiB,
      answer: newtReceiptSchema,
      handle: async ({ params, body, key }) => {
        const retentionDays = control.org(params.orgId)?.retentionDays ?? 0
        const believedMs = trustedClock.nowMs()
        const { sessions, refused, losses } = await readNewt(
          body.compressed,
          params,
          await clients.of(params.orgId),
          {
            nowUs: Math.max(clockMs(), believedMs) * 1e3,
            oldestUs: oldestUs(retentionDays, believedMs),
          },
        )
        mustStillBeValid(context, key!)
        const { orgId, siteId } = params
        if (retentionDays === 0) {
          const off = { meterId: NEWT_METER, reason: 'retentionOff', sessions: sessions.length }
          if (sessions.length > 0)
            await store.writeLoose(orgId, siteId, [], [{ ...off, ...spanOf(sessions) }])
          return { stored: 0, refused: [], notice: RETENTION_OFF }
        }
        await store.writeLoose(orgId, siteId, sessions, losses)
        metrics.sessions.inc({ result: 'stored' }, sessions.length)
        metrics.sessions.inc({ result: 'refused' }, refused.length)
        watched.take(orgId, sessions)
        return { stored: sessions.length, refused }
      },
    }),
  ]
}

/**
 * Checks the key again after the body arrived, which may take long. A batch must not bring back a site or an
 * organisation that was removed meanwhile. @throws HttpError 401
 */
function mustStillBeValid({ control }: ServerContext, { keyId }: KeyRecord): void {
  const now = control.key(keyId)
  if (now === undefined || now.revokedAt !== null)
    throw new HttpError(401, 'keyRevoked', 'this key was revoked')
}

/** Limits a warning to once an hour, because one with every batch would fill the log. */
class Said {
  readonly #atMs = new Map<string, number>()

  isDue(what: string, nowMs: number): boolean {
    if (nowMs - (this.#atMs.get(what) ?? Number.NEGATIVE_INFINITY) < SAID_EVERY_MS) return false
    if (this.#atMs.size >= SAID_MAX) this.#atMs.clear()
    this.#atMs.set(what, nowMs)
    return true
  }
}

/**
 * Takes a meter's report as evidence for this machine's clock. A meter on the same machine and a replay prove nothing;
 * the caller excludes both.
 */
function confirmClock({ trustedClock, log }: ServerContext, reportedAt: string): void {
  const aheadMs = trustedClock.confirm(Date.parse(reportedAt))
  if (aheadMs !== 0)
    log.warn({ days: Math.round(aheadMs / 86400e3) }, 'a meter confirms the clock of this machine')
}

/** @throws AppError STORE_BUSY, and other errors of the store. The batch is then not durable */
async function takeBatch(
  context: ServerContext & { readonly said: Said },
  { orgId, siteId }: z.output<typeof siteParams>,
  body: z.output<typeof batchSchema>,
  { bodyCrc: crc, rawBody }: Pick<FastifyRequest, 'bodyCrc' | 'rawBody'>,
): Promise<BatchReceipt> {
  const { store, control, metrics, clockMs, trustedClock, log, said } = context
  const started = performance.now()
  const retentionDays = control.org(orgId)?.retentionDays ?? 0
  const off = retentionDays === 0
  const { batch, report, meterId } = body
  // A replay's number must not be recorded, because the file could then not be imported later. A meter's number must be
  // recorded: the meter will not send the batch again, and its number must not appear as missing.
  if (off && report.replay !== undefined) {
    metrics.sessions.inc({ result: 'retentionOff' }, body.sessions.length)
    return { batch, stored: 0, refused: [], repeated: false, notice: RETENTION_OFF }
  }
  const rows = off ? [] : body.sessions
  const place = { orgId, siteId, meterId }
  const believedMs = trustedClock.nowMs()
  // If this clock is behind, sessions must not be refused as future ones. If it is ahead, not as too old.
  const newestUs = Math.max(clockMs(), believedMs) * 1e3
  const { sessions, refused } = checkAll(rows, place, newestUs, oldestUs(retentionDays, believedMs))
  const told = off ? [] : (body.peerEvents ?? [])
  const peers = checkPeerEvents(told, meterId, newestUs, oldestUs(retentionDays, believedMs))
  const tooOld = refused.filter(({ reason }) => isTooOld(reason))
  const refusals = [
    ...refusedGap(report, refused.length - tooOld.length),
    ...tooOldGap(tooOld.map(({ index }) => rows[index] as Session)),
  ]
  const gaps = [...body.gaps, ...(off ? notStored(body) : refusals)]
  const request: WriteRequest = {
    orgId,
    siteId,
    batch: { ...body, gaps, crc } as never,
    sessions,
    peerEvents: peers.events,
    // With a retention of 0, the log must not hold the sessions either.
    ...(!off && rawBody && { body: { ...rawBody, refused: notStoredAt(refused, peers.refused) } }),
  }
  const { conflict, twoLives, ...receipt } = await store.write(request).catch((error: unknown) => {
    metrics.batches.inc({ result: 'failed' })
    throw error
  })
  if (twoLives === true) {
    metrics.twoLives.inc()
    if (said.isDue(`${orgId}/${siteId}/${meterId}`, clockMs()))
      log.warn({ orgId, siteId, meterId }, 'two meters use one meter id at the same time')
  }
  if (conflict === true) {
    metrics.batches.inc({ result: 'conflict' })
    log.warn({ orgId, siteId, meterId, batch }, 'a batch has the number of another batch')
    throw new HttpError(
      409,
      'batchConflict',
      `the server has another batch ${batch} of the meter ${meterId}: its spool was restored or copied. The meter sends this batch again under a new spoolId.`,
    )
  }
  metrics.ingestSeconds.observe((performance.now() - started) / 1e3)
  metrics.batches.inc({ result: receipt.repeated ? 'repeated' : 'stored' })
  if (!receipt.repeated) {
    metrics.sessions.inc({ result: 'stored' }, receipt.stored)
    metrics.sessions.inc({ result: 'refused' }, refused.length)
    if (off) metrics.sessions.inc({ result: 'retentionOff' }, body.sessions.length)
  }
  const events = told.length - peers.refused.length
  if (!receipt.repeated) {
    metrics.peerEvents.inc({ result: 'stored' }, events)
    metrics.peerEvents.inc({ result: 'refused' }, peers.refused.length)
    if (report.replay === undefined) context.watched.take(orgId, sessions, peers.events)
  }
  return {
    ...receipt,
    refused,
    ...(body.peerEvents?.length && { peerEvents: events }),
    ...(off && { notice: RETENTION_OFF }),
  }
}

function notStoredAt(
  sessions: readonly RefusedSession[],
  peerEvents: readonly number[],
): readonly number[] {
  return [...sessions.map(({ index }) => index), ...asLoggedPositions(peerEvents)]
}

/** The gap for sessions that arrived while the retention is 0. The store joins the gaps of successive batches. */
function notStored({ sessions, report }: z.output<typeof batchSchema>) {
  if (sessions.length === 0) return []
  return [{ reason: 'retentionOff', sessions: sessions.length, from: report.at, to: report.at }]
}

function checkAll(
  rows: readonly unknown[],
  place: Place,
  nowUs: number,
  oldest: number,
): { sessions: StoredSession[]; refused: RefusedSession[] } {
  const sessions: StoredSession[] = []
  const refused: RefusedSession[] = []
  for (const [index, one] of rows.entries()) {
    const result = checkSession(one, place, nowUs, oldest)
    if (typeof result !== 'string') sessions.push(result)
    else refused.push({ index, sessionId: idOf(one), reason: reasonFor(result, refused.length) })
  }
  return { sessions, refused }
}

/** A meter reads at most 1 MiB of an answer. After this many reasons, the refused value is left out. */
const VALUES_SHOWN_MAX = 1000

function reasonFor(fault: string, before: number): string {
  return before < VALUES_SHOWN_MAX ? fault : (fault.split(', got ')[0] ?? fault)
}

function idOf(session: unknown): string | null {
  const id = (session as { sessionId?: unknown } | null)?.sessionId
  return typeof id === 'string' ? id.slice(0, 64) : null
}
