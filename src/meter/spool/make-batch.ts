/** Makes the body of a batch: gzip of an envelope joined with the JSON of the sessions. */
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import type { Cut } from './cutter.js'
import type { MadeBatch } from './spool.js'

const gzipAsync = promisify(gzip)

/** Sessions are so alike that a higher level saves little. */
const GZIP_LEVEL = constants.Z_BEST_SPEED
/** Node's default of 16 KiB would return dozens of chunks, each in its own turn of the event loop. */
const GZIP_CHUNK_BYTES = 512 * 1024

/** @param head the fields before the sessions */
export async function makeBatch(
  head: object,
  { json: sessionsJson, peerEvents = [], ...cut }: Omit<Cut, 'sinceMs'>,
): Promise<MadeBatch> {
  const whole = peerEvents.length === 0 ? head : { ...head, peerEvents }
  const before = `${JSON.stringify(whole).slice(0, -1)},"sessions":[`
  const json = Buffer.concat([Buffer.from(before), sessionsJson, Buffer.from(']}')])
  const body = await gzipAsync(json, { level: GZIP_LEVEL, chunkSize: GZIP_CHUNK_BYTES })
  return { body, textBytes: json.length, ...cut, peerEvents: peerEvents.length }
}
