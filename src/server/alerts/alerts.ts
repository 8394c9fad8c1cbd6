/**
 * Alerts of all organisations: settings, evaluation and messages.
 *
 * One timer evaluates them every EVERY_MS (1 min). The cost is bounded: a round begins no evaluation after ROUND_MS (20 s),
 * and an evaluation ends after EVALUATION_MS (5 s). A round takes one alert of each organisation in turn, the longest
 * waiting first, so an organisation with slow alerts delays only its own. Messages are sent meanwhile, at most SENDING_MAX
 * (8) at a time, and at most SENT_OF_ORG_MAX (60) attempts an hour for an organisation.
 *
 * What was reported, and what is to be sent, is stored before it is sent, and what was sent is stored afterwards. So if
 * another server goes on, a message may come twice under one id, and none is lost.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AppError, messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import type { Control } from '../control/control.js'
import type { DocumentKind } from '../control/documents.js'
import { ALWAYS_MINE, type Lease } from '../control/lease.js'
import { checkUrl, type GuardOptions, NotAllowed } from '../destinations/guard.js'
import { HttpSender } from '../destinations/http-send.js'
import { signed } from '../destinations/kinds/webhook.js'
import { backoffMs } from '../destinations/outcome.js'
import { lastFour, type Secrets } from '../destinations/secrets.js'
import { filterOfView } from '../query/view-query.js'
import {
  ALERTS_OF_ORG_MAX,
  type AlertRecord,
  type AlertState,
  newState,
  type WantedAlert,
} from './alert.js'
import { findingsOf, type Sources } from './conditions.js'
import type { Mailer } from './mail.js'
import { jsonOf, type Message, subjectOf, textOf } from './message.js'
import { isQuiet } from './quiet-hours.js'
import { step } from './step.js'
import { ALERT_WORDS } from './words.js'

const EVERY_MS = 60_000
const ROUND_MS = 20_000
const EVALUATION_MS = 5_000
const SENDING_MAX = 8
export const SENT_OF_ORG_MAX = 60
const HOUR_MS = 3600e3
const STOP_MS = 5_000

export interface AlertsOptions extends Sources {
  readonly control: Pick<Control, 'documents'>
  readonly secrets: Secrets
  /** Of several servers, the one that holds it evaluates and sends. Default: there is only one. */
  readonly lease?: Lease
  readonly guard: GuardOptions
  /** Null: the server was started without --smtp-url. */
  readonly mailer: Mailer | null
  readonly log: Logger
  readonly clockMs: () => number
}

export interface AlertWithState {
  readonly record: AlertRecord
  readonly state: AlertState
  readonly checkFault: string | null
}

export class Alerts {
  readonly #options: AlertsOptions
  readonly #sender: HttpSender
  readonly #sending = new Map<string, Promise<void>>()
  readonly #checkedMs = new Map<string, number>()
  readonly #checkFaults = new Map<string, string>()
  readonly #sentOfOrg = new Map<string, number>()
  #hour = 0
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> = Promise.resolve()
  readonly #stopped = new AbortController()

  constructor(options: AlertsOptions) {
    this.#options = options
    this.#sender = new HttpSender(options.guard, undefined)
  }

