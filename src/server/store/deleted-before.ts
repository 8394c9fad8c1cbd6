import { TIME_US_MAX } from '../../session/bounds.js'

/**
 * The time before which retention has deleted sessions.
 *
 * A retention of 0 cuts at the end of all time, and a longer one may follow. What begins after the deleted sessions was not
 * deleted, so it must not count as deleted for ever.
 */
export function deletedBefore(cutUs: number, newestEndUs: number): number {
  return cutUs > TIME_US_MAX ? newestEndUs + 1 : cutUs
}
