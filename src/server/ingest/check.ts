/**
 * Checks one session of a batch, field by field, before anything is stored. It is written by hand and not as a schema,
 * because it runs for up to 100,000 sessions a second and must name the wrong field.
 *
 * In: one element of `sessions` from JSON.parse or read-batch.ts. Out: a StoredSession, or the reason of its refusal.
 */
import { FUTURE_US } from '../../session/bounds.js'
import type { StoredSession } from '../store/store.js'
import { type Place, ReadSession } from './read-batch.js'
import { FIELD_CHECKS, knownIp } from './session-fields.js'

export const TOO_OLD = 'olderThanRetention: it ended before the retention began'

/** True if a session was refused only because retention would delete it at once. */
export function isTooOld(reason: string): boolean {
  return reason === TOO_OLD
}

/**
 * @param nowUs sessions that start or end more than a day later are refused
 * @param oldestUs sessions that ended earlier are refused, because retention would delete them at once
 */
export function checkSession(
  input: unknown,
  place: Place,
  nowUs: number,
  oldestUs: number,
): StoredSession | string {
  const fault = input instanceof ReadSession ? undefined : faultOfFields(input)
  if (fault !== undefined) return fault
  const session = input as StoredSession
  if (session.endTimeUs < session.startTimeUs) return 'endTimeUs is before startTimeUs'
  if (session.startTimeUs > nowUs + FUTURE_US)
    return 'startTimeUs is more than a day ahead of the server'
  if (session.endTimeUs > nowUs + FUTURE_US)
    return 'endTimeUs is more than a day ahead of the server'
  if (session.endTimeUs < oldestUs) return TOO_OLD
  return (input instanceof ReadSession ? input : readSession(session)).at(place)
}

function faultOfFields(input: unknown): string | undefined {
  if (typeof input !== 'object' || input === null) return 'expected an object'
  const fields = input as Record<string, unknown>
  for (const [name, check, expected] of FIELD_CHECKS) {
    if (!check(fields[name])) return `${name}: expected ${expected}, got ${shown(fields[name])}`
  }
  return undefined
}

/** Gives all sessions the same shape, which V8 reads faster. */
function readSession(input: StoredSession): ReadSession {
  const session = ReadSession.of(input)
  session.sourceIp = knownIp(input.sourceIp)!
  session.destIp = knownIp(input.destIp)!
  return session
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
