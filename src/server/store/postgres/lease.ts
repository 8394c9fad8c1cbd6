/**
 * One server of several does something: the one that holds an advisory lock, on a connection of its own. PostgreSQL frees the
 * lock when the connection ends; of a machine that is gone without a word, after about KEEPALIVE_S times three.
 */
import pg from 'pg'
import type { Lease } from '../../control/lease.js'
import { settingsOf } from './database.js'

const KEEPALIVE_S = 5
const KEEPALIVE = `-c tcp_keepalives_idle=${KEEPALIVE_S} -c tcp_keepalives_interval=${KEEPALIVE_S} -c tcp_keepalives_count=2`

export class PostgresLease implements Lease {
  readonly #url: string
  readonly #lock: number
  #holding: pg.Client | null = null

  constructor(url: string, lock: number) {
    this.#url = url
    this.#lock = lock
  }

  async isMine(): Promise<boolean> {
    if (this.#holding !== null) return true
    const settings = settingsOf(this.#url)
    const client = new pg.Client({ ...settings, options: `${settings.options} ${KEEPALIVE}` })
    const lost = () => {
      if (this.#holding === client) this.#holding = null
    }
    client.on('error', lost)
    client.on('end', lost)
    try {
      await client.connect()
      const { rows } = await client.query(`SELECT pg_try_advisory_lock(${this.#lock}) AS got`)
      if (rows[0].got === true) {
        this.#holding = client
        return true
      }
    } catch {
      // Another try comes with the next chores.
    }
    await client.end().catch(() => undefined)
    return false
  }

  async close(): Promise<void> {
    const client = this.#holding
    this.#holding = null
    await client?.end().catch(() => undefined)
  }
}
