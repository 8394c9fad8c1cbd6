/**
 * Deleting sessions for good takes two requests: the first is refused with their number, the second confirms it.
 *
 * A log that grows has another number at the second request, so the numbers may differ by a tenth of the confirmed one (below 10: not at all). What
 * differs by more was told to nobody: it is refused with the new number.
 */
import { z } from 'zod'
import { HttpError } from './http.js'

/** Part of the confirmed number, so 0 confirms only 0. */
const DIFFERS_MAX = 0.1
const ASKED = {
  description:
    'The number of sessions that the refusal `confirmNeeded` named; sessions may have come or gone since: up to a tenth of it.',
}

export const confirmInBody = z.int().min(0).optional().meta(ASKED)
export const confirmInQuery = z.coerce.number().pipe(z.int().min(0)).optional().meta(ASKED)

interface Confirmed {
  /** Of sessions that are there now. */
  readonly found: number
  readonly confirm: number | undefined
  /** The confirmation as the request writes it: `confirm=3`, `"confirm": 3` */
  readonly as: (sessions: number) => string
  readonly verb?: 'deletes' | 'erases'
}

export const inBody = (sessions: number): string => `"confirm": ${sessions}`
export const inQuery = (sessions: number): string => `confirm=${sessions}`

/** @throws HttpError 409 confirmNeeded */
export function demandConfirmation({ found, confirm, as, verb = 'deletes' }: Confirmed): void {
  if (confirm !== undefined && Math.abs(found - confirm) <= confirm * DIFFERS_MAX) return
  const message = `this ${verb} ${found} sessions: send it again with ${as(found)}`
  throw new HttpError(409, 'confirmNeeded', message, {}, { sessions: found })
}
