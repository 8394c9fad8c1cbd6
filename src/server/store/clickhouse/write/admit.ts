/**
 * Asks before a write which of its records the stored sessions accept (../../merge.ts). With several servers two may ask
 * at the same moment; then both records are stored, and the larger version stays.
 */

import { RUN_LENGTH, sequenceOf, sessionIdOf } from '../../ids.js'
import { FRESH_US, type Kept, verdictOf } from '../../merge.js'
import type { StoredSession } from '../../session-log.js'
import { int } from '../../sql/sql.js'
import type { Client } from '../client.js'
import { literal } from '../dialect.js'
import type { Loss, SessionMeta } from '../meta.js'
import { ENDED, kindOf, OPEN } from '../schema/version.js'

/** Sessions of one site that arrived together. */
export interface SiteSessions {
  readonly orgId: string
  readonly siteId: number
  /** Null: of no batch (access logs). Then the runs belong to no meter. */
  readonly meterId: string | null
  /** The start of the run that reported them. */
  readonly runStartedUs: number
  readonly sessions: readonly StoredSession[]
}

export interface Taken {
  /** With the start of its first report, because the start is in the key of the table. */
  readonly session: StoredSession
  readonly runStartedUs: number
}

export interface Admitted {
  /** Each session once. */
  readonly taken: readonly Taken[]
  readonly losses: readonly Loss[]
  /** Ended sessions that a later report replaces. */
  readonly revised: number
}

/** A meter may correct a start by packets that it saw out of order; not by more than this. */
const NEAR_US = 3600e6
const KEPT = [
  ...['site_id', 'run', 'seq', 'kind', 'came_us', 'meter_id', 'start_us', 'duration_us'],
  ...['end_reason', 'protocol', 'source_ip', 'source_port', 'dest_ip', 'dest_port'],
  ...['packets_tx', 'packets_rx', 'bytes_tx', 'bytes_rx'],
]

export class Admission {
  readonly #client: Client
  readonly #meta: SessionMeta

  constructor(client: Client, meta: SessionMeta) {
    this.#client = client
    this.#meta = meta
  }

  async admit(groups: readonly SiteSessions[], nowUs: number): Promise<Admitted> {
    const [kept, erased] = await Promise.all([this.#kept(groups, nowUs), this.#erased(groups)])
    const taken = new Map<string, Taken>()
    const losses: Loss[] = []
    let revised = 0
    for (const group of groups) {
      const owners = await this.#owners(group)
      for (const session of group.sessions) {
        const key = keyOf(session.orgId, session.siteId, session.sessionId)
        const owner = owners.get(session.sessionId.slice(0, RUN_LENGTH))
        const before = kept.get(key)
        const isForeign = owner !== undefined && owner !== group.meterId
        if (erased.has(key) && !isForeign) continue
        const verdict = verdictOf(session, before, isForeign)
        if (verdict === 'conflict') losses.push(conflict(session))
        if (verdict !== 'take') continue
        if (before?.ended === true) revised++
        const startUs = before?.startUs ?? session.startTimeUs
        taken.set(key, { session: startedAt(session, startUs), runStartedUs: group.runStartedUs })
        kept.set(key, {
          ...{ record: session, startUs },
          ...{ ended: kindOf(session) === ENDED, stale: false },
        })
      }
    }
    return { taken: [...taken.values()], losses, revised }
  }

  async #owners({ orgId, siteId, meterId, sessions }: SiteSessions) {
    if (meterId === null) return new Map<string, string>()
    const runs = new Set(sessions.map(({ sessionId }) => sessionId.slice(0, RUN_LENGTH)))
    if (runs.size === 0) return new Map<string, string>()
    return this.#meta.claimRuns(orgId, siteId, meterId, [...runs])
  }

  /** The best stored record of each session of the groups. */
  async #kept(groups: readonly SiteSessions[], nowUs: number): Promise<Map<string, Stored>> {
    const kept = new Map<string, Stored>()
    for (const [orgId, sessions] of byOrganisation(groups)) {
      const wanted = new Set(sessions.map((s) => keyOf(orgId, s.siteId, s.sessionId)))
      for (const row of await this.#client.rowsForWrite(keptSql(orgId, sessions))) {
        const one = Object.fromEntries(KEPT.map((name, i) => [name, row[i]])) as unknown as KeptRow
        const key = keyOf(orgId, one.site_id, sessionIdOf(one.run, one.seq))
        if (wanted.has(key)) kept.set(key, keptOf(one, nowUs))
      }
    }
    return kept
  }

