/**
 * Authentication and scopes.
 *
 * Programs send a key as `Authorization: Bearer tm_…`. The dashboard has an HttpOnly, SameSite=Strict cookie with a
 * session's token (../control/sign-ins.ts), which is Secure over HTTPS. Scopes (each route names those that it allows):
 *
 *   root    everything, every organisation
 *   admin   everything in one organisation, but not removing it
 *   read    logs, completeness, sites, settings and catalog of one organisation
 *   ingest  sends sessions of one site, and reads its completeness and its organisation's catalog
 *
 * Wrong keys are counted by network (IPv4 address, IPv6 /64). After FAILURES_MAX (20) in a minute, further ones get
 * 429. A valid key always passes, so a bad client behind the same NAT or proxy locks nobody out, and nobody can guess
 * 256 random bits.
 *
 * A browser adds the cookie by itself, also for pages on other hosts of the same site. So a change with a cookie must
 * come from the server's own origin (Sec-Fetch-Site, or Origin equal to Host).
 */
import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import { type Control, hashKey, type KeyRecord, type Scope } from '../control/control.js'
import { SESSION_SECONDS } from '../control/sign-ins.js'
import { type CookieNames, cookieNames } from './base-path.js'
import { HttpError } from './http.js'
import { networkOf, type SecurityLog } from './security-log.js'

export const FAILURES_MAX = 20
const WINDOW_MS = 60_000
const ADDRESSES_MAX = 10_000

const REASONS = {
  noKey: 'a key is required: Authorization: Bearer tm_…',
  keyUnknown: 'this key is not known',
  keyRevoked: 'this key was revoked',
  keyExpired: 'this key has expired',
  sessionEnded: 'this sign-in has ended; sign in again',
} as const
type Reason = keyof typeof REASONS
type RefusalEvent = 'keyRefused' | 'signInRefused'

export interface Access {
  /** Allowed scopes besides root. */
  readonly scopes: readonly Scope[]
  readonly orgId?: string
  readonly siteId?: number
  /** Accepts a removed organisation that left an audit trail. */
  readonly ofRemovedToo?: boolean
}

