/**
 * Putting pseudonyms in the place of a person: sessions and sums stay as they are, under another name.
 *
 * A pseudonym is the hash of what it stands for and a random secret of this one deed, which is kept nowhere: within it the
 * same value has the same pseudonym, nobody can go back, and a second deed gives other ones. It has the form of what it
 * stands for, so that filters and exports work on it, and a range of its own: an address stays in its family (the
 * stored payload depends on it), in 240.0.0.0/5, which is in use nowhere, or 100::/64, which is discarded (RFC 6666).
 */
import { randomBytes } from 'node:crypto'
import type { DuckDBConnection } from '@duckdb/node-api'
import { literal, rowsOf } from '../database.js'
import { SLICE_ROWS } from './retention.js'
import { rolledUpTo, rollSql, unrollSql } from './rollup.js'

/** Above what people number their clients by. */
const CLIENTS_FROM = 2 ** 52

/** `own`: the session is the person's. `other`: the person is at the other end of somebody's session. */
export type SessionEnd = 'own' | 'other'

interface Person {
  /** Of rows `t`: those of which the person is at this end. */
  readonly where: Readonly<Record<SessionEnd, string>>
  /** Its addresses, as far as the catalog has them. */
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

  /** One slice, in the transaction that is open. @returns how many sessions */
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
    await this.#connection.run(
      `UPDATE usage_month t SET ${this.#ids()} WHERE t.org_id = $1 AND ${this.#person.where.own}`,
      [this.#orgId],
    )
  }

  /** What it names a peer by goes; its own id too, which is made of that. */
  async replacePeerEvents(): Promise<void> {
    await this.#connection.run(
      `UPDATE peer_event t SET ${this.#ids()}, public_key = NULL, endpoint = NULL, endpoint_before = NULL,
         allowed_ips = NULL, allowed_ips_before = NULL, event_id = substr(${this.#hash('event', 't.event_id')}, 1, 22)
       WHERE t.org_id = $1 AND ${this.#person.where.own}`,
      [this.#orgId],
    )
  }

  #own(): string {
    // A resource opened the session towards the person where only the destination is known to be the person's.
    const known = this.#person.addresses.map(literal).join(', ')
    const isDest =
      known === '' ? 'false' : `(t.dest_ip IN (${known}) AND t.source_ip NOT IN (${known}))`
    return `${this.#ids()}, peer = NULL,
      source_ip = CASE WHEN ${isDest} THEN t.source_ip ELSE ${this.#address('t.source_ip')} END,
      dest_ip = CASE WHEN ${isDest} THEN ${this.#address('t.dest_ip')} ELSE t.dest_ip END`
  }

  /** Of two clients, the other one is the destination. */
  #other(): string {
    return `${this.#ids('other_')}, dest_ip = ${this.#address('t.dest_ip')}`
  }

  #ids(prefix = ''): string {
    const [userId, clientId] = [`t.${prefix}user_id`, `t.${prefix}client_id::VARCHAR`]
    const user = `'pseudonym-' || substr(${this.#hash('user', userId)}, 1, 16)`
    const client = `('0x' || substr(${this.#hash('client', clientId)}, 1, 12))::BIGINT + ${CLIENTS_FROM}`
    // Null stays null: so it is with each part that is null.
    return `${prefix}user_id = ${user}, ${prefix}client_id = ${client}`
  }

  #address(ip: string): string {
    const hash = this.#hash('address', ip)
    const byte = (at: number): string => `('0x' || substr(${hash}, ${at}, 2))::INTEGER`
    const four = `(240 + ${byte(1)} % 8) || '.' || ${byte(3)} || '.' || ${byte(5)} || '.' || ${byte(7)}`
    // A leading digit that is not 0: so each is written in one way only.
    const six = [1, 4, 7, 10].map((at) => `'f' || substr(${hash}, ${at}, 3)`).join(` || ':' || `)
    return `CASE WHEN contains(${ip}, ':') THEN '100::' || ${six} ELSE ${four} END`
  }

  #hash(kind: string, value: string): string {
    return `sha256('${this.#secret}/${kind}/' || ${value})`
  }
}
