/** Losses of senders that have no row in the table of meters: access logs, and meters whose first batch was refused. */

import { literal } from '../sql/rows.js'
import { int } from '../sql/sql.js'
import { ACCESS_LOG, type LooseLoss } from '../store.js'
import { GOING_US } from './losses.js'

/** Keeps it to about one row a day, so that a log of rare sessions leaves room for losses. */
const ACCESS_LOG_US = 86400e6

type Loss = Omit<LooseLoss, 'reason'> & { readonly orgId: string; readonly siteId: number }

/** It extends a loss of its reason that is near. @param rowId the engine's name for the place of a row */
export function lossSql(
  { orgId, siteId, meterId, fromUs, toUs, sessions }: Loss,
  reason: string,
  rowId: 'rowid' | 'ctid',
): string[] {
  const nearUs = reason === ACCESS_LOG ? ACCESS_LOG_US : GOING_US
  const [from, to, n] = [fromUs, toUs, sessions].map(int)
  const near = `(SELECT max(${rowId}) FROM batch_gap WHERE org_id = ${literal(orgId)} AND site_id = ${int(siteId)}
    AND meter_id = ${literal(meterId)} AND reason = ${literal(reason)} AND from_batch IS NULL
    AND from_us <= ${int(toUs + nearUs)} AND to_us >= ${int(fromUs - nearUs)})`
  return [
    `INSERT INTO batch_gap SELECT ${literal(orgId)}, ${int(siteId)}, ${literal(meterId)}, NULL, NULL,
      ${literal(reason)}, 0, ${from}, ${to}, '', NULL WHERE ${near} IS NULL`,
    `UPDATE batch_gap SET from_us = least(from_us, ${from}), to_us = greatest(to_us, ${to}),
      sessions = least(sessions + ${n}, ${Number.MAX_SAFE_INTEGER}) WHERE ${rowId} = ${near}`,
  ]
}
