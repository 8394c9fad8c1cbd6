/** One server of several does the regular chores: the one that holds an advisory lock, on a connection of its own. */
import pg from 'pg'
import type { Lease } from '../../control/lease.js'
import { LEASE_LOCK, settingsOf } from './database.js'

export class PostgresLease implements Lease {
  readonly #url: string
  #holding: pg.Client | null = null

  constructor(url: string) {
    this.#url = url
  }

  async isMine(): Promise<boolean> {
    if (this.#holding !== null) return true
    const client = new pg.Client(settingsOf(this.#url))
    const lost = () => {
      if (this.#holding === client) this.#holding = null
    }
    client.on('error', lost)
    client.on('end', lost)
    try {
      await client.connect()
      const { rows } = await client.query(`SELECT pg_try_advisory_lock(${LEASE_LOCK}) AS got`)
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
