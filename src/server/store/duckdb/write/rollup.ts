/**
 * Totals by the hour, so that an answer about a month need not read each of its sessions.
 *
 *   rollup_hour    (organisation, dimension, hour of start, value) -> sums over ended sessions; rows that add up to them
 *   rollup_state   rolled: sessions with arrival <= rolled are in rollup_hour, later ones are not
 *
 * `arrival` is the number of the commit that appended a session: it rises with the physical order, so the sessions
 * beyond `rolled` are found by zone maps. An answer is the sums of the whole hours inside its range, and the rows
 * that those do not cover: the cut hours at both ends, and what arrived after `rolled` (about ROLL_ROWS at most).
 *
 * Invariant: in every snapshot, rollup_hour equals the sums over the rows of `session` with arrival <= rolled. So
 * whoever deletes such rows adds their negative sums in the same transaction (unrollSql), and nothing else may
 * happen between its read of `rolled` and its commit: Mutex.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { Mutex } from '../../mutex.js'
import type { LogFilter, SummaryGroup } from '../../store.js'
import { int, rowsOf } from '../database.js'
import { insertSums } from './sums.js'

export const HOUR_US = 3600e6
/** Arrived and not rolled up: beyond this a roll-up is due, of about 0.1 s. */
export const ROLL_ROWS = 100_000
/** So many times as many are summed up at once at most, or one commit: what failed for memory must not grow. */
const PART_MAX = 4

/** Number in the table, and the columns that a value is made of. */
const DIMENSIONS = {
  client: { number: 1, id: 'client_id', type: 'BIGINT' },
  user: { number: 2, id: 'user_id', type: 'VARCHAR' },
  resource: { number: 3, id: 'site_resource_id', type: 'BIGINT' },
  site: { number: 4, id: 'site_id', type: 'BIGINT' },
  protocol: { number: 5, id: 'protocol', type: 'VARCHAR' },
  destination: { number: 6, id: 'dest_ip', type: 'VARCHAR', port: 'dest_port' },
  connState: { number: 7, id: 'conn_state', type: 'VARCHAR' },
  endReason: { number: 8, id: 'end_reason', type: 'VARCHAR' },
} as const
export type Dimension = keyof typeof DIMENSIONS

interface DimensionSpec {
  readonly number: number
  readonly id: string
  readonly type: string
  readonly port?: string
}

const DIMENSION_OF_GROUP: Readonly<Record<SummaryGroup, Dimension>> = {
  client: 'client',
  user: 'user',
  resource: 'resource',
  site: 'site',
  protocol: 'protocol',
  port: 'destination',
  destination: 'destination',
  connState: 'connState',
}
const DIMENSION_OF_FILTER: Partial<Record<keyof LogFilter, Dimension>> = {
  protocols: 'protocol',
  dests: 'destination',
  ports: 'destination',
  clientIds: 'client',
  siteIds: 'site',
  siteResourceIds: 'resource',
  userIds: 'user',
  connStates: 'connState',
  endReasons: 'endReason',
}
const NO_RESTRICTION: ReadonlySet<string> = new Set(['fromUs', 'toUs', 'state'])

export function dimensionOfGroup(group: SummaryGroup | null): Dimension | null {
  return group === null ? null : DIMENSION_OF_GROUP[group]
}

/** The one dimension that all filters and the group are of; null when there is none: rows must be read. */
export function dimensionFor(
  filter: LogFilter,
  group: Dimension | null,
  except?: keyof LogFilter,
): Dimension | null {
  const needed = new Set<Dimension | undefined>(group === null ? [] : [group])
  for (const [name, value] of Object.entries(filter) as [keyof LogFilter, unknown][]) {
    if (value === undefined || name === except || NO_RESTRICTION.has(name)) continue
    needed.add(DIMENSION_OF_FILTER[name])
  }
  if (needed.size > 1) return null
  const [only] = needed.size === 0 ? ['protocol' as const] : needed
  return only ?? null
}

export const SUM_NAMES = [
  'sessions',
  'connections',
  'bytes_tx',
  'bytes_rx',
  'packets_tx',
  'packets_rx',
  'refused',
  'unanswered',
] as const

/** Of rows of `session`, under the alias t. */
export const ROW_SUMS = `count(*) AS sessions, sum(t.connection_count) AS connections,
  sum(coalesce(t.bytes_tx, 0)) AS bytes_tx, sum(coalesce(t.bytes_rx, 0)) AS bytes_rx,
  sum(coalesce(t.packets_tx, 0)) AS packets_tx, sum(coalesce(t.packets_rx, 0)) AS packets_rx,
  count(*) FILTER (t.conn_state = 'REJ') AS refused, count(*) FILTER (t.conn_state = 'S0') AS unanswered`
/** The columns that ROW_SUMS and the hour are made of. */
const SUMMED =
  'org_id, start_us, connection_count, bytes_tx, bytes_rx, packets_tx, packets_rx, conn_state'
