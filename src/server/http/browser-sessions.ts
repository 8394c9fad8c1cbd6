/**
 * Sessions of browsers. A sign-in trades a key for a token of 256 random bits, which does not reveal the key. The
 * server keeps only the token's SHA-256, in memory. A session lasts at most 7 days, and ends with signing out or a
 * restart. It can do what its key can do at that moment.
 */
import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { hashKey } from '../control/control.js'

export const SESSION_SECONDS = 7 * 86400
const SESSIONS_MAX = 10_000
export const SESSIONS_OF_A_KEY_MAX = 50

interface BrowserSession {
  readonly keyId: string
  readonly endsMs: number
}

export class BrowserSessions {
  readonly #sessions = new LRUCache<string, BrowserSession>({ max: SESSIONS_MAX })

  /** @returns the token. Beyond SESSIONS_OF_A_KEY_MAX (50), the key's least recently used session ends. */
  start(keyId: string, nowMs: number): string {
    // entries() has the least recently used last.
    const others = [...this.#sessions.entries()].filter(([, session]) => session.keyId === keyId)
    for (const [hash] of others.slice(SESSIONS_OF_A_KEY_MAX - 1)) this.#sessions.delete(hash)
    const token = randomBytes(32).toString('base64url')
    this.#sessions.set(hashKey(token), { keyId, endsMs: nowMs + SESSION_SECONDS * 1e3 })
    return token
  }

  keyOf(token: string, nowMs: number): string | undefined {
    const session = this.#sessions.get(hashKey(token))
    return session !== undefined && session.endsMs > nowMs ? session.keyId : undefined
  }

  end(token: string): void {
    this.#sessions.delete(hashKey(token))
  }
}
