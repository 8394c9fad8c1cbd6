/**
 * Deletes sessions in slices, so that rows and what is left of them (totals, losses) change in one moment:
 *
 *   1. the keys of the slice go into `doomed` under a new id
 *   2. the other database adds totals and losses, and the deletion has begun: readers leave these sessions out
 *   3. ClickHouse rewrites the partitions without the rows, every report of these sessions
 *   4. the deletion has ended, and its keys go
 *
 * After a kill between 2 and 4, resume() does 3 and 4. Keys without a deletion that has begun (killed before 2) go. A
 * slice has its organisation's sessions alone (meta.alone), because a report between 1 and 3 would be deleted and not
 * counted; so what resume() finds under that lock was left by a server that is gone.
 *
 * A session without a reported end, whose totals stay, might be reported again. Step 3 first puts its id into `erased`, so
 * that it neither comes back nor counts twice (admit.ts). Retention lets it come back: the other database then takes its
 * totals back (ExpiredOpen).
 */
import { randomUUID } from 'node:crypto'
import { deletedBefore } from '../../deleted-before.js'
import type { Subject } from '../../filter.js'
import { isParty } from '../../sql/conditions.js'
import { int } from '../../sql/sql.js'
import type { Client } from '../client.js'
import { literal } from '../dialect.js'
import type { DeletedTotals, Deletion, ExpiredOpen, Loss, SessionMeta } from '../meta.js'
import { isDoomed } from '../read/scope.js'
import { SUMS, sumsOf } from '../read/sums.js'
import { ENDED } from '../schema/version.js'

const HOUR_US = 3600e6
/** Losses are shown in milliseconds, and must include the last start. */
const LAST_US = 1000
/** The set of a slice's keys takes about 100 bytes each in ClickHouse's memory. */
const SLICE_ROWS = 500_000
const KEYS = ['org_id', 'start_us', 'site_id', 'run', 'seq']
const MONTH = "formatDateTime(toDateTime64(intDiv(t.start_us, 1000000), 0, 'UTC'), '%Y-%m')"

export interface Going {
  readonly orgId: string
  /** Conditions on rows `t`. */
  readonly where: string
  /** Conditions on those of them whose totals stay. Null: no totals stay. */
  readonly totalsOf: string | null
  /** A person who is to be no part of totals. */
  readonly without?: Subject
  readonly reason: 'erased' | 'deletedByOperator' | null
  readonly expiredBeforeUs?: number
}

export class Deletions {
  readonly #client: Client
  readonly #meta: SessionMeta
  readonly #sliceRows: number

  constructor(client: Client, meta: SessionMeta, sliceRows = SLICE_ROWS) {
    this.#client = client
    this.#meta = meta
    this.#sliceRows = sliceRows
  }

