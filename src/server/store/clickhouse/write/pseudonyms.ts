/**
 * Replaces a person by pseudonyms. Sessions and totals stay.
 *
 * A pseudonym is a hash of the value and a random secret, which is used for one call only and never stored: ClickHouse
 * keeps the text of its statements, so the hashes are made here and written as rows. Its form and range are those that
 * DuckDB's pseudonyms have (../../duckdb/write/pseudonyms.ts says why).
 */
import { createHash, randomBytes } from 'node:crypto'
import type { LogRow, StoredSession } from '../../session-log.js'

/** Larger than real client ids. */
const CLIENTS_FROM = 2 ** 52

export class Pseudonyms {
  readonly #secret = randomBytes(32).toString('hex')
  readonly #addresses: ReadonlySet<string>

  constructor(addresses: readonly string[]) {
    this.#addresses = new Set(addresses)
  }

  /** The session belongs to the person. */
  own(session: StoredSession): StoredSession {
    const { sourceIp, destIp } = session
    // If only the destination is one of the person's addresses, a resource opened the session towards the person.
    const isDest = this.#addresses.has(destIp) && !this.#addresses.has(sourceIp)
    return {
      ...session,
      userId: this.#user(session.userId),
      clientId: this.#client(session.clientId),
      ...{ peerPublicKey: null, clientEndpoint: null },
      sourceIp: isDest ? sourceIp : this.#address(sourceIp),
      destIp: isDest ? this.#address(destIp) : destIp,
    }
  }

  /** The person is the other client of the session, which is the destination. */
  other(session: StoredSession): StoredSession {
    return {
      ...session,
      otherUserId: this.#user(session.otherUserId),
      otherClientId: this.#client(session.otherClientId),
      destIp: this.#address(session.destIp),
    }
  }

  /** Of ids that are not in sessions, so that they stay equal. @returns for `client` the digits of a number */
  of(kind: 'user' | 'client' | 'event', id: string): string {
    if (kind === 'user') return this.#user(id)!
    return kind === 'client' ? String(this.#client(Number(id))) : this.#hash(kind, id)
  }

  #user(id: string | null): string | null {
    return id === null ? null : `pseudonym-${this.#hash('user', id).slice(0, 16)}`
  }

  #client(id: number | null): number | null {
    if (id === null) return null
    return Number.parseInt(this.#hash('client', String(id)).slice(0, 12), 16) + CLIENTS_FROM
  }

  #address(ip: string): string {
    const hash = this.#hash('address', ip)
    // Each group begins with a digit other than 0, so the address has only one written form.
    if (ip.includes(':'))
      return `100::${[0, 3, 6, 9].map((at) => `f${hash.slice(at, at + 3)}`).join(':')}`
    const byte = (at: number) => Number.parseInt(hash.slice(at, at + 2), 16)
    return `${240 + (byte(0) % 8)}.${byte(2)}.${byte(4)}.${byte(6)}`
  }

  #hash(kind: string, value: string): string {
    return createHash('sha256').update(`${this.#secret}/${kind}/${value}`).digest('hex')
  }
}

/** The stored part of a row. */
export function storedOf(row: LogRow): StoredSession {
  const { open: _o, interrupted: _i, clientName: _c, userName: _u, userEmail: _e, ...rest } = row
  const { resourceName: _r, siteName: _s, otherClientName: _n, ...session } = rest
  return session
}
