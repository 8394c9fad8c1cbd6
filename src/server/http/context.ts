/** The parts of the server that the routes use. */
import type { Logger } from '../../base/log.js'
import type { Alerts } from '../alerts/alerts.js'
import type { Control } from '../control/control.js'
import type { TrustedClock } from '../control/trusted-clock.js'
import type { Destinations } from '../destinations/destinations.js'
import type { Store } from '../store/store.js'
import type { Auth } from './auth.js'
import type { ServerMetrics } from './metrics.js'
import type { SecurityLog } from './security-log.js'
import type { WatchedMetrics } from './watched-metrics.js'

export interface ServerContext {
  readonly store: Store
  readonly control: Control
  readonly destinations: Destinations
  readonly alerts: Alerts
  readonly auth: Auth
  readonly metrics: ServerMetrics
  readonly watched: WatchedMetrics
  readonly log: Logger
  readonly security: SecurityLog
  readonly clockMs: () => number
  /** Decides which sessions are too old to be kept or accepted. */
  readonly trustedClock: TrustedClock
  /** A meter that has not reported for this long is silent. */
  readonly silenceMs: number
  readonly version: string
  readonly dataDirectory: string
  /** Starts the retention of one organisation, without waiting. */
  readonly retentionChanged: (orgId: string) => void
  /** Starts deleting the data of removed organisations, without waiting. */
  readonly orgRemoved: () => void
}
