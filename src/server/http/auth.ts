/**
 * Who asks, and what they may do.
 *
 * A key comes as `Authorization: Bearer tm_…` or, for the dashboard, as an HttpOnly, SameSite=Strict cookie. Scopes:
 *
 *   root    everything, every organisation
 *   admin   everything in one organisation
 *   read    GET in one organisation, keys excepted
 *   ingest  sends sessions of one site; reads its organisation's catalog
 *
 * Failures are counted by address: after FAILURES_MAX in a minute they are answered 429. A right key always passes, so
 * that one bad client behind a NAT locks nobody out; 256 random bits are not found by trying anyway.
 *
 * A cookie is sent by the browser alone, so requests that change something with a cookie must come from our own
 * origin (Sec-Fetch-Site, or Origin equal to Host).
 */
import type { FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import type { Control, KeyRecord, Scope } from '../control/control.js'
import { HttpError } from './http.js'

export const COOKIE = 'tunmeter_key'
export const FAILURES_MAX = 20
const WINDOW_MS = 60_000
const ADDRESSES_MAX = 10_000

const REASONS = {
  noKey: 'a key is required: Authorization: Bearer tm_…',
  keyUnknown: 'this key is not known',
  keyRevoked: 'this key was revoked',
  keyExpired: 'this key has expired',
} as const

export interface Access {
  /** Which scopes besides root may come. */
  readonly scopes: readonly Scope[]
  readonly orgId?: string
  readonly siteId?: number
}

export class Auth {
  readonly #control: Control
  readonly #failures = new LRUCache<string, number>({
    max: ADDRESSES_MAX,
    ttl: WINDOW_MS,
    noUpdateTTL: true,
  })
  readonly #clockMs: () => number

  constructor(control: Control, clockMs: () => number) {
    this.#control = control
    this.#clockMs = clockMs
  }

  /** @throws HttpError 401, 429 */
  identify(request: FastifyRequest): KeyRecord {
    const presented = presentedKey(request)
    if (presented === undefined) {
      throw new HttpError(401, 'noKey', REASONS.noKey, { 'www-authenticate': 'Bearer' })
    }
    const check = this.#control.check(presented.key, this.#clockMs())
    if (!check.ok) this.#refuse(request.ip, check.reason)
    if (presented.cookie && request.method !== 'GET' && request.method !== 'HEAD')
      refuseForeignOrigin(request)
    this.#control.used(check.key, this.#clockMs())
    return check.key
  }

  #refuse(address: string, reason: keyof typeof REASONS): never {
    const failures = (this.#failures.get(address) ?? 0) + 1
    this.#failures.set(address, failures)
    if (failures > FAILURES_MAX) {
      const message = 'too many failed attempts from this address; wait a minute'
      throw new HttpError(429, 'tooManyFailures', message, { 'retry-after': '60' })
    }
    const challenge = { 'www-authenticate': 'Bearer error="invalid_token"' }
    throw new HttpError(401, reason, REASONS[reason], challenge)
  }

  /**
   * @throws HttpError 401, 403. An organisation that the key does not belong to is 403 whether it exists or not.
   */
  allow(request: FastifyRequest, access: Access): KeyRecord {
    const key = this.identify(request)
    const { scopes, orgId, siteId } = access
    const right =
      key.scope === 'root' ||
      (scopes.includes(key.scope) &&
        (orgId === undefined || key.orgId === orgId) &&
        (key.scope !== 'ingest' || siteId === undefined || key.siteId === siteId))
    if (!right) throw new HttpError(403, 'forbidden', forbidden(key, access))
    if (key.scope === 'root' && orgId !== undefined && this.#control.org(orgId) === undefined) {
      throw new HttpError(404, 'noOrg', `there is no organisation "${orgId}"`)
    }
    return key
  }
}

function forbidden(key: KeyRecord, { scopes, orgId, siteId }: Access): string {
  if (!scopes.includes(key.scope)) {
    return `this key's scope is ${key.scope}; this needs ${['root', ...scopes].join(' or ')}`
  }
  const where =
    siteId === undefined ? `organisation "${orgId}"` : `site ${siteId} of organisation "${orgId}"`
  return `this key is not for ${where}`
}

function presentedKey(request: FastifyRequest): { key: string; cookie: boolean } | undefined {
  const header = request.headers.authorization
  if (header !== undefined) {
    const bearer = /^Bearer +(\S{1,128})$/i.exec(header)?.[1]
    return { key: bearer ?? '', cookie: false }
  }
  const cookie = request.cookies[COOKIE]
  return cookie === undefined || cookie === '' ? undefined : { key: cookie, cookie: true }
}

function refuseForeignOrigin(request: FastifyRequest): void {
  const site = request.headers['sec-fetch-site']
  if (site === 'same-origin' || site === 'none') return
  const { origin, host } = request.headers
  const ours = origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
  if (site === undefined && ours) return
  throw new HttpError(403, 'foreignOrigin', 'a request from another web page is refused')
}
