/** A batch made over: in halves, because the server takes no body of its size, or only the sessions it refused. */
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Batch, BatchGap } from '../../session/batch.js'
import { makeBatch } from '../spool/batcher.js'
import type { MadeBatch, MakeBatch, SpooledBatch } from '../spool/spool.js'

const gunzipAsync = promisify(gunzip)

export async function openBatch(body: Uint8Array): Promise<Batch> {
  return JSON.parse((await gunzipAsync(body)).toString('utf8')) as Batch
}

/** Two makers, each for one half of the sessions. */
export function halves(batch: SpooledBatch): MakeBatch[] {
  const middle = Math.ceil(batch.entry.sessions / 2)
  return [
    [0, middle],
    [middle, batch.entry.sessions],
  ].map(([from, to]) => async (number, gaps) => {
    const { sessions, ...head } = await openBatch(batch.body)
    return remake({ ...head, sessions: sessions.slice(from, to) }, number, gaps)
  })
}

/** Under its old number: it is never sent like this, resending gives it a new one. */
export async function pickSessions(
  batch: SpooledBatch,
  indexes: readonly number[],
): Promise<MadeBatch> {
  const { sessions, ...head } = await openBatch(batch.body)
  const picked = indexes.flatMap((i) => sessions[i] ?? [])
  return remake({ ...head, sessions: picked }, batch.number, [])
}

export function remake(
  batch: Batch,
  number: number,
  gaps: readonly BatchGap[],
): Promise<MadeBatch> {
  const { sessions, ...head } = batch
  return makeBatch(
    { ...head, batch: number, gaps },
    {
      json: Buffer.from(sessions.map((s) => JSON.stringify(s)).join(',')),
      sessions: sessions.length,
      fromUs: Math.min(...sessions.map((s) => s.startTimeUs)),
      toUs: Math.max(...sessions.map((s) => s.endTimeUs)),
    },
  )
}
