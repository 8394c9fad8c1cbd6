/**
 * What somebody who looks into an incident asks the log: who tried, who came in and from where, who changed what. One
 * line an event, with `event` for programs; never a key. Refusals are written at most LINES_MAX times a minute, since
 * strangers cause them; `tunmeter_server_auth_failures_total` counts them all.
 */
import { LRUCache } from 'lru-cache'
import type { Logger } from '../../base/log.js'
import type { KeyRecord } from '../control/control.js'

const LINES_MAX = 200
const MINUTE_MS = 60_000
const KEYS_MAX = 10_000
const ADDRESSES_OF_A_KEY_MAX = 16

const EVENTS = {
  keyRefused: 'key refused',
  signInRefused: 'sign-in refused',
  tooManyFailures: 'too many refused keys from this address',
  scopeExceeded: 'a key was used for what it may not do',
  keyUsedFromNewAddress: 'a key is used from an address for the first time since the start',
  signedIn: 'signed in',
  signedOut: 'signed out',
  keyCreated: 'key created',
  keyRevoked: 'key revoked',
  orgCreated: 'organisation created',
  settingsChanged: 'settings changed',
  catalogReplaced: 'catalog replaced',
  exportStarted: 'export started',
  backupMade: 'backup made',
} as const
export type SecurityEvent = keyof typeof EVENTS

const REFUSALS: ReadonlySet<SecurityEvent> = new Set([
  'keyRefused',
  'signInRefused',
  'tooManyFailures',
  'scopeExceeded',
])

export class SecurityLog {
  readonly #log: Logger
  readonly #clockMs: () => number
  #minute = 0
  #lines = 0
  readonly #addresses = new LRUCache<string, LRUCache<string, true>>({ max: KEYS_MAX })

  constructor(log: Logger, clockMs: () => number) {
    this.#log = log
    this.#clockMs = clockMs
  }

  /** @param key whose it was; null: nobody's that is known */
  write(
    event: SecurityEvent,
    address: string,
    key: KeyRecord | null,
    facts: Readonly<Record<string, unknown>> = {},
  ): void {
    const refused = REFUSALS.has(event)
    if (refused && !this.#mayWrite()) return
    const by = key === null ? {} : { by: key.keyId, scope: key.scope, orgId: key.orgId }
    this.#log[refused ? 'warn' : 'info']({ event, address, ...by, ...facts }, EVENTS[event])
  }

  /** Says so when the key was not seen from there before. */
  used(key: KeyRecord, address: string): void {
    let known = this.#addresses.get(key.keyId)
    if (known === undefined) {
      known = new LRUCache({ max: ADDRESSES_OF_A_KEY_MAX })
      this.#addresses.set(key.keyId, known)
    }
    const network = networkOf(address)
    if (known.get(network)) return
    known.set(network, true)
    this.write('keyUsedFromNewAddress', address, key)
  }

  #mayWrite(): boolean {
    const minute = Math.floor(this.#clockMs() / MINUTE_MS)
    if (minute !== this.#minute) this.#lines = 0
    this.#minute = minute
    return ++this.#lines <= LINES_MAX
  }
}

/** Who has one IPv6 address has its /64. */
export function networkOf(address: string): string {
  const v4 = /^::ffff:([\d.]+)$/i.exec(address)?.[1]
  if (v4 !== undefined || !address.includes(':')) return v4 ?? address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  while (groups.length + after.length < 8) groups.push('0')
  return `${[...groups, ...after].slice(0, 4).join(':')}::/64`
}
