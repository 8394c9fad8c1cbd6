/** `ocsf`: an event of the class Network Activity (4001) of the Open Cybersecurity Schema Framework. */
import type { ConnState } from '../../../session/session.js'
import type { LogRow } from '../../store/store.js'
import type { EventWriter } from '../events.js'
import { placesOf, treeOf } from './places.js'

const VERSION = '1.8.0'
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
  return (row, isTest) => {
    const activity = activityOf(row)
    const tree = {
      activity_id: activity,
      category_uid: CATEGORY,
      class_uid: CLASS,
      type_uid: CLASS * 100 + activity,
      severity_id: INFORMATIONAL,
      time: Math.floor(row.endTimeUs / 1e3),
      metadata: {
        version: VERSION,
        // The profile that adds `actor`.
        profiles: ['host'],
        product: { name: 'tunmeter', vendor_name: 'tunmeter' },
      },
      connection_info: { direction_id: UNKNOWN_DIRECTION },
      ...(isTest && { unmapped: { test: true } }),
    }
    return JSON.stringify(treeOf(places, row, tree))
  }
}
