/** The API's view of a destination, made from its courier. */
import { usToIso } from '../../base/instant.js'
import { totalOf } from '../destinations/counts.js'
import type { Courier } from '../destinations/courier.js'
import type { Backfill } from '../destinations/records.js'
import { recordsOf, targetOf } from '../destinations/wanted.js'
import type { ServerContext } from './context.js'
import type { DestinationView } from './destination-schemas.js'

export async function viewOf(context: ServerContext, courier: Courier): Promise<DestinationView> {
  const { record, state } = courier
  const { id, name, kind, settings, query: q, columns, eventsMax, bytesMax } = record
  const { fillSeconds, pseudonyms = null, openSeconds = 0, createdAt } = record
  const nowMs = context.clockMs()
  const waiting = await courier.backlog.waiting()
  const { delivered, deletedUndelivered, lastSuccessAt, lastFailure } = state
  const secrets = Object.entries(record.secrets).map(
    ([secret, { lastFour }]) => [secret, { set: true, lastFour }] as const,
  )
  return {
    ...{ id, name, kind, settings, q, eventsMax, bytesMax, fillSeconds, createdAt },
    ...{ pseudonyms, openSeconds, records: recordsOf(record) },
    target: targetOf(record),
    columns: columns === null ? null : [...columns],
    secrets: Object.fromEntries(secrets),
    state: stateOf(courier),
    ...{ delivered, deletedUndelivered, lastSuccessAt, lastFailure },
    openReports: state.openReports ?? 0,
    rejected: state.rejected ?? 0,
    pending: waiting.sessions,
    oldestPendingEndedAt: waiting.oldestEndUs === null ? null : usToIso(waiting.oldestEndUs),
    deadLetters: await context.destinations.records.countDeadLetters(id),
    nextAttemptAt: state.nextAttemptMs > nowMs ? new Date(state.nextAttemptMs).toISOString() : null,
    attempts: {
      day: totalOf(state.hours, nowMs, 'day'),
      month: totalOf(state.days, nowMs, 'month'),
    },
    backfills: state.backfills.map(viewOfBackfill),
  }
}

function stateOf({ record, state }: Courier): DestinationView['state'] {
  if (record.paused) return 'paused'
  if (state.blocked) return 'blocked'
  return state.failures > 0 ? 'retrying' : 'ok'
}

function viewOfBackfill(backfill: Backfill): DestinationView['backfills'][number] {
  const { id, fromUs, toUs, startedAt, endedAt, stopped, cursor, upTo } = backfill
  const { delivered, deletedUndelivered } = backfill
  const isDone = endedAt !== null && !stopped
  const progress = isDone ? 1 : Math.min(1, (cursor.arrival + 1) / (upTo.arrival + 2))
  const range = { timeStart: usToIso(fromUs), timeEnd: usToIso(toUs) }
  return { id, ...range, startedAt, endedAt, stopped, delivered, deletedUndelivered, progress }
}
