/**
 * Sums by the hour, so an answer about a month need not read each of its sessions.
 *
 *   rollup_hour    (organisation, dimension, hour of start, value) -> sums over ended sessions; rows of one key add up
 *   rollup_state   rolled: sessions with arrival <= rolled are in rollup_hour, later ones are not
 *
 * `arrival` is the number of the commit that appended a session. It rises with the physical order, so zone maps find
 * the sessions after `rolled`. An answer adds up the whole hours of its range, and the rows that these do not cover:
 * the partial hours at both ends, and sessions that arrived after `rolled` (usually at most about ROLL_ROWS).
 *
 * Invariant: in every snapshot, rollup_hour equals the sums over the rows of `session` with arrival <= rolled. So
 * deleting such rows adds their negative sums in the same transaction (unrollSql). The mutex keeps a roll-up from
 * running between the deletion's read of `rolled` and its commit.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { Mutex } from '../../mutex.js'
import type { LogFilter, SummaryGroup } from '../../store.js'
import { int, rowsOf } from '../database.js'
import { insertSums } from './sums.js'

export const HOUR_US = 3600e6
/** A roll-up is due after this many new sessions. It takes about 0.1 s. */
export const ROLL_ROWS = 100_000
/**
 * One roll-up sums at most PART_MAX × ROLL_ROWS sessions, or one commit, so that after failures its memory does not
 * grow.
 */
const PART_MAX = 4

/** The number of each dimension in the table, and the columns of its values. */
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

/** The single dimension of all filters and the group; null: there is none, and rows must be read. */
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

/** Sums over rows of `session` with the alias t. */
export const ROW_SUMS = `count(*) AS sessions, sum(t.connection_count) AS connections,
  sum(coalesce(t.bytes_tx, 0)) AS bytes_tx, sum(coalesce(t.bytes_rx, 0)) AS bytes_rx,
  sum(coalesce(t.packets_tx, 0)) AS packets_tx, sum(coalesce(t.packets_rx, 0)) AS packets_rx,
  count(*) FILTER (t.conn_state = 'REJ') AS refused, count(*) FILTER (t.conn_state = 'S0') AS unanswered`
/** The columns for ROW_SUMS and the hour. */
const SUMMED =
  'org_id, start_us, connection_count, bytes_tx, bytes_rx, packets_tx, packets_rx, conn_state'
/** Sums over rows of rollup_hour with the alias t. */
export const ROLLED_SUMS = SUM_NAMES.map((name) => `sum(t.${name}) AS ${name}`).join(', ')

/**
 * The rows of one dimension, with the column names of `session`; start_us is the start of the hour. TRY_CAST, because
 * DuckDB reorders conditions, and may cast a value before it checks the row's dimension.
 */
export function rolledTable(dimension: Dimension): string {
  const { number, id, type, port }: DimensionSpec = DIMENSIONS[dimension]
  const more = port === undefined ? '' : `, port AS ${port}`
  return `(SELECT org_id, start_us, TRY_CAST(id AS ${type}) AS ${id}${more}, ${SUM_NAMES.join(', ')}
    FROM rollup_hour WHERE dim = ${number}) t`
}

/** The whole hours inside a range; null: there are none. */
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
 * Adds or subtracts the sums of rows of `session`, or of a copy. One query makes a row for each dimension and sums all
 * up, because for few rows, planning eight queries would take longer than running them.
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

/** Subtracts rows of `session` that the same transaction deletes. @param copies a table with copies of these rows */
export function unrollSql(copies: string, rolled: number): string {
  return addSql(copies, `t.arrival <= ${int(rolled)}`, '-')
}

/** Adds changed rows of `session`, after unrollSql() of their former versions. */
export function rollSql(copies: string, rolled: number): string {
  return addSql(copies, `t.arrival <= ${int(rolled)}`, '+')
}

interface RollupOptions {
  readonly rollRows: number
  readonly arrivalsAfter?: number | undefined
}

/**
 * Numbers the writer's commits, and sums up their sessions on a connection of its own, while the writer goes on.
 *
 * A roll-up sums the sessions of commits that were durable when it began. Of later commits, only the revision of an
 * ended session changes these, so it must hold() roll-ups until it is committed. A roll-up that waits for the mutex
 * blocks nobody: neither the mutex's holder nor a revision waits for it.
 */
export class Rollup {
  readonly #connection: DuckDBConnection
  readonly #mutex: Mutex
  readonly #rows: number
  #rolled = -1
  /** The number of the next commit. */
  #arrival = 0
  /** The number of the last durable commit. */
  #committed = -1
  /** The same by organisation, for later commits than `#allUpTo`, up to which any may have something. */
  readonly #committedOf = new Map<string, number>()
  #allUpTo = -1
  /** Sessions that arrived after `rolled`, and the number at which a roll-up is due. */
  #waiting = 0
  #enough: number
  /** Set from the moment a roll-up is due until it has ended. */
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
   * Sums up sessions that an older version or a killed server left. Answers are right without these sums, too.
   * @param connection used for nothing else
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

  /** Reads the state from the tables; also needed after a rollback. */
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
    const peers = await rowsOf(
      this.#connection,
      'SELECT coalesce(max(arrival), -1)::DOUBLE AS last FROM peer_event',
    )
    const last = Math.max((rows[0]!.last as number | null) ?? -1, peers[0]!.last as number)
    this.#committed = Math.max(this.#rolled, last)
    this.#concernsAll()
    // Numbers never go back, even if the last sessions were deleted, because readers have passed their numbers.
    this.#arrival = Math.max(this.#arrival, this.#committed + 1)
  }

  /** The number of the newest durable commit, or of the newest that may hold something of the organisation. */
  lastArrival(orgId?: string): number {
    if (orgId === undefined) return this.#committed
    return this.#committedOf.get(orgId) ?? this.#allUpTo
  }

  #concernsAll(): void {
    this.#allUpTo = this.#committed
    this.#committedOf.clear()
  }

  get rolled(): number {
    return this.#rolled
  }

  /** Failed roll-ups since opening. The next attempt follows after ROLL_ROWS more sessions. */
  get failures(): number {
    return this.#failures
  }

  get isRolling(): boolean {
    return this.#rolling !== null
  }

  /** The number for the next transaction's sessions. */
  nextArrival(): number {
    return this.#arrival++
  }

  /** @param orgIds whose sessions or events it may hold; undefined: anyone's */
  committed(arrival: number, sessions: number, orgIds?: readonly string[]): void {
    this.#committed = arrival
    this.#waiting += sessions
    if (orgIds === undefined) this.#concernsAll()
    else for (const orgId of orgIds) this.#committedOf.set(orgId, arrival)
  }

  /**
   * Call between two groups. While the mutex is held, as by retention, a roll-up is due only at four times as many
   * sessions.
   * @param ended is called after the roll-up, because the next one may be due
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

  /** Resolves when no roll-up is running or due. */
  async settled(): Promise<void> {
    await this.#rolling
  }

  /** Resolves when no roll-up is running. None begins until the returned function is called. */
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

  /**
   * All waiting sessions; if they are many (after failures, in a file of an older version), those of the first
   * commits.
   */
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

/** Adds up the rows of each value and hour to one, and drops those without sessions. */
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
