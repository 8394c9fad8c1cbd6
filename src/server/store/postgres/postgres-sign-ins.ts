/** Sessions of browsers in PostgreSQL: any server behind a load balancer knows them, also after a restart. */
import { SESSION_SECONDS, SESSIONS_OF_A_KEY_MAX, type SignIns } from '../../control/sign-ins.js'
import { int } from '../sql/sql.js'
import type { Postgres } from './database.js'

export class PostgresSignIns implements SignIns {
  readonly #postgres: Postgres

  constructor(postgres: Postgres) {
    this.#postgres = postgres
  }

  start(hash: string, keyId: string, nowMs: number): Promise<void> {
    const endsMs = int(Math.round(nowMs + SESSION_SECONDS * 1e3))
    return this.#postgres.transaction(async (query) => {
      await query(`INSERT INTO sign_in (hash, key_id, ends_ms) VALUES ($1, $2, ${endsMs})`, [
        hash,
        keyId,
      ])
      await query(
        `DELETE FROM sign_in WHERE key_id = $1 AND nth <= (SELECT nth FROM sign_in WHERE key_id = $1
           ORDER BY nth DESC OFFSET ${SESSIONS_OF_A_KEY_MAX} LIMIT 1)`,
        [keyId],
      )
    })
  }

  async keyOf(hash: string, nowMs: number): Promise<string | undefined> {
    const [row] = await this.#postgres.query(
      `SELECT key_id FROM sign_in WHERE hash = $1 AND ends_ms > ${int(Math.round(nowMs))}`,
      [hash],
    )
    return row?.key_id as string | undefined
  }

  async end(hash: string): Promise<void> {
    await this.#postgres.query('DELETE FROM sign_in WHERE hash = $1', [hash])
  }
}
