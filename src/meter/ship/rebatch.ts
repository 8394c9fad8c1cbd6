/** Makes a batch again: in halves, under a new number, or with only the sessions that the server refused. */
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Batch, BatchGap } from '../../session/batch.js'
import type { Life } from '../spool/format.js'
import { envelopeOf } from '../spool/life.js'
import { makeBatch } from '../spool/make-batch.js'
import type { MadeBatch, MakeBatch, SpooledBatch } from '../spool/spool.js'

const gunzipAsync = promisify(gunzip)

export async function openBatch(body: Uint8Array): Promise<Batch> {
  return JSON.parse((await gunzipAsync(body)).toString('utf8')) as Batch
}

/** For a batch that is too large for the server: one maker for each half of the sessions. */
export function halves(batch: SpooledBatch): MakeBatch[] {
  const middle = Math.ceil(batch.entry.sessions / 2)
  return [
    [0, middle],
    [middle, batch.entry.sessions],
  ].map(([from = 0, to]) => async (number, gaps, life) => {
    const { sessions, peerEvents, ...head } = await openBatch(batch.body)
    const half = { ...head, ...(from === 0 && peerEvents && { peerEvents }) }
    return remake({ ...half, sessions: sessions.slice(from, to) }, number, gaps, life)
  })
}

/** For a batch whose identity the server has for another batch. */
export function renumbered(batch: SpooledBatch): MakeBatch {
  return async (number, gaps, life) => remake(await openBatch(batch.body), number, gaps, life)
}

/** Keeps the old number, because this batch only waits in the quarantine; resending gives it a new number. */
export async function pickSessions(
  batch: SpooledBatch,
  indexes: readonly number[],
): Promise<MadeBatch> {
  const { sessions, peerEvents: _, ...head } = await openBatch(batch.body)
  const picked = indexes.flatMap((i) => sessions[i] ?? [])
  return remake({ ...head, sessions: picked }, batch.number, [], null)
}

export function remake(
  batch: Batch,
  number: number,
  gaps: readonly BatchGap[],
  life: Life | null,
): Promise<MadeBatch> {
  const { sessions, peerEvents, spoolId: _, firstBatch: __, meterId, ...head } = batch
  return makeBatch(
    { meterId, ...envelopeOf(life), ...head, batch: number, remade: true, gaps },
    {
      json: Buffer.from(sessions.map((s) => JSON.stringify(s)).join(',')),
      sessions: sessions.length,
      ...(peerEvents && { peerEvents }),
      fromUs: sessions.reduce(
        (least, s) => Math.min(least, s.startTimeUs),
        sessions[0]?.startTimeUs ?? 0,
      ),
      toUs: sessions.reduce((most, s) => Math.max(most, s.endTimeUs), 0),
    },
  )
}
