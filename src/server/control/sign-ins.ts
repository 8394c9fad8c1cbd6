/**
 * Sessions of browsers. A sign-in trades a key for a token of 256 random bits, which does not reveal the key. Only the
 * token's SHA-256 is kept. A session lasts at most 7 days, and ends with signing out. It can do what its key can do at
 * that moment.
 */
import { LRUCache } from 'lru-cache'

export const SESSION_SECONDS = 7 * 86400
export const SESSIONS_OF_A_KEY_MAX = 50
const SESSIONS_MAX = 10_000

export interface SignIns {
  /** Beyond SESSIONS_OF_A_KEY_MAX (50), the key's oldest session ends. @param hash the token's SHA-256 */
  start(hash: string, keyId: string, nowMs: number): Promise<void>
  keyOf(hash: string, nowMs: number): Promise<string | undefined>
  end(hash: string): Promise<void>
}

/** Sessions in memory: they end with a restart of the server. */
export class MemorySignIns implements SignIns {
  readonly #sessions = new LRUCache<string, { readonly keyId: string; readonly endsMs: number }>({
    max: SESSIONS_MAX,
  })

  async start(hash: string, keyId: string, nowMs: number): Promise<void> {
    // entries() has the least recently used last.
    const others = [...this.#sessions.entries()].filter(([, session]) => session.keyId === keyId)
    for (const [other] of others.slice(SESSIONS_OF_A_KEY_MAX - 1)) this.#sessions.delete(other)
    this.#sessions.set(hash, { keyId, endsMs: nowMs + SESSION_SECONDS * 1e3 })
  }

  async keyOf(hash: string, nowMs: number): Promise<string | undefined> {
    const session = this.#sessions.get(hash)
    return session !== undefined && session.endsMs > nowMs ? session.keyId : undefined
  }

  async end(hash: string): Promise<void> {
    this.#sessions.delete(hash)
  }
}
