/**
 * Metrics of each destination in Prometheus' text format, by id. Only the operator may read them (routes/operation.ts),
 * because an organisation must not learn about the destinations of another one.
 */

import type { Courier } from '../destinations/courier.js'
import { ATTEMPT_CLASSES, type AttemptClass } from '../destinations/outcome.js'
import type { ServerContext } from './context.js'

interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly value: (courier: Courier, nowMs: number) => number
}

const METRICS: readonly Metric[] = [
  {
    name: 'tunmeter_destination_delivered_total',
    type: 'counter',
    help: 'Sessions delivered.',
    value: ({ state }) => state.delivered,
  },
  {
    name: 'tunmeter_destination_dead_lettered_total',
    type: 'counter',
    help: 'Sessions that the receiver refused one by one.',
    value: ({ state }) => state.deadLettered,
  },
  {
    name: 'tunmeter_destination_open_reports_total',
    type: 'counter',
    help: 'Delivered reports of open sessions.',
    value: ({ state }) => state.openReports ?? 0,
  },
  {
    name: 'tunmeter_destination_rejected_total',
    type: 'counter',
    help: 'Sessions that the receiver rejected by number only, without naming them.',
    value: ({ state }) => state.rejected ?? 0,
  },
  {
    name: 'tunmeter_destination_deleted_undelivered_total',
    type: 'counter',
    help: 'Sessions that retention deleted before delivery; an upper bound.',
    value: ({ state }) => state.deletedUndelivered,
  },
  {
    name: 'tunmeter_destination_behind_seconds',
    type: 'gauge',
    help: 'Seconds since the oldest waiting batch, of new sessions or of a backfill, was first due; 0: none waits.',
    value: ({ state }, nowMs) => Math.max(0, nowMs - dueSinceMs(state, nowMs)) / 1e3,
  },
  {
    name: 'tunmeter_destination_failures',
    type: 'gauge',
    help: 'Failed attempts since the last successful one.',
    value: ({ state }) => state.failures,
  },
  {
    name: 'tunmeter_destination_blocked',
    type: 'gauge',
    help: '1: the receiver refuses, and delivery is tried once an hour.',
    value: ({ state }) => Number(state.blocked),
  },
]
/** A stream is behind only while a planned batch is not delivered. The rest of a backfill does not count. */
function dueSinceMs({ live, backfills }: Courier['state'], nowMs: number): number {
  const waiting = [live, ...backfills].flatMap(({ pending }) => pending?.sinceMs ?? [])
  return Math.min(nowMs, ...waiting)
}

const ATTEMPTS = 'tunmeter_destination_attempts_total'

export function destinationMetrics({
  destinations,
  clockMs,
}: Pick<ServerContext, 'destinations' | 'clockMs'>): string {
  // Of several servers, each tells of those that it delivers to.
  const all = destinations.mine()
  const nowMs = clockMs()
  const head = (name: string, type: string, help: string) =>
    `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
  const plain = METRICS.map(({ name, type, help, value }) => {
    const lines = all.map((one) => `${name}{destination="${one.record.id}"} ${value(one, nowMs)}\n`)
    return head(name, type, help) + lines.join('')
  })
  const attempts = all.flatMap((one) =>
    ATTEMPT_CLASSES.map((name: AttemptClass) => {
      const count = one.attempts[name] ?? 0
      return `${ATTEMPTS}{destination="${one.record.id}",class="${name}"} ${count}\n`
    }),
  )
  const help = 'Attempts since the server started, by class of the answer.'
  return `${plain.join('')}${head(ATTEMPTS, 'counter', help)}${attempts.join('')}`
}
