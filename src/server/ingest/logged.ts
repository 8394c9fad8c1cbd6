/** Reads the body of a meter's request back from the log. Records that were refused on arrival stay out. */
import { promisify } from 'node:util'
import { crc32, gunzip } from 'node:zlib'
import { AppError } from '../../base/errors.js'
import type { StoredPeerEvent, StoredSession, WriteRequest } from '../store/store.js'
import { batchSchema } from './batch.js'
import { checkSession } from './check.js'
import { checkPeerEvents, notRefused } from './peer-events.js'
import { readBatch } from './read-batch.js'
import { refusedGap, tooOldGap } from './refused.js'

const unzip = promisify(gunzip)
/** Larger than any body, because the limits for requests held when it arrived. */
const TEXT_BYTES_MAX = 64 * 2 ** 20

interface LoggedBody {
  readonly orgId: string
  readonly siteId: number
  readonly crc: number | undefined
  readonly receivedUs: number
  readonly refused: readonly number[]
  readonly gzip: boolean
  readonly body: Uint8Array
}

interface LoggedBatch {
  readonly batch: WriteRequest['batch']
  readonly sessions: StoredSession[]
  readonly peerEvents: readonly StoredPeerEvent[]
}

/** @throws AppError STORE_UNREADABLE */
export async function readLogged(entry: LoggedBody): Promise<LoggedBatch> {
  try {
    return await readBody(entry)
  } catch (cause) {
    throw new AppError('STORE_UNREADABLE', 'a batch in the log cannot be read back', { cause })
  }
}

async function readBody(entry: LoggedBody): Promise<LoggedBatch> {
  const bytes = Buffer.from(entry.body)
  const text = entry.gzip ? await unzip(bytes, { maxOutputLength: TEXT_BYTES_MAX }) : bytes
  if (entry.crc !== undefined && entry.crc !== crc32(text))
    throw new Error('it is not the one that came')
  const {
    sessions: rows,
    peerEvents,
    ...batch
  } = batchSchema.parse(readBatch(text) ?? JSON.parse(text.toString()))
  const place = { orgId: entry.orgId, siteId: entry.siteId, meterId: batch.meterId }
  const refused = new Set(entry.refused)
  const sessions: StoredSession[] = []
  const tooOld: StoredSession[] = []
  let lost = 0
  for (const [index, one] of rows.entries()) {
    const session = checkSession(one, place, Number.MAX_SAFE_INTEGER, 0)
    if (refused.has(index)) {
      // A valid session that ended before the batch arrived was refused as too old.
      if (typeof session !== 'string' && session.endTimeUs <= entry.receivedUs) tooOld.push(session)
      else lost++
      continue
    }
    // No check against the clock: sessions that were too old or too new on arrival are among the refused.
    if (typeof session !== 'string') sessions.push(session)
  }
  const kept = notRefused(peerEvents ?? [], refused)
  const { events } = checkPeerEvents(kept, batch.meterId, Number.MAX_SAFE_INTEGER, 0)
  const gaps = [...batch.gaps, ...refusedGap(batch.report, lost), ...tooOldGap(tooOld)]
  return {
    batch: { ...batch, gaps, crc: entry.crc } as WriteRequest['batch'],
    sessions,
    peerEvents: events,
  }
}
