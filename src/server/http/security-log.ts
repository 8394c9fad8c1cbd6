/**
 * Log lines and audit entries for investigating an incident: refused keys, sign-ins with addresses, changes and their
 * keys. Each event is one line, with `event` for programs, and never contains a key. Anybody can cause refusals, so at
 * most LINES_MAX (200) of them a minute are logged; `tunmeter_server_auth_failures_total` counts all. Nearly all events
 * are in the audit trail too, which counts repeats (control/audit.ts).
 */
import { LRUCache } from 'lru-cache'
import { messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import {
  AUDIT_EVENTS,
  type AuditEvent,
  type AuditEventName,
  type Facts,
  OPERATOR_TRAIL,
} from '../control/audit-event.js'
import type { Control, KeyRecord } from '../control/control.js'
import { HttpError } from './http.js'

const LINES_MAX = 200
const MINUTE_MS = 60_000
const KEYS_MAX = 10_000
const ADDRESSES_OF_A_KEY_MAX = 16

const EVENTS = {
  keyRefused: 'key refused',
  signInRefused: 'sign-in refused',
  tooManyFailures: 'too many refused keys from this address',
  scopeExceeded: 'a key was used beyond its scope',
  keyUsedFromNewAddress: 'a key is used from an address for the first time',
  signedIn: 'signed in',
  signedOut: 'signed out',
  keyCreated: 'key created',
  keyRevoked: 'key revoked',
  keyForgotten: 'a revoked key was removed',
  orgCreated: 'organisation created',
  orgRemoveStarted: 'removing an organisation',
  orgRemoved: 'an organisation was removed',
  siteRemoveStarted: 'removing a site',
  siteRemoved: 'a site was removed',
  meterRemoved: 'a meter was removed',
  settingsChanged: 'settings changed',
  catalogReplaced: 'catalog replaced',
  personQueried: 'a query names a person',
  exportStarted: 'export started',
  exportEnded: 'export ended',
  auditExported: 'audit trail exported',
  subjectExported: 'data of a person exported',
  subjectEraseStarted: 'erasing a person',
  subjectErased: 'a person was erased',
  subjectNotFound: 'no data of the person to be erased',
  backupMade: 'backup made',
  destinationAdded: 'destination added',
  destinationChanged: 'destination changed',
  destinationRemoved: 'destination removed',
  destinationPaused: 'destination paused',
  destinationResumed: 'destination resumed',
  destinationBackfilled: 'backfill of a destination started',
  destinationBackfillStopped: 'backfill of a destination stopped',
  deadLettersResent: 'dead letters sent again',
  deadLettersDiscarded: 'dead letters discarded',
  deadLettersRead: 'dead letters read',
  alertAdded: 'alert added',
  alertChanged: 'alert changed',
  alertRemoved: 'alert removed',
  viewSaved: 'view saved',
  viewRemoved: 'view removed',
} as const
export type SecurityEvent = keyof typeof EVENTS
type IfDeed<E extends SecurityEvent> = E extends AuditEventName
  ? (typeof AUDIT_EVENTS)[E] extends 'deed'
    ? E
    : never
  : never
/** What a request changes or gives out whole. */
export type Deed = { [E in SecurityEvent]: IfDeed<E> }[SecurityEvent]

const REFUSALS: ReadonlySet<SecurityEvent> = new Set([
  'keyRefused',
  'signInRefused',
  'tooManyFailures',
  'scopeExceeded',
])
/** Only in the audit trail: queries, which a page repeats every few seconds, and ends, whose starts are logged. */
const NOT_LOGGED: ReadonlySet<SecurityEvent> = new Set(['personQueried', 'exportEnded'])

export interface Refused {
  readonly key: KeyRecord | null
  readonly reason: string
  /** Failures from that network in the current minute. */
  readonly failures: number
  readonly failuresMax: number
}

export class SecurityLog {
  readonly #log: Logger
  readonly #control: Pick<Control, 'audit' | 'isNewNetwork'>
  readonly #clockMs: () => number
  #minute = 0
  #lines = 0
  readonly #addresses = new LRUCache<string, LRUCache<string, true>>({ max: KEYS_MAX })

  constructor(
    log: Logger,
    control: Pick<Control, 'audit' | 'isNewNetwork'>,
    clockMs: () => number,
  ) {
    this.#log = log
    this.#control = control
    this.#clockMs = clockMs
    control.audit.onFailure((error) => this.#notAudited(error))
  }

  /**
   * What may repeat. The audit trail has the entry within about a second.
   * @param key the key of the request; null: none, or an unknown one
   * @param facts `of` names the organisation whose audit trail gets the entry; without it, the key's organisation
   */
  write(
    event: Exclude<SecurityEvent, Deed>,
    address: string,
    key: KeyRecord | null,
    facts: Facts = {},
  ): void {
    if (event in AUDIT_EVENTS) this.#note(event as AuditEventName, address, key, facts)
    if (!NOT_LOGGED.has(event)) this.#line(event, address, key, facts)
  }

  /**
   * What the request does. Its route answers only when the entry is durable, so nothing that was acknowledged is missing in the
   * trail. If the entry cannot be written, what is done stays done, and the answer says both.
   * @param facts as for write() @throws HttpError 503 notRecorded
   */
  async done(
    event: Deed,
    address: string,
    key: KeyRecord | null,
    facts: Facts = {},
  ): Promise<void> {
    this.#line(event, address, key, facts)
    try {
      const audited = audit(event, address, key, facts)
      await this.#control.audit.record({ ...audited, atMs: this.#clockMs() })
    } catch (error) {
      this.#notAudited(error)
      const message = `the audit trail could not be written, so it lacks an entry: ${EVENTS[event]}. What the request had done by then stays done`
      throw new HttpError(503, 'notRecorded', message)
    }
  }

  /** The start of the server, which no key causes. */
  started(facts: Facts): void {
    const event = {
      event: 'serverStarted',
      trail: OPERATOR_TRAIL,
      address: null,
      by: null,
    } as const
    this.#control.audit
      .record({ ...event, facts, atMs: this.#clockMs() })
      .catch((error: unknown) => this.#notAudited(error))
  }

  /** Beyond failuresMax and one line that says so, refusals are only counted in the audit trail. */
  refused(event: 'keyRefused' | 'signInRefused', address: string, by: Refused): void {
    this.#note(event, address, by.key, { reason: by.reason })
    if (by.failures === by.failuresMax + 1)
      this.#line('tooManyFailures', address, by.key, { reason: by.reason })
    else if (by.failures <= by.failuresMax)
      this.#line(event, address, by.key, { reason: by.reason })
  }

  #line(event: SecurityEvent, address: string, key: KeyRecord | null, facts: Facts): void {
    const refused = REFUSALS.has(event)
    if (refused && !this.#mayWrite()) return
    const by = key === null ? {} : { by: key.keyId, scope: key.scope, orgId: key.orgId }
    this.#log[refused ? 'warn' : 'info']({ event, address, ...by, ...facts }, EVENTS[event])
  }

  #note(event: AuditEventName, address: string, key: KeyRecord | null, facts: Facts): void {
    this.#control.audit.note({ ...audit(event, address, key, facts), atMs: this.#clockMs() })
  }

  #notAudited(error: unknown): void {
    this.#log.error({ err: messageOf(error) }, 'cannot write the audit trail')
  }

  /** Writes keyUsedFromNewAddress if the key was not used from this network before. */
  used(key: KeyRecord, address: string): void {
    let known = this.#addresses.get(key.keyId)
    if (known === undefined) {
      known = new LRUCache({ max: ADDRESSES_OF_A_KEY_MAX })
      this.#addresses.set(key.keyId, known)
    }
    const network = networkOf(address)
    if (known.get(network)) return
    known.set(network, true)
    void this.#control.isNewNetwork(key, network).then(
      (isNew) => isNew && this.write('keyUsedFromNewAddress', address, key),
      (error: unknown) => this.#notAudited(error),
    )
  }

  #mayWrite(): boolean {
    const minute = Math.floor(this.#clockMs() / MINUTE_MS)
    if (minute !== this.#minute) this.#lines = 0
    this.#minute = minute
    return ++this.#lines <= LINES_MAX
  }
}

function audit(
  event: AuditEventName,
  address: string,
  key: KeyRecord | null,
  { of, ...facts }: Facts,
): Omit<AuditEvent, 'atMs'> {
  return {
    event,
    trail: typeof of === 'string' ? of : (key?.orgId ?? OPERATOR_TRAIL),
    address: AUDIT_EVENTS[event] === 'refusal' ? networkOf(address) : address,
    by: key === null ? null : { keyId: key.keyId, name: key.name, scope: key.scope },
    facts,
  }
}

/** An IPv4 address, or the /64 of an IPv6 address, because one host may use all of its /64. */
export function networkOf(address: string): string {
  const v4 = /^::ffff:([\d.]+)$/i.exec(address)?.[1]
  if (v4 !== undefined || !address.includes(':')) return v4 ?? address
  const [head = '', tail] = address.split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  while (groups.length + after.length < 8) groups.push('0')
  return `${[...groups, ...after].slice(0, 4).join(':')}::/64`
}