export class Auth {
  readonly #control: Control
  readonly #security: SecurityLog
  readonly #failures = new LRUCache<string, number>({
    max: ADDRESSES_MAX,
    ttl: WINDOW_MS,
    noUpdateTTL: true,
  })
  readonly #clockMs: () => number
  readonly #basePath: string
  readonly #cookies: CookieNames

  /** @param basePath the path of its cookies, with its last slash */
  constructor(control: Control, security: SecurityLog, clockMs: () => number, basePath = '/') {
    this.#basePath = basePath
    this.#cookies = cookieNames(basePath)
    this.#control = control
    this.#security = security
    this.#clockMs = clockMs
  }

  /** @throws HttpError 401, 403, 429 */
  async identify(request: FastifyRequest): Promise<KeyRecord> {
    const bearer = bearerOf(request)
    const token = this.#tokenOf(request)
    if (bearer === undefined && token === undefined) {
      // Another scheme than Bearer: a proxy's own sign-in, or a misconfigured client.
      const word = request.headers.authorization === undefined ? 'noKey' : 'keyUnknown'
      throw new HttpError(401, word, REASONS[word], { 'www-authenticate': 'Bearer' })
    }
    const key =
      bearer === undefined
        ? await this.#bySession(request, token!)
        : this.#byKey(request, bearer, 'keyRefused')
    this.#control.used(key, request.ip, this.#clockMs())
    this.#security.used(key, request.ip)
    return key
  }

  #byKey(request: FastifyRequest, presented: string, event: RefusalEvent): KeyRecord {
    const check = this.#control.check(presented, this.#clockMs())
    if (!check.ok) this.#refuse(request, event, check.reason, check.key)
    return check.key
  }

  async #bySession(request: FastifyRequest, token: string): Promise<KeyRecord> {
    if (request.method !== 'GET' && request.method !== 'HEAD') refuseForeignOrigin(request)
    const nowMs = this.#clockMs()
    const keyId = await this.#control.signIns.keyOf(hashKey(token), nowMs)
    const key = keyId === undefined ? undefined : this.#control.key(keyId)
    if (key === undefined) throw new HttpError(401, 'sessionEnded', REASONS.sessionEnded)
    if (key.revokedAt !== null) throw new HttpError(401, 'keyRevoked', REASONS.keyRevoked)
    if (key.expiresAt !== null && Date.parse(key.expiresAt) <= nowMs)
      throw new HttpError(401, 'keyExpired', REASONS.keyExpired)
    return key
  }

  #refuse(
    request: FastifyRequest,
    event: RefusalEvent,
    reason: Reason,
    key: KeyRecord | undefined,
  ): never {
    const network = networkOf(request.ip)
    const failures = (this.#failures.get(network) ?? 0) + 1
    this.#failures.set(network, failures)
    const counted = { failures, failuresMax: FAILURES_MAX }
    this.#security.refused(event, request.ip, { key: key ?? null, reason, ...counted })
    if (failures > FAILURES_MAX) {
      const message = 'too many failed attempts from this address; wait a minute'
      throw new HttpError(429, 'tooManyFailures', message, { 'retry-after': '60' })
    }
    const challenge = { 'www-authenticate': 'Bearer error="invalid_token"' }
    throw new HttpError(401, reason, REASONS[reason], challenge)
  }

  /**
   * @throws HttpError 401, 403, 404, 429. Other organisations give 403, whether they exist or not; 404 is for root
   * keys.
   */
  async allow(request: FastifyRequest, access: Access): Promise<KeyRecord> {
    const key = await this.identify(request)
    const { scopes, orgId, siteId } = access
    const right =
      key.scope === 'root' ||
      (scopes.includes(key.scope) &&
        (orgId === undefined || key.orgId === orgId) &&
        (key.scope !== 'ingest' || siteId === undefined || key.siteId === siteId))
    if (!right) {
      const route = `${request.method} ${request.routeOptions.url}`
      this.#security.write('scopeExceeded', request.ip, key, { route })
      throw new HttpError(403, 'forbidden', forbidden(key, access))
    }
    if (key.scope === 'root' && orgId !== undefined && !(await this.#isThere(orgId, access))) {
      throw new HttpError(404, 'noOrg', `there is no organisation "${orgId}"`)
    }
    return key
  }

  async #isThere(orgId: string, { ofRemovedToo }: Access): Promise<boolean> {
    if (this.#control.org(orgId) !== undefined) return true
    return ofRemovedToo === true && (await this.#control.audit.has(orgId))
  }

  /** Trades a key for a session. @throws HttpError 401, 403, 429 */
  async signIn(
    request: FastifyRequest,
    reply: FastifyReply,
    presented: string,
  ): Promise<KeyRecord> {
    refuseForeignOrigin(request)
    const key = this.#byKey(request, presented.replace(/\s/g, ''), 'signInRefused')
    if (key.scope === 'ingest') {
      this.#security.write('signInRefused', request.ip, key, { reason: 'ingest' })
      const message = 'an ingest key only sends; sign in with a read, admin or root key'
      throw new HttpError(403, 'forbidden', message)
    }
    const nowMs = this.#clockMs()
    this.#control.used(key, request.ip, nowMs)
    this.#security.write('signedIn', request.ip, key)
    const secure = request.protocol === 'https'
    const token = randomBytes(32).toString('base64url')
    await this.#control.signIns.start(hashKey(token), key.keyId, nowMs)
    reply.setCookie(secure ? this.#cookies.secure : this.#cookies.plain, token, {
      ...COOKIE_ATTRIBUTES,
      path: this.#basePath,
      secure,
      maxAge: SESSION_SECONDS,
    })
    return key
  }

  /** Ends the session on the server, so copies of its cookie are invalid too. @throws HttpError 403 */
  async signOut(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    refuseForeignOrigin(request)
    const token = this.#tokenOf(request)
    const { signIns } = this.#control
    const hash = token === undefined ? undefined : hashKey(token)
    const keyId = hash === undefined ? undefined : await signIns.keyOf(hash, this.#clockMs())
    if (hash !== undefined) await signIns.end(hash)
    if (keyId !== undefined)
      this.#security.write('signedOut', request.ip, this.#control.key(keyId) ?? null)
    const secure = request.protocol === 'https'
    reply.clearCookie(secure ? this.#cookies.secure : this.#cookies.plain, {
      ...COOKIE_ATTRIBUTES,
      path: this.#basePath,
      secure,
    })
  }

  #tokenOf({ cookies, protocol }: FastifyRequest): string | undefined {
    const { secure, plain } = this.#cookies
    const token = cookies[secure] ?? (protocol === 'https' ? undefined : cookies[plain])
    return token === undefined || token === '' ? undefined : token.slice(0, 128)
  }
}

const COOKIE_ATTRIBUTES = { httpOnly: true, sameSite: 'strict' } as const

function forbidden(key: KeyRecord, { scopes, orgId, siteId }: Access): string {
  if (!scopes.includes(key.scope)) {
    return `this key's scope is ${key.scope}; this needs ${['root', ...scopes].join(' or ')}`
  }
  const where =
    siteId === undefined ? `organisation "${orgId}"` : `site ${siteId} of organisation "${orgId}"`
  return `this key is not for ${where}`
}

/** The Bearer key; empty: malformed; undefined: no header, or another scheme, as of a proxy's own sign-in. */
function bearerOf({ headers: { authorization } }: FastifyRequest): string | undefined {
  if (authorization === undefined || !/^Bearer(?: |$)/i.test(authorization)) return undefined
  return /^Bearer +(\S{1,128})$/i.exec(authorization)?.[1] ?? ''
}

function refuseForeignOrigin(request: FastifyRequest): void {
  const site = request.headers['sec-fetch-site']
  if (site === 'same-origin' || site === 'none') return
  const { origin } = request.headers
  // request.host is X-Forwarded-Host if a trusted proxy rewrites Host.
  const ours =
    origin === undefined || (URL.canParse(origin) && new URL(origin).host === request.host)
  if (site === undefined && ours) return
  throw new HttpError(403, 'foreignOrigin', 'a request from another web page is refused')
}
