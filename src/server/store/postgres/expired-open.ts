/**
 * Sessions without a reported end that retention deleted, with their totals, which usage_kept has, too. Their meter may
 * report them again, with all their counts: the transaction that books the report takes the totals back, so the months
 * count such a session once. A report counts only by the meter that owns the run, because a stolen key must not
 * change the months.
 */
import type { ExpiredOpen } from '../clickhouse/meta.js'
import { RUN_LENGTH, sequenceOf } from '../ids.js'
import { literal, type Rows } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import type { WriteRequest } from '../store.js'
import {
  personSql,
  type Replacement,
  UPSERT_USAGE,
  USAGE_COLUMNS,
  USAGE_KEYS,
  USAGE_SUMS,
  usageValues,
} from './usage-kept.js'

export function expiredOpenSql(orgId: string, open: readonly ExpiredOpen[]): string {
  const rows = open.map((one) => `${usageValues(orgId, one)}, ${literal(one.run)}, ${int(one.seq)}`)
  return `INSERT INTO expired_open (${USAGE_COLUMNS}, run, seq) VALUES (${rows.join('), (')})`
}

/** Statements that take back the totals of the sessions that these batches report again: usually none. */
export async function takeBackSql(
  query: Rows,
  requests: readonly WriteRequest[],
): Promise<string[]> {
  const orgs = [...new Set(requests.map(({ orgId }) => orgId))]
  const rows = await query(
    `SELECT DISTINCT org_id, site_id, run FROM expired_open WHERE org_id IN (${orgs.map(literal).join(', ')})`,
  )
  const runs = new Set(rows.map(({ org_id, site_id, run }) => keyOf(org_id, site_id, run)))
  if (runs.size === 0) return []
  return requests.flatMap(({ orgId, siteId, batch, sessions }) => {
    const ids = sessions.flatMap(({ sessionId }) => {
      const run = sessionId.slice(0, RUN_LENGTH)
      return runs.has(keyOf(orgId, siteId, run))
        ? [`(${literal(run)}, ${int(sequenceOf(sessionId))})`]
        : []
    })
    if (ids.length === 0) return []
    const its = `org_id = ${literal(orgId)} AND site_id = ${int(siteId)}`
    const less = USAGE_SUMS.map((name) => `-sum(${name}) AS ${name}`).join(', ')
    return [
      `WITH back AS (
         DELETE FROM expired_open e WHERE ${its} AND (run, seq) IN (${ids.join(', ')}) AND EXISTS (
           SELECT 1 FROM run_owner o WHERE o.org_id = e.org_id AND o.site_id = e.site_id AND o.run = e.run
             AND o.meter_id = ${literal(batch.meterId)})
         RETURNING *)
       INSERT INTO usage_kept (${USAGE_COLUMNS})
         SELECT ${USAGE_KEYS}, ${less} FROM back GROUP BY ${USAGE_KEYS} ${UPSERT_USAGE}`,
    ]
  })
}

/** As the totals in usage_kept. @param where a condition on user_id or client_id */
export async function replaceExpiredOpen(
  query: Rows,
  { orgId, where }: { readonly orgId: string; readonly where: string },
  as: Replacement,
): Promise<void> {
  const persons = await query(
    `SELECT DISTINCT user_id, client_id::TEXT AS client FROM expired_open WHERE org_id = $1 AND ${where}`,
    [orgId],
  )
  for (const row of persons) {
    const [before, after] = [personSql(row), personSql(row, as)]
    await query(
      `UPDATE expired_open SET user_id = ${after.user}, client_id = ${after.client} WHERE org_id = $1
         AND user_id IS NOT DISTINCT FROM ${before.user} AND client_id IS NOT DISTINCT FROM ${before.client}::BIGINT`,
      [orgId],
    )
  }
}

function keyOf(orgId: unknown, siteId: unknown, run: unknown): string {
  return JSON.stringify([orgId, Number(siteId), run])
}