  start(): void {
    const next = () => {
      this.#round = this.round()
        .catch((error: unknown) =>
          this.#options.log.error({ err: messageOf(error) }, 'alerts are not evaluated'),
        )
        .then(() => {
          if (!this.#stopped.signal.aborted) this.#timer = setTimeout(next, EVERY_MS).unref()
        })
    }
    this.#timer = setTimeout(next, EVERY_MS).unref()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    clearTimeout(this.#timer)
    await this.#round
    // A mail server may take its time for each line.
    await Promise.race([this.sent(), sleep(STOP_MS, undefined, { ref: false })])
    await this.#sender.close()
    this.#options.mailer?.close()
  }

  /** Resolves when no message is on its way. */
  async sent(): Promise<void> {
    await Promise.all(this.#sending.values())
  }

  async of(orgId: string): Promise<AlertWithState[]> {
    const { documents } = this.#options.control
    const records = await documents.of<AlertRecord>('alert', orgId, '')
    const states = await documents.of<AlertState>('alertState', orgId, '')
    return records.map((record) => {
      const state = states.find(({ id }) => id === record.id) ?? newState(record)
      const checkFault = this.#checkFaults.get(record.id) ?? state.checkFault ?? null
      return { record, state, checkFault }
    })
  }

  /** @throws AppError NO_ALERT */
  async get(orgId: string, id: string): Promise<AlertWithState> {
    const one = (await this.of(orgId)).find(({ record }) => record.id === id)
    if (one !== undefined) return one
    throw new AppError('NO_ALERT', `there is no alert "${id}" in this organisation`)
  }

  /** @throws AppError BAD_ALERT, TOO_MANY_ALERTS */
  async create(orgId: string, wanted: WantedAlert): Promise<AlertWithState> {
    await this.#mustSeal(wanted)
    const id = `a${randomBytes(8).toString('hex')}`
    const createdAt = new Date(this.#options.clockMs()).toISOString()
    const record = this.#recordOf(wanted, { id, orgId, createdAt, secret: null })
    await this.#put('alert', record)
    return this.get(orgId, id)
  }

  /** Keeps what was reported, unless the condition or the filters change. @throws AppError NO_ALERT, BAD_ALERT */
  async replace(orgId: string, id: string, wanted: WantedAlert): Promise<AlertWithState> {
    await this.#sending.get(id)
    const { record: known, state } = await this.get(orgId, id)
    const isElsewhere = JSON.stringify(known.to) !== JSON.stringify(wanted.to)
    if (isElsewhere && known.secret !== null && wanted.secrets.secret === undefined)
      throw bad('secrets.secret: expected it again, or null, since the address is another one')
    await this.#mustSeal(wanted)
    const { createdAt, secret } = known
    const record = this.#recordOf(wanted, { id, orgId, createdAt, secret })
    const isSame =
      JSON.stringify([known.condition, known.query]) ===
      JSON.stringify([record.condition, record.query])
    await this.#put('alert', record)
    await this.#put('alertState', { ...(isSame ? state : newState(record)), nextSendMs: 0 })
    return this.get(orgId, id)
  }

  /** @throws AppError SECRETS_OTHER */
  async #mustSeal({ secrets: { secret } }: WantedAlert): Promise<void> {
    if (typeof secret === 'string') await this.#options.secrets.mustFit()
  }

  /** @throws AppError NO_ALERT */
  async remove(orgId: string, id: string): Promise<AlertRecord> {
    const { record } = await this.get(orgId, id)
    const { documents } = this.#options.control
    await documents.remove({ kind: 'alert', orgId, owner: '', id })
    await this.#sending.get(id)
    await documents.remove({ kind: 'alertState', orgId, owner: '', id })
    return record
  }

  /** Sends one message that is marked as a test. @returns why it failed; null: the receiver has it */
  async test(orgId: string, id: string): Promise<string | null> {
    const { record } = await this.get(orgId, id)
    const at = new Date(this.#options.clockMs()).toISOString()
    const text = ALERT_WORDS[record.language].test
    if (!this.#mayStillSend(orgId)) return `at most ${SENT_OF_ORG_MAX} messages an hour`
    const events = [{ at, what: 'test', text }] as const
    return this.#deliver(record, { id: `${id}_test_${Date.now()}`, events, leftOut: 0 })
  }

  /** Evaluates as many alerts as the bounds allow, and begins to send what is due. */
  async round(): Promise<void> {
    if (!(await this.#isMine())) return
    const { documents } = this.#options.control
    const records = await documents.all<AlertRecord>('alert')
    await this.#forget(records, await documents.all<AlertState>('alertState'))
    const untilMs = performance.now() + ROUND_MS
    for (const record of this.#inTurn(records)) {
      if (performance.now() > untilMs || this.#stopped.signal.aborted) return
      if (record.paused || this.#sending.has(record.id)) continue
      await this.#evaluate(record)
    }
  }

  /** A server that cannot read the secrets leaves the work to another one. */
  async #isMine(): Promise<boolean> {
    const { secrets, lease = ALWAYS_MINE } = this.#options
    if (await secrets.fits()) return lease.isMine()
    await lease.close()
    return false
  }

  /** Removes states of removed alerts. */
  async #forget(records: readonly AlertRecord[], states: readonly AlertState[]): Promise<void> {
    const known = new Set(records.map(({ id }) => id))
    for (const { id, orgId } of states)
      if (!known.has(id))
        await this.#options.control.documents.remove({ kind: 'alertState', orgId, owner: '', id })
    for (const map of [this.#checkedMs, this.#checkFaults])
      for (const id of map.keys()) if (!known.has(id)) map.delete(id)
  }

  /** One alert of each organisation, then a second of each, …; of an organisation, the longest waiting first. */
  #inTurn(records: readonly AlertRecord[]): AlertRecord[] {
    const checkedMs = ({ id }: AlertRecord) => this.#checkedMs.get(id) ?? 0
    const turns = new Map<string, number>()
    return [...records]
      .sort((a, b) => checkedMs(a) - checkedMs(b))
      .map((record) => {
        const turn = turns.get(record.orgId) ?? 0
        turns.set(record.orgId, turn + 1)
        return { record, turn }
      })
      .sort((a, b) => a.turn - b.turn)
      .map(({ record }) => record)
  }

  async #evaluate(record: AlertRecord): Promise<void> {
    const nowMs = this.#options.clockMs()
    this.#checkedMs.set(record.id, nowMs)
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(EVALUATION_MS), this.#stopped.signal])
      const findings = await findingsOf(record, this.#options, nowMs, signal).catch(
        (error: unknown) => this.#notChecked(record, error),
      )
      // It may have been changed, removed or sent meanwhile: the next round has it as it is then.
      const now = await this.get(record.orgId, record.id).catch(() => undefined)
      const isSame = JSON.stringify(now?.record) === JSON.stringify(record)
      if (now === undefined || !isSame || this.#sending.has(record.id)) return
      const checkFault = findings === undefined ? this.#checkFaults.get(record.id)! : null
      const stepped =
        findings === undefined ? now.state : step(now.state, record.condition.kind, findings, nowMs)
      const next = { ...stepped, checkFault }
      if (JSON.stringify(next) !== JSON.stringify(now.state)) await this.#put('alertState', next)
      if (findings !== undefined) this.#checkFaults.delete(record.id)
      this.#sendIfDue(record, next, nowMs)
    } catch (error) {
      this.#notChecked(record, error)
    }
  }

  #notChecked({ id }: AlertRecord, error: unknown): undefined {
    this.#checkFaults.set(id, messageOf(error).slice(0, 300))
  }

  #sendIfDue(record: AlertRecord, state: AlertState, nowMs: number): void {
    const isDue = state.pending.length > 0 && nowMs >= state.nextSendMs
    if (!isDue || isQuiet(record.quiet, nowMs) || this.#sending.size >= SENDING_MAX) return
    if (!this.#mayStillSend(record.orgId)) return
    const sending = this.#send(record, state)
      .catch((error: unknown) =>
        this.#options.log.error({ err: messageOf(error), alert: record.id }, 'alert not recorded'),
      )
      .finally(() => this.#sending.delete(record.id))
    this.#sending.set(record.id, sending)
  }

  #mayStillSend(orgId: string): boolean {
    const hour = Math.floor(this.#options.clockMs() / HOUR_MS)
    if (hour !== this.#hour) this.#sentOfOrg.clear()
    this.#hour = hour
    const sent = (this.#sentOfOrg.get(orgId) ?? 0) + 1
    if (sent > SENT_OF_ORG_MAX) return false
    this.#sentOfOrg.set(orgId, sent)
    return true
  }

  async #send(record: AlertRecord, state: AlertState): Promise<void> {
    const { pending: events, leftOut } = state
    const attempted = events.length + leftOut
    const isRepetition = state.failures > 0 && attempted === state.attempted
    const number = isRepetition ? state.number : state.number + 1
    const begun = { ...state, number, attempted }
    const fault = await this.#deliver(record, { id: `${record.id}_${number}`, events, leftOut })
    const nowMs = this.#options.clockMs()
    const at = new Date(nowMs).toISOString()
    const failures = state.failures + 1
    const ended: AlertState =
      fault === null
        ? {
            ...{ ...begun, pending: [], leftOut: 0, failures: 0, sent: state.sent + 1 },
            ...{ lastSentAt: at, nextSendMs: nowMs + record.everyMinutes * 60e3 },
          }
        : {
            ...{ ...begun, failures, lastFault: { at, text: fault } },
            nextSendMs: nowMs + backoffMs(failures),
          }
    // Another server may have gone on with it, or somebody has changed or removed it. Then the message may come twice.
    const now = await this.get(record.orgId, record.id).catch(() => undefined)
    if (JSON.stringify(now?.state) === JSON.stringify(state)) await this.#put('alertState', ended)
  }

  async #deliver(record: AlertRecord, message: Message): Promise<string | null> {
    const { to } = record
    const { mailer } = this.#options
    if (to.kind === 'email') {
      if (mailer === null) return 'this server sends no e-mail: it has no --smtp-url'
      const [subject, text] = [subjectOf(record, message), textOf(record, message)]
      return mailer.send({ id: message.id, to: to.addresses, subject, text })
    }
    const body = jsonOf(record, message)
    const secret =
      record.secret === null
        ? undefined
        : this.#options.secrets.open(record.id, record.secret.sealed)
    const headers = {
      ...{ 'user-agent': 'tunmeter', 'content-type': 'application/json' },
      ...signed(message.id, Math.floor(Date.now() / 1e3), body, secret),
    }
    const request = { method: 'POST', url: new URL(to.url), headers, body } as const
    const outcome = await this.#sender.send(request, this.#stopped.signal)
    if (outcome.kind === 'delivered') return null
    const text = outcome.kind === 'partly' ? '' : outcome.text
    return `${outcome.status ?? ''} ${text}`.trim()
  }

  /** @throws AppError BAD_ALERT */
  #recordOf(
    { secrets, quiet = null, link = null, ...wanted }: WantedAlert,
    own: Pick<AlertRecord, 'id' | 'orgId' | 'createdAt' | 'secret'>,
  ): AlertRecord {
    this.#check(wanted)
    const { secret } = secrets
    const sealed =
      secret === undefined
        ? own.secret
        : secret === null
          ? null
          : { sealed: this.#options.secrets.seal(own.id, secret), lastFour: lastFour(secret) }
    const kept = wanted.to.kind === 'webhook' ? sealed : null
    return { ...wanted, ...own, quiet, link, secret: kept }
  }

  #check({ condition, query, to }: Pick<WantedAlert, 'condition' | 'query' | 'to'>): void {
    const { fromUs: _from, toUs: _to, siteIds: _sites, ...filters } = filterOfView(query, 0, 1)
    if (['silence', 'hole'].includes(condition.kind) && Object.keys(filters).length > 0)
      throw bad(`query: expected no other filter than siteId for ${condition.kind}`)
    if (to.kind === 'email') {
      if (this.#options.mailer !== null) return
      throw bad('to: this server sends no e-mail: its operator has to set --smtp-url')
    }
    try {
      checkUrl(new URL(to.url), this.#options.guard)
    } catch (error) {
      if (error instanceof NotAllowed) throw bad(`to.url: ${error.message}`)
      throw error
    }
  }

  /** @throws AppError TOO_MANY_ALERTS */
  async #put(kind: DocumentKind, value: AlertRecord | AlertState): Promise<void> {
    const bounds = { ofOwner: ALERTS_OF_ORG_MAX, ofOrg: ALERTS_OF_ORG_MAX }
    const place = { kind, orgId: value.orgId, owner: '', id: value.id }
    if (await this.#options.control.documents.put(place, value, bounds)) return
    throw new AppError(
      'TOO_MANY_ALERTS',
      `an organisation has at most ${ALERTS_OF_ORG_MAX} alerts; remove one`,
    )
  }
}

function bad(message: string): AppError {
  return new AppError('BAD_ALERT', message)
}
