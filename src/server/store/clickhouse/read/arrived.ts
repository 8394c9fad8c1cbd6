/** Ended sessions in the order of their arrival: see ArrivalPlace. A corrected one arrives again. */
import { RUN_LENGTH, sequenceOf } from '../../ids.js'
import type { ArrivalPlace, Arrived, ArrivedCount, ArrivedRequest } from '../../session-log.js'
import { int } from '../../sql/sql.js'
import type { Client } from '../client.js'
import { literal } from '../dialect.js'
import { OPEN } from '../schema/version.js'
import { rowsOf, selectRows } from './rows.js'
import { FROM, type Scope } from './scope.js'

function placeSql({ arrival, siteId, run, sequence }: ArrivalPlace, sign: '>' | '<='): string {
  const strict = sign[0] as '>' | '<'
  const bound = literal(run)
  return `t.arrival ${strict}= ${int(arrival)} AND (t.arrival ${strict} ${int(arrival)}
    OR t.site_id ${strict} ${int(siteId)} OR (t.site_id = ${int(siteId)}
      AND (t.run ${strict} ${bound} OR (t.run = ${bound} AND t.seq ${sign} ${int(sequence)}))))`
}

function whereOf(scope: Scope, { after, upTo }: Pick<ArrivedRequest, 'after' | 'upTo'>): string {
  return `${scope.where()} AND t.kind > ${OPEN} AND ${placeSql(after, '>')} AND ${placeSql(upTo, '<=')}`
}

export async function arrived(
  client: Client,
  scope: Scope,
  request: ArrivedRequest,
): Promise<Arrived> {
  const columns = await client.columns(
    scope.orgId,
    `${selectRows(scope)}, t.arrival AS arrival FROM ${FROM} WHERE ${whereOf(scope, request)}
     ORDER BY t.arrival, t.site_id, t.run, t.seq LIMIT ${int(request.limit)}`,
  )
  const rows = rowsOf(columns, scope.names)
  const arrivals = (columns.at(-1) ?? []) as readonly number[]
  return {
    rows,
    places: rows.map(({ siteId, sessionId }, i) => ({
      arrival: arrivals[i]!,
      siteId,
      run: sessionId.slice(0, RUN_LENGTH),
      sequence: sequenceOf(sessionId),
    })),
  }
}

export async function countArrived(
  client: Client,
  scope: Scope,
  request: Omit<ArrivedRequest, 'limit'> & { readonly endedBeforeUs?: number },
): Promise<ArrivedCount> {
  const { endedBeforeUs } = request
  const ended =
    endedBeforeUs === undefined
      ? ''
      : ` AND t.start_us < ${int(endedBeforeUs)} AND t.start_us + t.duration_us < ${int(endedBeforeUs)}`
  const sql = `SELECT count(), min(t.start_us + t.duration_us) FROM ${FROM} WHERE ${whereOf(scope, request)}${ended}`
  const [[sessions = 0, oldest = 0] = []] = (await client.rows(scope.orgId, sql)) as number[][]
  return { sessions, oldestEndUs: sessions === 0 ? null : oldest }
}
