/** `ocsf`: an event of the class Network Activity (4001) of the Open Cybersecurity Schema Framework. */
import { nester } from '../../../session/field-code.js'
import type { ConnState } from '../../../session/session.js'
import type { LogRow } from '../../store/store.js'
import type { EventWriter } from '../events.js'
import { leavesOf, placesOf } from './places.js'

export const OCSF_VERSION = '1.8.0'
const CATEGORY = 4
const CLASS = 4001
const INFORMATIONAL = 1
const UNKNOWN_DIRECTION = 0
const CLOSE = 2
const TRAFFIC = 6
/** Reset 3, Fail 4, Refuse 5. All other states are Close. */
const ACTIVITIES: Partial<Record<ConnState, number>> = {
  ...{ RSTO: 3, RSTR: 3, RSTRH: 3, RSTOS0: 4, S0: 4, REJ: 5 },
}

function activityOf({ open, connState }: LogRow): number {
  if (open) return TRAFFIC
  return (connState === null ? undefined : ACTIVITIES[connState]) ?? CLOSE
}

export function ocsfWriter(columns: readonly string[] | null): EventWriter {
  const places = placesOf('ocsf', columns)
  const eventOf = nester<LogRow>([
    [['activity_id'], activityOf],
    [['category_uid'], () => CATEGORY],
    [['class_uid'], () => CLASS],
    [['type_uid'], (row) => CLASS * 100 + activityOf(row)],
    [['severity_id'], () => INFORMATIONAL],
    [['time'], ({ endTimeUs }) => Math.floor(endTimeUs / 1e3)],
    [['metadata', 'version'], () => OCSF_VERSION],
    // The profile that adds `actor`.
    [['metadata', 'profiles'], () => ['host']],
    [['metadata', 'product', 'name'], () => 'tunmeter'],
    [['metadata', 'product', 'vendor_name'], () => 'tunmeter'],
    [['connection_info', 'direction_id'], () => UNKNOWN_DIRECTION],
    ...leavesOf(places),
  ])
  return (row, isTest) => {
    const event = eventOf(row)
    if (isTest) event.unmapped = { test: true, ...(event.unmapped as object | undefined) }
    return event
  }
}
