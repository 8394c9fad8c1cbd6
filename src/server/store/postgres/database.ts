/**
 * The connection to PostgreSQL: a pool with bounds, transactions, and the schema's version.
 *
 * Bounds: CONNECTIONS_MAX connections; a caller waits at most CONNECT_MS for one. A statement ends after STATEMENT_MS, a
 * wait for a lock after LOCK_MS, and a transaction whose server is gone after IDLE_MS, so that its locks are free for
 * others. Failures that pass by themselves are STORE_BUSY. After one of a commit, it is unknown whether it happened:
 * whoever repeats it must find out.
 */
import pg from 'pg'
import { AppError, messageOf } from '../../../base/errors.js'
import type { Row, Rows } from '../sql/rows.js'
import { MIGRATIONS } from './schema.js'

const CONNECTIONS_MAX = 16
const CONNECT_MS = 5_000
const STATEMENT_MS = 30_000
const LOCK_MS = 10_000
const IDLE_MS = 30_000
/** Any number that other programs on this database do not lock, too. */
const MIGRATION_LOCK = 7_407_262_101
export const LEASE_LOCK = 7_407_262_102
export const ALERT_LOCK = 7_407_262_103

export interface PostgresOptions {
  /** `postgresql://user@host/database`, as libpq has it. */
  readonly url: string
  readonly connections?: number
}

export class Postgres {
  readonly #pool: pg.Pool

  private constructor({ url, connections = CONNECTIONS_MAX }: PostgresOptions) {
    this.#pool = new pg.Pool({ ...settingsOf(url), max: connections })
    // An idle connection that breaks leaves the pool by itself.
    this.#pool.on('error', () => undefined)
  }

  /** Connects, and brings the schema up to date. @throws AppError STORE_BUSY, STORE_NEWER, STORE_NOT_DURABLE, STORE_UNREADABLE */
  static async open(options: PostgresOptions): Promise<Postgres> {
    const postgres = new Postgres(options)
    try {
      await postgres.transaction(mustBeDurable)
      await postgres.transaction(migrate)
      return postgres
    } catch (error) {
      await postgres.close()
      throw error
    }
  }

  /** One statement, in a transaction of its own. @throws AppError STORE_BUSY, STORE_FULL */
  readonly query: Rows = async (sql, values) => {
    try {
      return await rowsOf(this.#pool, sql, values)
    } catch (error) {
      throw faultOf(error)
    }
  }

  /** All of it or nothing. @throws AppError STORE_BUSY, STORE_FULL, and whatever `work` throws */
  async transaction<T>(work: (query: Rows) => Promise<T>): Promise<T> {
    return this.#connected(async (client, isWhole) => {
      try {
        await client.query('BEGIN')
        const result = await work((sql, values) => rowsOf(client, sql, values))
        await client.query('COMMIT')
        isWhole()
        return result
      } catch (error) {
        await client.query('ROLLBACK').then(isWhole, () => undefined)
        throw error
      }
    })
  }

  /** Several queries that see one moment. @throws as transaction() */
  snapshot<T>(work: (query: Rows) => Promise<T>): Promise<T> {
    return this.transaction(async (query) => {
      await query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
      return work(query)
    })
  }

  /**
   * Runs work under an advisory lock, which ends with it. The connection has no transaction meanwhile, so the work may
   * take long.
   * @param key SQL of the lock's number @throws as query(); STORE_BUSY after LOCK_MS
   */
  async alone<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.#connected(async (client, isWhole) => {
      await client.query(`SELECT pg_advisory_lock(${key})`)
      const result = await work()
      await client.query(`SELECT pg_advisory_unlock(${key})`)
      isWhole()
      return result
    })
  }

  /** Runs work on one connection, which is closed with its locks afterwards unless the work calls isWhole(). */
  async #connected<T>(
    work: (client: pg.PoolClient, isWhole: () => void) => Promise<T>,
  ): Promise<T> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw faultOf(error)
    })
    let isBroken = true
    // Without a listener, a connection that breaks between two statements would end the process.
    const ignore = () => undefined
    client.on('error', ignore)
    try {
      return await work(client, () => {
        isBroken = false
      })
    } catch (error) {
      throw faultOf(error)
    } finally {
      client.off('error', ignore)
      client.release(isBroken)
    }
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }
}

