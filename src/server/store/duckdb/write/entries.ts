/** Converts batches to log entries and back. */
import { AppError } from '../../../../base/errors.js'
import { type Entry, Kind } from '../../../log/format.js'
import type { Log, Place } from '../../../log/log.js'
import type { Logged, ReadLogged } from '../../config.js'
import type { WriteRequest } from '../../store.js'
import type { SiteBatch } from './group-commit.js'

export function entryOf(
  { orgId, siteId, batch, sessions, peerEvents, losses, receivedUs }: SiteBatch,
  body?: WriteRequest['body'],
): Entry {
  const asCame = body ?? {
    gzip: false,
    refused: [],
    bytes: Buffer.from(JSON.stringify({ batch, sessions, peerEvents, losses })),
  }
  return {
    kind: body === undefined ? Kind.sessions : Kind.batch,
    orgId,
    siteId,
    meterId: batch?.meterId ?? '',
    spoolId: batch?.spoolId ?? '',
    number: batch?.batch ?? 0,
    crc: batch?.crc,
    receivedUs,
    refused: asCame.refused,
    gzip: asCame.gzip,
    body: asCame.bytes,
  }
}

/** @returns null if the entry cannot be read */
export async function readEntry(
  log: Log,
  place: Place,
  readLogged: ReadLogged,
): Promise<SiteBatch | null> {
  try {
    const entry = await log.read(place)
    const { orgId, siteId, receivedUs } = entry
    const logged =
      entry.kind === Kind.sessions
        ? (JSON.parse(Buffer.from(entry.body).toString()) as Logged)
        : await readLogged(entry)
    return { ...logged, orgId, siteId, receivedUs }
  } catch (error) {
    if (error instanceof AppError && error.code === 'STORE_UNREADABLE') return null
    throw error
  }
}
