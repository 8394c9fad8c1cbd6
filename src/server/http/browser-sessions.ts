/**
 * Sessions of browsers. A sign-in trades a key for a token of 256 random bits that says nothing about the key; the
 * server knows the token's SHA-256, in memory: its restart ends all sessions, so does signing out, and a session can
 * do no more than its key does at that moment.
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

  /** @returns the token; the key's oldest session ends when it has too many */
  start(keyId: string, nowMs: number): string {
    // Least recently used last.
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
