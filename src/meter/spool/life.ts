/** The series of a data file's batch numbers: a random spoolId and the first number. */
import { randomBytes } from 'node:crypto'
import type { Life } from './format.js'
import type { StoreFile, Writer } from './store-file.js'

export function newLife(firstBatch: number): Life {
  return { spoolId: randomBytes(12).toString('base64url'), firstBatch }
}

/** Null in the file of a replay or of a version before 0.2. */
export function lifeIn({ meta }: StoreFile): Life | null {
  const spoolId = meta.get('spoolId')
  return typeof spoolId === 'string'
    ? { spoolId, firstBatch: Number(meta.get('firstBatch')) }
    : null
}

export function putLife(writer: Writer, { meta }: StoreFile, life: Life): void {
  writer.put(meta, 'spoolId', life.spoolId)
  writer.put(meta, 'firstBatch', life.firstBatch)
}

/** The fields of a batch's envelope that name the series. */
export function envelopeOf(life: Life | null): Partial<Life> {
  return life ?? {}
}
