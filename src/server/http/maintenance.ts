/** What happens by the clock: retention of each organisation, of usage and reports; interrupted sessions are closed. */

import { messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import { OPERATOR_TRAIL } from '../control/audit-event.js'
import type { Control } from '../control/control.js'
import { deletionCutUs, deletionDays } from '../control/retention-grace.js'
import type { TrustedClock } from '../control/trusted-clock.js'
import type { Store } from '../store/store.js'
import type { ServerMetrics } from './metrics.js'

/** A change of retention applies at once; this is for time passing, and for changes by another process. */
export const EVERY_MS = 5 * 60_000
/** After a run that came before the store had what was acknowledged. */
export const AGAIN_MS = 10_000
const DAY_MS = 86400e3

export interface MaintenanceOptions {
  readonly store: Store
  readonly control: Control
  readonly metrics: ServerMetrics
  readonly log: Logger
  readonly usageDays: number
  /** Of the audit trail, which is kept as long as the sessions it tells of. */
  readonly auditDays: number
  readonly clock: TrustedClock
  /** Told what is about to be deleted. */
  readonly expiring?: (orgId: string, endedBeforeUs: number) => Promise<void>
}

export class Maintenance {
  readonly #options: MaintenanceOptions
  readonly #timers: NodeJS.Timeout[] = []
  /** The store did not have all that was acknowledged: as after a kill, with much in the log. */
  #isLate = false
  /** Runs follow one another. */
  #queue: Promise<void> = Promise.resolve()
  #stopped = false
  #saidDays = 0

  constructor(options: MaintenanceOptions) {
    this.#options = options
  }

  start(): void {
    this.soon()
    const again = () => {
      if (this.#isLate) void this.soon()
    }
    this.#timers.push(setInterval(() => this.soon(), EVERY_MS).unref())
    this.#timers.push(setInterval(again, AGAIN_MS).unref())
  }

  /** Runs after what runs now; of one organisation, or of all. */
  soon(orgId?: string): Promise<void> {
    this.#queue = this.#queue.then(() => this.#run(orgId))
    return this.#queue
  }

  /** What is stored of organisations that were removed; runs after what runs now. */
  removeOrgs(): Promise<void> {
    this.#queue = this.#queue.then(() => this.#removeOrgs())
    return this.#queue
  }

  async #removeOrgs(): Promise<void> {
    const { store, control, log } = this.#options
    for (const orgId of control.removals.going()) {
      if (this.#stopped) return
      try {
        const sessions = await store.removeOrg(orgId)
        await control.orgIsGone(orgId)
        log.info(
          { orgId, deleted: sessions },
          'what was stored of a removed organisation is deleted',
        )
        const event = {
          event: 'orgRemoved',
          trail: OPERATOR_TRAIL,
          address: null,
          by: null,
        } as const
        await control.audit.record({
          ...event,
          atMs: Date.now(),
          facts: { removed: orgId, sessions },
        })
      } catch (error) {
        log.error({ orgId, err: messageOf(error) }, 'removing failed; it is tried again')
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers) clearInterval(timer)
    await this.#queue
  }

  #sayDisagreement(): void {
    const { clock, log } = this.#options
    const days = Math.round(clock.disagreementMs / DAY_MS)
    if (days === this.#saidDays) return
    this.#saidDays = days
    if (days === 0) return
    log.warn(
      { days, believed: new Date(clock.nowMs()).toISOString() },
      'the clock of this machine is days away from the last time that this server knows: retention goes by that until ' +
        'a meter on another machine reports the same time. If the clock is right, start the server with --trust-clock',
    )
  }

  #sayDeleted(orgId: string, sessions: number, retentionDays: number): void {
    const { control, log } = this.#options
    log.info({ orgId, deleted: sessions, retentionDays }, 'retention: sessions deleted')
    const facts = { retentionDays, sessions }
    const event = { event: 'sessionsExpired', trail: orgId, address: null, by: null } as const
    // Every few minutes some: one entry a day.
    control.audit.note({ ...event, atMs: Date.now(), facts }, DAY_MS)
  }

  #expireAudit(nowMs: number): void {
    const { control, log, auditDays } = this.#options
    try {
      control.audit.expire((trail) => {
        const days = control.org(trail)?.retentionDays ?? 0
        return days < 0 ? null : nowMs - Math.max(days, auditDays) * DAY_MS
      })
    } catch (error) {
      log.error({ err: messageOf(error) }, 'audit expiry failed')
    }
  }

  async #run(only: string | undefined): Promise<void> {
    const { store, control, metrics, log, clock, usageDays } = this.#options
    const nowMs = clock.nowMs()
    control.noteBelieved(nowMs)
    this.#sayDisagreement()
    await this.#removeOrgs()
    if (only === undefined) this.#isLate = false
    for (const org of control.orgs()) {
      const { orgId } = org
      const retentionDays = deletionDays(org, nowMs)
      if (this.#stopped || retentionDays < 0 || (only !== undefined && only !== orgId)) continue
      try {
        const cutUs = deletionCutUs(retentionDays, nowMs)
        await this.#options.expiring?.(orgId, cutUs)
        const late = () => {
          this.#isLate = true
        }
        const deleted = await store.expire(orgId, cutUs, { late })
        if (deleted > 0) this.#sayDeleted(orgId, deleted, retentionDays)
        metrics.expiredSessions.inc(deleted)
      } catch (error) {
        log.error({ orgId, err: messageOf(error) }, 'retention failed; it is tried again')
      }
    }
    this.#expireAudit(nowMs)
    await store
      .closeInterrupted()
      .catch((error: unknown) => log.error({ err: messageOf(error) }, 'closing sessions failed'))
    const month = new Date(nowMs - usageDays * DAY_MS).toISOString().slice(0, 7)
    await store
      .expireUsage(month)
      .catch((error: unknown) => log.error({ err: messageOf(error) }, 'usage expiry failed'))
  }
}
