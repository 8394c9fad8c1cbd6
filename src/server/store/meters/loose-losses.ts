/** Losses of senders that have no row in the table of meters: access logs, and meters whose first batch was refused. */

import { literal } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import type { LooseLoss } from '../store.js'
import { GOING_US } from './losses.js'

type Loss = Omit<LooseLoss, 'reason'> & { readonly orgId: string; readonly siteId: number }

/** It extends a loss of its reason within GOING_US. @param rowId the engine's name for the place of a row */
export function lossSql(
  { orgId, siteId, meterId, fromUs, toUs, sessions }: Loss,
  reason: string,
  rowId: 'rowid' | 'ctid',
): string[] {
  const [from, to, n] = [fromUs, toUs, sessions].map(int)
  const near = `(SELECT max(${rowId}) FROM batch_gap WHERE org_id = ${literal(orgId)} AND site_id = ${int(siteId)}
    AND meter_id = ${literal(meterId)} AND reason = ${literal(reason)} AND from_batch IS NULL
    AND from_us <= ${int(toUs + GOING_US)} AND to_us >= ${int(fromUs - GOING_US)})`
  return [
    `INSERT INTO batch_gap SELECT ${literal(orgId)}, ${int(siteId)}, ${literal(meterId)}, NULL, NULL,
      ${literal(reason)}, 0, ${from}, ${to}, '', NULL WHERE ${near} IS NULL`,
    `UPDATE batch_gap SET from_us = least(from_us, ${from}), to_us = greatest(to_us, ${to}),
      sessions = least(sessions + ${n}, ${Number.MAX_SAFE_INTEGER}) WHERE ${rowId} = ${near}`,
  ]
}
