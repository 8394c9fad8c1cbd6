/**
 * Replaces a person by pseudonyms. Sessions and totals stay.
 *
 * A pseudonym is a hash of the value and a random secret, which is used for one call only and never stored. Equal
 * values get equal pseudonyms within the call, but nobody can reverse them, and another call gives others.
 *
 * A pseudonym has the form of its value, because filters and exports must work on it, and comes from an unused range.
 * An address keeps its family, because the stored payload depends on it: 240.0.0.0/5 is unused, and 100::/64 is
 * discarded (RFC 6666).
 */
import { randomBytes } from 'node:crypto'
import type { DuckDBConnection } from '@duckdb/node-api'
import { literal, rowsOf } from '../database.js'
import { SLICE_ROWS } from './retention.js'
import { rolledUpTo, rollSql, unrollSql } from './rollup.js'

/** Larger than real client ids. */
const CLIENTS_FROM = 2 ** 52

/** `own`: the session belongs to the person. `other`: the person is the other client of the session. */
export type SessionEnd = 'own' | 'other'

interface Person {
  /** Conditions on rows `t` with the person at this end. */
  readonly where: Readonly<Record<SessionEnd, string>>
  /** The person's addresses in the catalog. */
  readonly addresses: readonly string[]
}

export class Pseudonyms {
  readonly #secret = randomBytes(32).toString('hex')
  readonly #connection: DuckDBConnection
  readonly #orgId: string
  readonly #person: Person

  constructor(connection: DuckDBConnection, orgId: string, person: Person) {
    this.#connection = connection
    this.#orgId = orgId
    this.#person = person
  }

  /** Replaces one slice within the open transaction. @returns the number of sessions */
  async replaceSlice(table: 'session' | 'session_open', end: SessionEnd): Promise<number> {
    const c = this.#connection
    const which = `CREATE OR REPLACE TEMP TABLE renaming AS SELECT rowid AS id FROM ${table} t
      WHERE t.org_id = $1 AND ${this.#person.where[end]} LIMIT ${SLICE_ROWS}`
    await c.run(which, [this.#orgId])
    const copies = `CREATE OR REPLACE TEMP TABLE renamed AS
      SELECT t.* FROM ${table} t WHERE t.rowid IN (SELECT id FROM renaming)`
    await c.run(copies)
    const rows = await rowsOf(c, 'SELECT count(*)::DOUBLE AS n FROM renaming')
    const count = rows[0]!.n as number
    if (count === 0) return 0
    const rolled = table === 'session' ? await rolledUpTo(c) : -1
    if (table === 'session') await c.run(unrollSql('renamed', rolled))
    await c.run(`UPDATE ${table} t SET ${end === 'own' ? this.#own() : this.#other()}
      WHERE t.rowid IN (SELECT id FROM renaming)`)
    if (table === 'session') {
      await c.run(copies)
      await c.run(rollSql('renamed', rolled))
    }
    return count
  }

  async replaceTotals(): Promise<void> {
    for (const table of ['usage_month', 'expired_open'])
      await this.#connection.run(
        `UPDATE ${table} t SET ${this.#ids()} WHERE t.org_id = $1 AND ${this.#person.where.own}`,
        [this.#orgId],
      )
  }

  /** Removes the key and addresses of the peer. The event's id is replaced too, because it is a hash of them. */
  async replacePeerEvents(): Promise<void> {
    await this.#connection.run(
      `UPDATE peer_event t SET ${this.#ids()}, public_key = NULL, endpoint = NULL, endpoint_before = NULL,
         allowed_ips = NULL, allowed_ips_before = NULL, event_id = substr(${this.#hash('event', 't.event_id')}, 1, 22)
       WHERE t.org_id = $1 AND ${this.#person.where.own}`,
      [this.#orgId],
    )
  }

  #own(): string {
    // If only the destination is one of the person's addresses, a resource opened the session towards the person.
    const known = this.#person.addresses.map(literal).join(', ')
    const isDest =
      known === '' ? 'false' : `(t.dest_ip IN (${known}) AND t.source_ip NOT IN (${known}))`
    return `${this.#ids()}, peer = NULL,
      source_ip = CASE WHEN ${isDest} THEN t.source_ip ELSE ${this.#address('t.source_ip')} END,
      dest_ip = CASE WHEN ${isDest} THEN ${this.#address('t.dest_ip')} ELSE t.dest_ip END`
  }

  /** In a session between two clients, the other client is the destination. */
  #other(): string {
    return `${this.#ids('other_')}, dest_ip = ${this.#address('t.dest_ip')}`
  }

  #ids(prefix = ''): string {
    const [userId, clientId] = [`t.${prefix}user_id`, `t.${prefix}client_id::VARCHAR`]
    const user = `'pseudonym-' || substr(${this.#hash('user', userId)}, 1, 16)`
    const client = `('0x' || substr(${this.#hash('client', clientId)}, 1, 12))::BIGINT + ${CLIENTS_FROM}`
    // In SQL, an expression with a null part is null, so null stays null.
    return `${prefix}user_id = ${user}, ${prefix}client_id = ${client}`
  }

  #address(ip: string): string {
    const hash = this.#hash('address', ip)
    const byte = (at: number): string => `('0x' || substr(${hash}, ${at}, 2))::INTEGER`
    const four = `(240 + ${byte(1)} % 8) || '.' || ${byte(3)} || '.' || ${byte(5)} || '.' || ${byte(7)}`
    // Each group begins with a digit other than 0, so the address has only one written form.
    const six = [1, 4, 7, 10].map((at) => `'f' || substr(${hash}, ${at}, 3)`).join(` || ':' || `)
    return `CASE WHEN contains(${ip}, ':') THEN '100::' || ${six} ELSE ${four} END`
  }

  #hash(kind: string, value: string): string {
    return `sha256('${this.#secret}/${kind}/' || ${value})`
  }
}
