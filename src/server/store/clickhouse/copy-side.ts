/** The sessions in ClickHouse as a side of a copy (../copy/sessions.ts). */
import {
  type CopiedSession,
  type Day,
  HOUR_US,
  type Hours,
  hoursOf,
  MEASURED,
  type SessionSide,
  SUMMED,
} from '../copy/sessions.js'
import { RUN_LENGTH, sequenceOf } from '../ids.js'
import { int } from '../sql/sql.js'
import { type ClickHouseAddress, Client } from './client.js'
import { literal } from './dialect.js'
import type { OrgNames } from './meta.js'
import { rowsOf, selectRows } from './read/rows.js'
import { COLUMN_NAMES, type VersionedSession } from './schema/columns.js'
import { rowBinary } from './schema/row-binary.js'
import { SCHEMA } from './schema/schema.js'
import { CLOSED, ENDED, OPEN, versionOf } from './schema/version.js'

const SLICE_ROWS = 50_000
const KINDS = { open: OPEN, closed: CLOSED, ended: ENDED } as const
const STATES = { [OPEN]: 'open', [CLOSED]: 'closed', [ENDED]: 'ended' } as const
const PLACE = 't.start_us, t.site_id, t.run, t.seq'
const NO_NAMES: OrgNames = {
  ...{ clients: new Map(), users: new Map(), resources: new Map(), sites: new Map() },
}

const SUMS = [
  'toString(count())',
  `toString(countIf(t.kind = ${OPEN}))`,
  ...SUMMED.map((name) => `toString(sum(toInt128(coalesce(t.${name}, 0))))`),
  ...MEASURED.map((name) => `toString(sum(lengthUTF8(coalesce(t.${name}, ''))))`),
].join(", ' ', ")

export class ClickHouseSide implements SessionSide {
  readonly #client: Client

  private constructor(client: Client) {
    this.#client = client
  }

  /** @param as a target it makes the tables @throws AppError STORE_BUSY, STORE_UNREADABLE */
  static async open(address: ClickHouseAddress, as: 'source' | 'target'): Promise<ClickHouseSide> {
    const client = new Client(address)
    try {
      if (as === 'target') for (const statement of SCHEMA) await client.run(statement)
      return new ClickHouseSide(client)
    } catch (error) {
      await client.close()
      throw error
    }
  }

  async hours(): Promise<Hours> {
    const rows = await this.#client.rows(
      '',
      `SELECT t.org_id AS org, toInt64(intDiv(t.start_us, ${HOUR_US})) AS hour, concat(${SUMS})
       FROM session AS t FINAL GROUP BY org, hour ORDER BY org, hour`,
    )
    return hoursOf(rows as [string, number, string][])
  }

  /** In the order of the sorting key. */
  async *read({ orgId, day }: Day): AsyncGenerator<readonly CopiedSession[]> {
    const [from, to] = [day, day + 1].map((one) => int(one * 24 * HOUR_US))
    const its = `t.org_id = ${literal(orgId)} AND t.start_us >= ${from} AND t.start_us < ${to}`
    for (let after = ''; ; ) {
      const columns = await this.#client.columns(
        '',
        `${selectRows({ open: 'false', interrupted: 'false' })}, t.kind AS kind, t.run_started_us AS run_started_us
         FROM session AS t FINAL WHERE ${its}${after} ORDER BY ${PLACE} LIMIT ${SLICE_ROWS}`,
      )
      const rows = rowsOf(columns, NO_NAMES)
      const [kinds = [], runs = []] = columns.slice(-2) as number[][]
      if (rows.length > 0)
        yield rows.map((session, i) => ({
          session,
          state: STATES[kinds[i] as 0 | 1 | 2],
          runStartedUs: runs[i]!,
        }))
      if (rows.length < SLICE_ROWS) return
      const { startTimeUs, siteId, sessionId } = rows.at(-1)!
      const [run, sequence] = [sessionId.slice(0, RUN_LENGTH), sequenceOf(sessionId)]
      after = ` AND (${PLACE}) > (${int(startTimeUs)}, ${int(siteId)}, ${literal(run)}, ${int(sequence)})`
    }
  }

  /** Never deletes, because servers may use the table. */
  async write(_day: Day, sessions: AsyncIterable<readonly CopiedSession[]>): Promise<number> {
    let [written, waiting]: [number, VersionedSession[]] = [0, []]
    const insert = async () => {
      if (waiting.length === 0) return
      const sql = `INSERT INTO session (${COLUMN_NAMES}) FORMAT RowBinary`
      await this.#client.insert(sql, rowBinary(waiting))
      written += waiting.length
      waiting = []
    }
    for await (const some of sessions) {
      for (const one of some) waiting.push(versioned(one))
      if (waiting.length >= SLICE_ROWS) await insert()
    }
    await insert()
    return written
  }

  close(): Promise<void> {
    return this.#client.close()
  }
}

/** Of commit 0: before all that servers write. */
function versioned({ session, state, runStartedUs }: CopiedSession): VersionedSession {
  const kind = KINDS[state]
  const version = versionOf(session, kind)
  return { session, version, kind, runStartedUs, arrival: 0, cameUs: session.endTimeUs }
}