  /** @returns the number of deleted sessions */
  async delete(going: Going): Promise<number> {
    let deleted = 0
    for (;;) {
      const slice = await this.#meta.alone(going.orgId, () => this.#slice(going))
      deleted += slice
      // Do not wait for an empty slice, because a meter may report an open session again at any time.
      if (slice < this.#sliceRows) return deleted
    }
  }

  /** Forgets which sessions of an organisation were erased. */
  async forgetErased(orgId: string): Promise<void> {
    const sql = `ALTER TABLE erased DELETE WHERE org_id = ${literal(orgId)}`
    await this.#client.run(sql, { mutations_sync: 2 })
  }

  async resume(): Promise<void> {
    const found = 'SELECT DISTINCT org_id FROM doomed'
    const orgs = (await this.#client.rows('', found)).map(([orgId]) => orgId as string)
    for (const { orgId } of await this.#meta.deletions()) orgs.push(orgId)
    for (const orgId of new Set(orgs))
      await this.#meta.alone(orgId, async () => {
        for (const one of await this.#meta.deletions())
          if (one.orgId === orgId) await this.#finish(one.id)
        const its = `${found.replace('org_id', 'deletion')} WHERE org_id = ${literal(orgId)}`
        for (const [id] of await this.#client.rows('', its)) await this.#drop(id as string)
      })
  }

  async #slice(going: Going): Promise<number> {
    const id = randomUUID()
    const { orgId, where, totalsOf, reason } = going
    const returns =
      totalsOf === null || reason === null ? '0' : `t.kind < ${ENDED} AND (${totalsOf})`
    await this.#client.run(
      `INSERT INTO doomed SELECT ${literal(id)}, ${KEYS.map((key) => `t.${key}`).join(', ')}, ${returns}
       FROM session AS t FINAL WHERE t.org_id = ${literal(orgId)} AND ${where} LIMIT ${int(this.#sliceRows)}`,
    )
    const sql = `SELECT count() FROM doomed WHERE deletion = ${literal(id)}`
    const [[count = 0] = []] = (await this.#client.rows('', sql)) as number[][]
    if (count === 0) return 0
    const { expiredBeforeUs } = going
    const deletion: Deletion = {
      ...{
        id,
        orgId,
        totals: await this.#totals(id, going),
        losses: await this.#losses(id, going),
        open: expiredBeforeUs === undefined ? [] : await this.#expiredOpen(id, going),
      },
      ...(expiredBeforeUs !== undefined && {
        expiredBeforeUs: deletedBefore(expiredBeforeUs, await this.#newestEnd(id, orgId)),
      }),
    }
    await this.#meta.beginDeletion(deletion)
    await this.#finish(id)
    return count
  }

  async #newestEnd(id: string, orgId: string): Promise<number> {
    const [[end = 0] = []] = await this.#client.rows(
      orgId,
      `SELECT max(t.start_us + t.duration_us) FROM session AS t FINAL WHERE t.org_id = ${literal(orgId)} AND ${isDoomed([id])}`,
    )
    return Number(end)
  }

  async #totals(id: string, { orgId, totalsOf, without }: Going): Promise<DeletedTotals[]> {
    if (totalsOf === null) return []
    const unless = (column: string) =>
      without === undefined
        ? `t.${column}`
        : `if(coalesce(t.${isOf(without)}, false), NULL, t.${column})`
    const rows = await this.#client.rows(
      orgId,
      `SELECT ${MONTH} AS month, t.site_id AS site, ${unless('client_id')} AS client, ${unless('user_id')} AS user,
         t.site_resource_id AS resource, ${SUMS}
       FROM session AS t FINAL WHERE t.org_id = ${literal(orgId)} AND ${isDoomed([id])} AND ${totalsOf}
       GROUP BY month, site, client, user, resource`,
    )
    return rows.map(totalsOfRow)
  }

  async #expiredOpen(id: string, { orgId }: Going): Promise<ExpiredOpen[]> {
    const rows = await this.#client.rows(
      orgId,
      `SELECT t.run AS run, t.seq AS seq, ${MONTH} AS month, t.site_id AS site, t.client_id AS client, t.user_id AS user,
         t.site_resource_id AS resource, ${SUMS}
       FROM session AS t FINAL WHERE t.org_id = ${literal(orgId)} AND ${isDoomed([id])} AND t.kind < ${ENDED}
       GROUP BY run, seq, month, site, client, user, resource`,
    )
    return rows.map(([run, seq, ...totals]) => ({
      ...{ run: run as string, seq: Number(seq) },
      ...totalsOfRow(totals),
    }))
  }

  /** One loss for each series of adjoining hours, because hours without a deleted session must not count as incomplete. */
  async #losses(id: string, { orgId, reason }: Going): Promise<Loss[]> {
    if (reason === null) return []
    const rows = await this.#client.rows(
      orgId,
      `SELECT t.site_id AS site, t.meter_id AS meter, intDiv(t.start_us, ${HOUR_US}) AS hour, count(), min(t.start_us), max(greatest(t.start_us + ${LAST_US}, t.start_us + t.duration_us))
       FROM session AS t FINAL WHERE t.org_id = ${literal(orgId)} AND ${isDoomed([id])}
       GROUP BY site, meter, hour ORDER BY site, meter, hour`,
    )
    const losses: (Loss & { readonly hour: number })[] = []
    for (const [site, meter, hour, sessions, first, last] of rows) {
      const [siteId, meterId] = [site as number, meter as string]
      const one = { orgId, siteId, meterId, reason, hour: hour as number }
      const its = { sessions: sessions as number, toUs: last as number }
      const before = losses.at(-1)
      const adjoins =
        before?.siteId === siteId && before.meterId === meterId && before.hour + 1 === one.hour
      if (before === undefined || !adjoins) losses.push({ ...one, ...its, fromUs: first as number })
      else
        losses[losses.length - 1] = {
          ...before,
          ...one,
          toUs: Math.max(before.toUs, its.toUs),
          sessions: before.sessions + its.sessions,
        }
    }
    return losses.map(({ hour: _, ...loss }) => loss)
  }

  async #finish(id: string): Promise<void> {
    await this.#client.run(
      `INSERT INTO erased (org_id, site_id, run, seq)
       SELECT org_id, site_id, run, seq FROM doomed WHERE deletion = ${literal(id)} AND returns = 1`,
    )
    const partitions = await this.#client.rows(
      '',
      `SELECT DISTINCT org_id, toString(intDiv(start_us, 86400000000)) FROM doomed WHERE deletion = ${literal(id)}`,
    )
    for (const [orgId, partition] of partitions)
      await this.#client.run(
        `ALTER TABLE session DELETE IN PARTITION ${literal(partition as string)} WHERE org_id = ${literal(orgId as string)}
         AND (start_us, site_id, run, seq) IN (SELECT start_us, site_id, run, seq FROM doomed WHERE deletion = ${literal(id)})`,
        { mutations_sync: 2 },
      )
    await this.#meta.endDeletion(id)
    await this.#drop(id)
  }

  async #drop(id: string): Promise<void> {
    await this.#client.run(`ALTER TABLE doomed DROP PARTITION ${literal(id)}`)
  }
}

function totalsOfRow([
  month,
  siteId,
  clientId,
  userId,
  siteResourceId,
  ...texts
]: readonly unknown[]): DeletedTotals {
  const sums = sumsOf(texts as string[])
  return {
    month: month as string,
    siteId: siteId as number,
    clientId: clientId as number | null,
    userId: userId as string | null,
    siteResourceId: siteResourceId as number | null,
    ...{ sessions: sums.sessions, connections: sums.connections },
    ...{ bytesTx: sums.bytes_tx, bytesRx: sums.bytes_rx },
    ...{ packetsTx: sums.packets_tx, packetsRx: sums.packets_rx },
  }
}

/** A column of a row is the person's. */
export function isOf(subject: Subject): string {
  return 'userId' in subject
    ? `user_id = ${literal(subject.userId)}`
    : `client_id = ${int(subject.clientId)}`
}

/** The person is at either end of a row. */
export function isPartyOf(subject: Subject): string {
  return `coalesce(${isParty({ literal }, subject)}, false)`
}
