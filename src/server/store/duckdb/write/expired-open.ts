/**
 * Open sessions that retention deleted, with their totals, which usage_month has, too.
 *
 * Their meter may still report them, with all their counts. The totals are then taken back in the same transaction, so
 * the months count such a session once. The rows stay as long as the totals (--usage-retention).
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { RUN_LENGTH, sequenceOf } from '../../ids.js'
import type { StoredSession } from '../../store.js'
import { int, literal, rowsOf } from '../database.js'
import { USAGE_COLUMNS } from './sums.js'

const KEYS = USAGE_COLUMNS.keys.join(', ')

/** About 100 bytes each. */
const RUNS_MAX = 100_000

/** @param deleted a query with the columns of USAGE_COLUMNS, run and seq: one row for each session */
export function noteExpiredSql(deleted: string): string {
  const columns = [...USAGE_COLUMNS.keys, 'run', 'seq', ...USAGE_COLUMNS.sums]
  return `INSERT INTO expired_open BY NAME SELECT ${columns.join(', ')} FROM (${deleted})`
}

export class ExpiredOpen {
  /** The runs that have such sessions: usually none. Null: too many to know them, so the database is always asked. */
  #runs: ReadonlySet<string> | null = new Set()

  /** Needed after retention has deleted open sessions, and after a rollback. */
  async load(connection: DuckDBConnection): Promise<void> {
    const rows = await rowsOf(
      connection,
      `SELECT DISTINCT org_id, site_id::DOUBLE AS site, run FROM expired_open LIMIT ${RUNS_MAX + 1}`,
    )
    const runs = rows.map(({ org_id, site, run }) =>
      keyOf(org_id as string, site as number, run as string),
    )
    this.#runs = runs.length > RUNS_MAX ? null : new Set(runs)
  }

  /** Statements that take back the totals of these sessions, which are stored again. */
  takeBack(sessions: () => Iterable<StoredSession>): string[] {
    const runs = this.#runs
    if (runs?.size === 0) return []
    const ids = [...sessions()].flatMap(({ orgId, siteId, sessionId }) => {
      const run = sessionId.slice(0, RUN_LENGTH)
      if (runs !== null && !runs.has(keyOf(orgId, siteId, run))) return []
      return [`(${literal(orgId)}, ${int(siteId)}, ${literal(run)}, ${int(sequenceOf(sessionId))})`]
    })
    if (ids.length === 0) return []
    const taken = USAGE_COLUMNS.sums.map((name) => `-${name} AS ${name}`).join(', ')
    const which = `WHERE (org_id, site_id, run, seq) IN (${ids.join(', ')})`
    return [
      `INSERT INTO usage_month BY NAME
         SELECT ${KEYS}, ${taken} FROM expired_open ${which}`,
      `DELETE FROM expired_open ${which}`,
    ]
  }
}

function keyOf(orgId: string, siteId: number, run: string): string {
  return `${orgId}/${siteId}/${run}`
}