/** Settings of a connection. */
export function settingsOf(url: string): pg.ClientConfig {
  return {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    query_timeout: STATEMENT_MS + CONNECT_MS,
    lock_timeout: LOCK_MS,
    idle_in_transaction_session_timeout: IDLE_MS,
    application_name: 'tunmeter',
    keepAlive: true,
    // Literals in statements depend on it.
    options: '-c standard_conforming_strings=on',
    types: { getTypeParser },
  }
}

async function rowsOf(
  client: pg.Pool | pg.PoolClient,
  sql: string,
  values?: readonly string[],
): Promise<readonly Row[]> {
  const { rows } =
    values === undefined ? await client.query(sql) : await client.query(sql, [...values])
  return rows as Row[]
}

const INT8 = 20
const { builtins, getTypeParser: usual } = pg.types

/** Large integers as numbers: all that is stored here is below 2^53. */
function getTypeParser(id: number, format?: 'text' | 'binary') {
  return id === INT8 || id === builtins.NUMERIC ? Number : usual(id, format as 'text')
}

/** @throws AppError STORE_NOT_DURABLE: a batch that is acknowledged must not be lost */
async function mustBeDurable(query: Rows): Promise<void> {
  const [row] = await query('SHOW synchronous_commit')
  if (row!.synchronous_commit !== 'off') return
  throw new AppError('STORE_NOT_DURABLE', 'PostgreSQL confirms changes before they are on disk', {
    hint: 'Set synchronous_commit = on, in postgresql.conf, or for the role or the database (ALTER ROLE … RESET synchronous_commit).',
  })
}

/** @throws AppError STORE_NEWER */
async function migrate(query: Rows): Promise<void> {
  await query(`SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`)
  await query('CREATE TABLE IF NOT EXISTS tunmeter_schema (version BIGINT NOT NULL)')
  const [row] = await query('SELECT version FROM tunmeter_schema')
  const version = (row?.version as number | undefined) ?? 0
  if (version > MIGRATIONS.length)
    throw new AppError('STORE_NEWER', `the database has schema ${version} of a newer tunmeter`, {
      hint: `This one knows ${MIGRATIONS.length}. Install the newer version, or restore a backup.`,
    })
  for (const step of MIGRATIONS.slice(version)) await query(step)
  if (row === undefined) await query('INSERT INTO tunmeter_schema VALUES (0)')
  await query(`UPDATE tunmeter_schema SET version = ${MIGRATIONS.length}`)
}

/** Classes: connection, resources, a lock, shutting down, standby. https://www.postgresql.org/docs/15/errcodes-appendix.html */
const PASSING = /^(08|53|40|55P03|57|25006)/
const DISK_FULL = '53100'
/** A wrong user or password, no such database, or a missing right. */
const REFUSED = /^(28|3D000|42501)/

function faultOf(cause: unknown): unknown {
  if (cause instanceof AppError) return cause
  const { code = '' } = cause as { code?: string }
  if (code === DISK_FULL)
    return new AppError('STORE_FULL', 'PostgreSQL has no space left', {
      hint: 'Nothing was changed. Free some space on its disk.',
      cause,
    })
  if (REFUSED.test(code))
    return new AppError('STORE_UNREADABLE', `PostgreSQL refuses: ${messageOf(cause)}`, {
      hint: 'Check --control, and --control-password-file or TUNMETER_CONTROL.',
      cause,
    })
  // The client's own failures have a system's code or none.
  const isPassing = PASSING.test(code) || /^E[A-Z]/.test(code) || isOfClient(cause)
  if (!isPassing) return cause
  return new AppError('STORE_BUSY', `PostgreSQL does not answer: ${messageOf(cause)}`, {
    hint: 'Send the request again in a few seconds.',
    cause,
  })
}

function isOfClient(error: unknown): boolean {
  return /^(timeout exceeded|Query read timeout|Connection terminated|Client (was|has)|Cannot use a pool)/.test(
    messageOf(error),
  )
}
