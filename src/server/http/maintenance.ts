/**
 * Periodic work: retention of sessions, usage and the audit trail; removal of organisations; closing interrupted
 * sessions.
 */

import { messageOf } from '../../base/errors.js'
import type { Logger } from '../../base/log.js'
import { OPERATOR_TRAIL } from '../control/audit-event.js'
import type { Control } from '../control/control.js'
import { ALWAYS_MINE, type Lease } from '../control/lease.js'
import { deletionCutUs, deletionDays } from '../control/retention-grace.js'
import type { TrustedClock } from '../control/trusted-clock.js'
import type { Store } from '../store/store.js'
import type { ServerMetrics } from './metrics.js'

/** A change of retention starts a run at once. The regular runs cover passing time and changes by another process. */
export const EVERY_MS = 5 * 60_000
/** The interval of extra runs while the store has not yet applied all acknowledged batches. */
export const AGAIN_MS = 10_000
const DAY_MS = 86400e3

export interface MaintenanceOptions {
  readonly store: Store
  readonly control: Control
  readonly metrics: ServerMetrics
  readonly log: Logger
  readonly usageDays: number
  /** The audit trail is kept for at least this many days, and at least as long as the organisation's sessions. */
  readonly auditDays: number
  readonly clock: TrustedClock
  /** Of several servers, the one that holds it does the regular runs. Default: there is only one. */
  readonly lease?: Lease
  /** Called before sessions are deleted. */
  readonly expiring?: (orgId: string, endedBeforeUs: number) => Promise<void>
}

export class Maintenance {
  readonly #options: MaintenanceOptions
  readonly #timers: NodeJS.Timeout[] = []
  /** The last full run came before all acknowledged batches were applied, for example after a kill with a long log. */
  #isLate = false
  /** Runs go one at a time. */
  #queue: Promise<void> = Promise.resolve()
  #stopped = false
  #saidDays = 0

  constructor(options: MaintenanceOptions) {
    this.#options = options
  }

  start(): void {
    const regular = () => this.#queued(() => this.#regular())
    const again = () => {
      if (this.#isLate) void this.soon()
    }
    void regular()
    this.#timers.push(setInterval(regular, EVERY_MS).unref())
    this.#timers.push(setInterval(again, AGAIN_MS).unref())
  }

  /** Queues a run for one organisation, or for all. */
  soon(orgId?: string): Promise<void> {
    return this.#queued(() => this.#run(orgId))
  }

  /** Queues the deletion of all data of removed organisations. */
  removeOrgs(): Promise<void> {
    return this.#queued(() => this.#removeOrgs())
  }

  #queued(work: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(work).catch(this.#failed)
    return this.#queue
  }

  async #regular(): Promise<void> {
    const { lease = ALWAYS_MINE } = this.#options
    if (!this.#stopped && (await lease.isMine())) await this.#run(undefined)
  }

  /** The settings may be in a database that does not answer now. The next run tries again. */
  readonly #failed = (error: unknown): void => {
    this.#options.log.error({ err: messageOf(error) }, 'maintenance failed; it is tried again')
  }

  async #removeOrgs(): Promise<void> {
    const { store, control, log } = this.#options
    for (const orgId of await control.removals.going()) {
      if (this.#stopped) return
      try {
        const sessions = await store.removeOrg(orgId)
        await control.orgIsGone(orgId)
        log.info({ orgId, deleted: sessions }, 'deleted the stored data of a removed organisation')
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
        log.error({ orgId, err: messageOf(error) }, 'removal failed; it will be tried again')
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
      'the clock of this machine is days away from the time that the server last knew. Retention continues from that time, until ' +
        'a meter on another machine confirms the clock. If the clock is right, start the server with --trust-clock',
    )
  }

  #sayDeleted(orgId: string, sessions: number, retentionDays: number): void {
    const { control, log } = this.#options
    log.info({ orgId, deleted: sessions, retentionDays }, 'retention: sessions deleted')
    const facts = { retentionDays, sessions }
    const event = { event: 'sessionsExpired', trail: orgId, address: null, by: null } as const
    // Retention deletes sessions every few minutes, so one entry a day counts them.
    control.audit.note({ ...event, atMs: Date.now(), facts }, DAY_MS)
  }

  async #expireAudit(nowMs: number): Promise<void> {
    const { control, log, auditDays } = this.#options
    try {
      await control.audit.expire((trail) => {
        const org = control.org(trail)
        // Sessions that wait for a shorter retention may stay after all, and so must their entries.
        const days = org === undefined ? 0 : deletionDays(org, nowMs)
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
        log.error({ orgId, err: messageOf(error) }, 'retention failed; it will be tried again')
      }
    }
    await this.#expireAudit(nowMs)
    await store
      .closeInterrupted()
      .catch((error: unknown) => log.error({ err: messageOf(error) }, 'closing sessions failed'))
    const month = new Date(nowMs - usageDays * DAY_MS).toISOString().slice(0, 7)
    await store
      .expireUsage(month)
      .catch((error: unknown) => log.error({ err: messageOf(error) }, 'usage expiry failed'))
  }
}