/** Of rows of rollup_hour. */
export const ROLLED_SUMS = SUM_NAMES.map((name) => `sum(t.${name}) AS ${name}`).join(', ')

/**
 * rollup_hour of one dimension, with the columns named as in `session`; start_us is that of the hour. The cast tries:
 * DuckDB reorders conditions as it runs, and may make it before it has looked at the row's dimension.
 */
export function rolledTable(dimension: Dimension): string {
  const { number, id, type, port }: DimensionSpec = DIMENSIONS[dimension]
  const more = port === undefined ? '' : `, port AS ${port}`
  return `(SELECT org_id, start_us, TRY_CAST(id AS ${type}) AS ${id}${more}, ${SUM_NAMES.join(', ')}
    FROM rollup_hour WHERE dim = ${number}) t`
}

/** Whole hours inside a range; null when it holds none. */
export function wholeHours({ fromUs, toUs }: Pick<LogFilter, 'fromUs' | 'toUs'>): {
  readonly fromUs: number
  readonly toUs: number
} | null {
  const from = Math.ceil(fromUs / HOUR_US) * HOUR_US
  const to = Math.floor(toUs / HOUR_US) * HOUR_US
  return from < to ? { fromUs: from, toUs: to } : null
}

export async function rolledUpTo(connection: DuckDBConnection): Promise<number> {
  const rows = await rowsOf(connection, 'SELECT rolled::DOUBLE AS rolled FROM rollup_state')
  return rows[0]!.rolled as number
}

const ROLLUP_COLUMNS = { keys: ['org_id', 'dim', 'start_us', 'id', 'port'], sums: SUM_NAMES }

/**
 * Adds the sums of rows of `session`, or of a copy of some, or takes them away. A row becomes one for each dimension and
 * all are summed up at once: eight queries over the rows would be planned for longer than a few rows take.
 */
function addSql(table: string, where: string, sign: '+' | '-'): string {
  const values = (Object.values(DIMENSIONS) as DimensionSpec[]).map(
    ({ number, id, port }) =>
      `{dim: ${number}, id: t.${id}::VARCHAR, port: ${port === undefined ? 'NULL' : `t.${port}`}::USMALLINT}`,
  )
  const sums = SUM_NAMES.map((name) => `${sign}${name} AS ${name}`)
  const columns = [...ROLLUP_COLUMNS.keys, ...sums].join(', ')
  const query = `SELECT ${columns} FROM (
    SELECT t.org_id, t.value.dim AS dim, t.start_us // ${int(HOUR_US)} * ${int(HOUR_US)} AS start_us,
      t.value.id AS id, t.value.port AS port, ${ROW_SUMS}
    FROM (SELECT ${SUMMED}, unnest([${values.join(', ')}]) AS value FROM ${table} t WHERE ${where}) t GROUP BY ALL)`
  return insertSums('rollup_hour', ROLLUP_COLUMNS, query)
}

/** For rows of `session` that are deleted, in the same transaction. @param copies a table that holds them */
export function unrollSql(copies: string, rolled: number): string {
  return addSql(copies, `t.arrival <= ${int(rolled)}`, '-')
}

/** For rows of `session` that were changed, after unrollSql() of what they were. */
export function rollSql(copies: string, rolled: number): string {
  return addSql(copies, `t.arrival <= ${int(rolled)}`, '+')
}

interface RollupOptions {
  readonly rollRows: number
  readonly arrivalsAfter?: number | undefined
}

/**
 * Numbers the writer's commits, and rolls up what they appended: on a connection of its own, while the writer goes on.
 *
 * A roll-up takes the sessions of commits that were there when it began. Later ones do not touch these, but for the
 * revision of an ended session: it holds() off roll-ups until it is committed. One that waits for its turn holds up
 * nobody: who has the turn, or a revision, never waits for it.
 */
export class Rollup {
  readonly #connection: DuckDBConnection
  readonly #mutex: Mutex
  readonly #rows: number
  #rolled = -1
  /** Number of the next commit. */
  #arrival = 0
  /** The last one that is durable. */
  #committed = -1
  /** Sessions that arrived after `rolled`, and how many of them are enough. */
  #waiting = 0
  #enough: number
  /** From the moment it is due. */
  #rolling: Promise<void> | null = null
  /** Held by a running roll-up and by revisions. Lock order: the mutex first, then this. */
  readonly #gate = new Mutex()
  #failures = 0

  private constructor(connection: DuckDBConnection, mutex: Mutex, rows: number) {
    this.#connection = connection
    this.#mutex = mutex
    this.#rows = rows
    this.#enough = rows
  }

