/** Deleting sessions for good takes two requests: the first is refused with their number, the second confirms it. */
import { z } from 'zod'
import { HttpError } from './http.js'

const ASKED = { description: 'The number of sessions that the refusal `confirmNeeded` named.' }

export const confirmInBody = z.int().min(0).optional().meta(ASKED)
export const confirmInQuery = z.coerce.number().pipe(z.int().min(0)).optional().meta(ASKED)

/** @param as the confirmation as the request writes it: `confirm=3`, `"confirm": 3` */
export function confirmNeeded(
  sessions: number,
  as: string,
  verb: 'deletes' | 'erases' = 'deletes',
): HttpError {
  const message = `this ${verb} ${sessions} sessions: send it again with ${as}`
  return new HttpError(409, 'confirmNeeded', message, {}, { sessions })
}
