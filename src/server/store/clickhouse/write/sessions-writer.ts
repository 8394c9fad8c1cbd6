/** Appends to `session`: batches, closed ones, pseudonyms. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Subject } from '../../filter.js'
import type { StoredSession } from '../../session-log.js'
import { int } from '../../sql/sql.js'
import type { Client } from '../client.js'
import { literal } from '../dialect.js'
import { isUnknown } from '../errors.js'
import type { GoingRun, Loss, SessionMeta } from '../meta.js'
import { rowsOf, selectRows } from '../read/rows.js'
import type { Scope } from '../read/scope.js'
import { COLUMN_NAMES, COLUMNS, type VersionedSession } from '../schema/columns.js'
import { rowBinary } from '../schema/row-binary.js'
import { CLOSED, CLOSES, kindOf, OPEN, versionOf } from '../schema/version.js'
import { Admission, type SiteSessions } from './admit.js'
import { isOf } from './deletions.js'
import { type Pseudonyms, storedOf } from './pseudonyms.js'

const INSERT = `INSERT INTO session (${COLUMN_NAMES}) FORMAT RowBinary`
const RUN_COLUMNS = 't.site_id, t.meter_id, t.run_started_us'
const SLICE_ROWS = 10_000
/** A batch waits at most for these. */
const ATTEMPTS = 2
const AGAIN_MS = 250
/** Shorter than a number lingers (postgres/arrivals.ts), as the two attempts are. */
const CLOSE_SECONDS = 40
/** Of a row, beside the session; a version has more digits than a number. */
const OWN = ['version', 'kind', 'run_started_us', 'arrival', 'came_us']

function runSql({ siteId, meterId, runStartedUs }: GoingRun): string {
  return `(${int(siteId)}, ${literal(meterId)}, ${int(runStartedUs)})`
}

export interface Written {
  /** The number of the commit; null: no session was new. */
  readonly arrival: number | null
  readonly losses: readonly Loss[]
  readonly revised: number
}

export class SessionsWriter {
  readonly #client: Client
  readonly #meta: SessionMeta
  readonly #clockUs: () => number
  readonly #admission: Admission
  #lastArrival = 0

  constructor(client: Client, meta: SessionMeta, clockUs: () => number) {
    this.#client = client
    this.#meta = meta
    this.#clockUs = clockUs
    this.#admission = new Admission(client, meta)
  }

  get lastArrival(): number {
    return this.#lastArrival
  }

  async open(): Promise<void> {
    const [[last = 0] = []] = await this.#client.rows('', 'SELECT max(arrival) FROM session')
    this.#lastArrival = last as number
  }