  /**
   * Rolls up what an older version, or one that was killed, left; answers are right without it, too.
   * @param connection for nothing else
   */
  static async open(
    connection: DuckDBConnection,
    mutex: Mutex,
    { rollRows: rows, arrivalsAfter = -1 }: RollupOptions,
  ): Promise<Rollup> {
    const rollup = new Rollup(connection, mutex, rows)
    rollup.#arrival = arrivalsAfter + 1
    await rollup.load()
    while (rollup.#waiting >= rows && (await rollup.#tryToRoll()));
    return rollup
  }

  /** From the tables; also after a rollback. */
  load(): Promise<void> {
    return this.#gate.run(() => this.#load())
  }

  async #load(): Promise<void> {
    this.#rolled = await rolledUpTo(this.#connection)
    const rows = await rowsOf(
      this.#connection,
      `SELECT count(*)::DOUBLE AS n, max(arrival)::DOUBLE AS last FROM session WHERE arrival > ${int(this.#rolled)}`,
    )
    this.#waiting = rows[0]!.n as number
    this.#committed = Math.max(this.#rolled, (rows[0]!.last as number | null) ?? -1)
    // Never back: the last ones may have been deleted, and readers have passed their number.
    this.#arrival = Math.max(this.#arrival, this.#committed + 1)
  }

  /** The newest that is durable. */
  get lastArrival(): number {
    return this.#committed
  }

  get rolled(): number {
    return this.#rolled
  }

  /** Since the store was opened; each is tried again when more has arrived. */
  get failures(): number {
    return this.#failures
  }

  get isRolling(): boolean {
    return this.#rolling !== null
  }

  /** The number for the sessions of the transaction that begins. */
  nextArrival(): number {
    return this.#arrival++
  }

  committed(arrival: number, sessions: number): void {
    this.#committed = arrival
    this.#waiting += sessions
  }

  /**
   * Between two groups. Later when retention is at work, unless much waits.
   * @param ended it may be due again, for what was committed meanwhile
   */
  rollWhenDue(ended: () => void): void {
    const enough = this.#mutex.busy ? 4 * this.#enough : this.#enough
    if (this.#rolling !== null || this.#waiting < enough) return
    this.#rolling = this.#mutex
      .run(() => this.#gate.run(async () => void (await this.#tryToRoll())))
      .finally(() => {
        this.#rolling = null
        ended()
      })
  }

  /** Resolves when none is under way, and none is due. */
  async settled(): Promise<void> {
    await this.#rolling
  }

  /** Resolves when none is at work; then none begins until the function is called. */
  hold(): Promise<() => void> {
    return new Promise((held) => {
      void this.#gate.run(() => new Promise<void>((letGo) => held(letGo)))
    })
  }

  async #tryToRoll(): Promise<boolean> {
    try {
      await this.#roll()
      return true
    } catch {
      this.#failures++
      this.#enough = this.#waiting + this.#rows
      return false
    }
  }

  async #roll(): Promise<void> {
    const c = this.#connection
    const { upTo, sessions } = await this.#nextPart()
    await c.run('BEGIN')
    try {
      await c.run(
        addSql('session', `t.arrival > ${int(this.#rolled)} AND t.arrival <= ${int(upTo)}`, '+'),
      )
      await c.run(`UPDATE rollup_state SET rolled = ${int(upTo)}`)
      await c.run('COMMIT')
    } catch (error) {
      await c.run('ROLLBACK').catch(() => undefined)
      throw error
    }
    this.#rolled = upTo
    this.#waiting -= sessions
    this.#enough = this.#rows
  }

  /** All that waits, or when that is much (after failures, in an older version's file) its first commits. */
  async #nextPart(): Promise<{ upTo: number; sessions: number }> {
    const all = { upTo: this.#committed, sessions: this.#waiting }
    const most = this.#rows * PART_MAX
    if (all.sessions <= most) return all
    const commits = await rowsOf(
      this.#connection,
      `SELECT arrival::DOUBLE AS arrival, count(*)::DOUBLE AS n FROM session
       WHERE arrival > ${int(this.#rolled)} AND arrival <= ${int(all.upTo)} GROUP BY 1 ORDER BY 1`,
    )
    let sessions = 0
    let upTo = this.#rolled
    for (const { arrival, n } of commits) {
      if (sessions > 0 && sessions + (n as number) > most) return { upTo, sessions }
      sessions += n as number
      upTo = arrival as number
    }
    return all
  }
}

/** One row a value and hour again, after many additions; groups that fell to nothing go. */
export async function compactRollup(connection: DuckDBConnection): Promise<void> {
  const sums = SUM_NAMES.map((name) => `sum(${name}) AS ${name}`).join(', ')
  await connection.run('BEGIN')
  try {
    await connection.run(`CREATE OR REPLACE TEMP TABLE rollup_sum AS
      SELECT org_id, dim, start_us, id, port, ${sums} FROM rollup_hour
      GROUP BY org_id, dim, start_us, id, port HAVING sum(sessions) <> 0 ORDER BY dim, start_us`)
    await connection.run('DELETE FROM rollup_hour')
    await connection.run(insertSums('rollup_hour', ROLLUP_COLUMNS, 'SELECT * FROM rollup_sum'))
    await connection.run('COMMIT')
    await connection.run('DROP TABLE rollup_sum')
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => undefined)
    throw error
  }
}