  /** Those of the sessions that were deleted before their end was reported, and whose totals stay. */
  async #erased(groups: readonly SiteSessions[]): Promise<ReadonlySet<string>> {
    const erased = new Set<string>()
    for (const [orgId, sessions] of byOrganisation(groups)) {
      const sql = `SELECT site_id, run, seq FROM erased WHERE org_id = ${literal(orgId)} AND ${idsSql(sessions)}`
      for (const [siteId, run, seq] of await this.#client.rowsForWrite(sql))
        erased.add(keyOf(orgId, siteId as number, sessionIdOf(run as string, seq as number)))
    }
    return erased
  }
}

interface Stored extends Kept {
  readonly startUs: number
}

function startedAt(session: StoredSession, startTimeUs: number): StoredSession {
  if (session.startTimeUs === startTimeUs) return session
  return { ...session, startTimeUs, endTimeUs: Math.max(session.endTimeUs, startTimeUs) }
}

interface KeptRow {
  readonly site_id: number
  readonly run: string
  readonly seq: number
  readonly kind: number
  readonly came_us: number
  readonly meter_id: string
  readonly start_us: number
  readonly duration_us: number
  readonly end_reason: StoredSession['endReason']
  readonly protocol: StoredSession['protocol']
  readonly source_ip: string
  readonly source_port: number
  readonly dest_ip: string
  readonly dest_port: number
  readonly packets_tx: number | null
  readonly packets_rx: number | null
  readonly bytes_tx: number | null
  readonly bytes_rx: number | null
}

function keptOf(row: KeptRow, nowUs: number): Stored {
  return {
    startUs: row.start_us,
    record: {
      packetsTx: row.packets_tx,
      packetsRx: row.packets_rx,
      bytesTx: row.bytes_tx,
      bytesRx: row.bytes_rx,
      endTimeUs: row.start_us + row.duration_us,
      protocol: row.protocol,
      sourceIp: row.source_ip,
      sourcePort: row.source_port,
      destIp: row.dest_ip,
      destPort: row.dest_port,
      meterId: row.meter_id,
      endReason: row.end_reason,
    } as Kept['record'],
    ended: row.kind !== OPEN,
    stale: nowUs - row.came_us >= FRESH_US,
  }
}

/** The caller drops sessions of other sites with the same id. */
function idsSql(sessions: readonly StoredSession[]): string {
  const ids = new Set(
    sessions.map(
      ({ sessionId }) =>
        `(${literal(sessionId.slice(0, RUN_LENGTH))}, ${int(sequenceOf(sessionId))})`,
    ),
  )
  return `(run, seq) IN (${[...ids].join(', ')})`
}

function keptSql(orgId: string, sessions: readonly StoredSession[]): string {
  const [first, last] = spanOfStarts(sessions)
  // Through the key by the start.
  return `SELECT ${KEPT.join(', ')} FROM session AS t FINAL WHERE org_id = ${literal(orgId)}
    AND start_us >= ${int(first - NEAR_US)} AND start_us <= ${int(last + NEAR_US)}
    AND ${idsSql(sessions)}`
}

function spanOfStarts(sessions: readonly StoredSession[]): [number, number] {
  let [first, last] = [Number.POSITIVE_INFINITY, 0]
  for (const { startTimeUs } of sessions) {
    first = Math.min(first, startTimeUs)
    last = Math.max(last, startTimeUs)
  }
  return [first, last]
}

function byOrganisation(groups: readonly SiteSessions[]): Map<string, StoredSession[]> {
  const all = new Map<string, StoredSession[]>()
  for (const { orgId, sessions } of groups) {
    if (sessions.length === 0) continue
    const its = all.get(orgId) ?? []
    all.set(orgId, its)
    its.push(...sessions)
  }
  return all
}

function keyOf(orgId: string, siteId: number, sessionId: string): string {
  return `${orgId}/${siteId}/${sessionId}`
}

function conflict({ orgId, siteId, meterId, startTimeUs, endTimeUs }: StoredSession): Loss {
  const span = { fromUs: startTimeUs, toUs: endTimeUs }
  return { orgId, siteId, meterId, reason: 'sessionConflict', ...span, sessions: 1 }
}