  /**
   * Writes the sessions that the stored ones accept, as one commit. A repetition changes nothing. The losses are the
   * caller's to book, together with the batches. Until then the caller keeps meta.alone() from running.
   */
  async write(groups: readonly SiteSessions[]): Promise<Written> {
    const nowUs = this.#clockUs()
    const { taken, losses, revised } = await this.#admission.admit(groups, nowUs)
    if (taken.length === 0) return { arrival: null, losses, revised }
    const arrival = await this.#meta.arriving(
      taken.map(({ session }) => session.orgId),
      async (number) => {
        const records = taken.map(({ session, runStartedUs }) => {
          const kind = kindOf(session)
          const version = versionOf(session, kind)
          return { session, version, kind, runStartedUs, arrival: number, cameUs: nowUs }
        })
        await this.#insert(rowBinary(records))
        return number
      },
    )
    this.#lastArrival = Math.max(this.#lastArrival, arrival)
    return { arrival, losses, revised }
  }

  /** If it is unknown whether ClickHouse has the rows, the same bytes again: a repetition changes nothing. */
  async #insert(rows: Uint8Array): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#client.insert(INSERT, rows)
        return
      } catch (error) {
        if (attempt === ATTEMPTS || !isUnknown(error)) throw error
        await sleep(AGAIN_MS)
      }
    }
  }

  /** Marks open sessions as interrupted whose run will not report again. */
  async closeInterrupted(): Promise<number> {
    const open = `FROM session AS t FINAL WHERE t.kind = ${OPEN}`
    const found = await this.#client.rows('', `SELECT DISTINCT t.org_id ${open}`)
    let closed = 0
    let failure: unknown
    // An organisation that is busy does not hold up the others.
    for (const [orgId] of found as [string][])
      closed += await this.#closeOf(orgId, open).catch((error: unknown) => {
        failure = error
        return 0
      })
    if (failure !== undefined) throw failure
    return closed
  }

  /** Not between a batch's sessions and the booking of its run. */
  #closeOf(orgId: string, open: string): Promise<number> {
    return this.#meta.alone(orgId, async () => {
      const runs = (await this.#meta.goingRuns(orgId)).map(runSql)
      const over = runs.length === 0 ? '' : ` AND (${RUN_COLUMNS}) NOT IN (${runs.join(', ')})`
      return this.#close(orgId, `${open} AND t.org_id = ${literal(orgId)}${over}`)
    })
  }

  async #close(orgId: string, open: string): Promise<number> {
    const [[count = 0] = []] = (await this.#client.rows('', `SELECT count() ${open}`)) as number[][]
    if (count === 0) return 0
    await this.#meta.arriving([orgId], (arrival) => this.#closeAs(arrival, open))
    return count
  }

  /** What is not closed within CLOSE_SECONDS is closed by the next chores. */
  async #closeAs(arrival: number, open: string): Promise<void> {
    const own: Readonly<Record<string, string>> = {
      version: `t.version + toUInt128('${CLOSES}')`,
      kind: String(CLOSED),
      arrival: int(arrival),
      came_us: int(this.#clockUs()),
    }
    const columns = COLUMNS.map(({ name }) => own[name] ?? `t.${name}`)
    await this.#client.run(
      `INSERT INTO session (${COLUMN_NAMES}) SELECT ${columns.join(', ')} ${open}`,
      { max_execution_time: CLOSE_SECONDS },
    )
    this.#lastArrival = Math.max(this.#lastArrival, arrival)
  }

  /** @param scope all sessions of the organisation @returns the number of changed sessions */
  async pseudonymise(scope: Scope, subject: Subject, pseudonyms: Pseudonyms): Promise<number> {
    const own = await this.#replace(scope, isOf(subject), (one) => pseudonyms.own(one))
    const other = `other_${isOf(subject)}`
    return own + (await this.#replace(scope, other, (one) => pseudonyms.other(one)))
  }

  /**
   * The person's rows again, with their versions: of two equal versions the later written stays. Then the first ones are
   * deleted, before anything else is written, because this would delete what the person's meter reports meanwhile.
   */
  async #replace(scope: Scope, where: string, pseudonym: Pseudonym): Promise<number> {
    const its = `org_id = ${literal(scope.orgId)} AND ${where}`
    const first = `ALTER TABLE session DELETE WHERE ${its}`
    let replaced = 0
    for (;;) {
      const slice = await this.#meta.alone(scope.orgId, async () => {
        const rows = await this.#replaceSlice(scope, where, pseudonym)
        if (rows < SLICE_ROWS) await this.#client.run(first, { mutations_sync: 2 })
        return rows
      })
      replaced += slice
      if (slice < SLICE_ROWS) return replaced
    }
  }

  async #replaceSlice(scope: Scope, where: string, pseudonym: Pseudonym): Promise<number> {
    const own = OWN.map((name) => (name === 'version' ? 'toString(t.version)' : `t.${name}`))
    const columns = await this.#client.columns(
      scope.orgId,
      `${selectRows(scope)}, ${own.join(', ')} FROM session AS t FINAL
       WHERE t.org_id = ${literal(scope.orgId)} AND t.${where} LIMIT ${SLICE_ROWS}`,
    )
    const values = columns.slice(-OWN.length)
    const records = rowsOf(columns, scope.names).map((row, i): VersionedSession => {
      const [version, kind, runStartedUs, arrival, cameUs] = values.map((column) => column[i])
      return {
        session: pseudonym(storedOf(row)),
        version: BigInt(version as string),
        ...{ kind: kind as number, runStartedUs: runStartedUs as number },
        ...{ arrival: arrival as number, cameUs: cameUs as number },
      }
    })
    if (records.length > 0) await this.#client.insert(INSERT, rowBinary(records))
    return records.length
  }
}

type Pseudonym = (session: StoredSession) => StoredSession
