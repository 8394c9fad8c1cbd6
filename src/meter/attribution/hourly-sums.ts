/**
 * Sums of sessions by the hour in which they ended, without addresses, ports, peer and times: one for each client, user,
 * resource, protocol and outcome.
 *
 * A sum is a record of many connections, as a merged burst is (session/consolidate.ts), so it travels, is stored, queried,
 * exported, erased and deleted like a session. It is given again under its id while it grows; of two reports of an ended
 * session the one with more packets stays, so it is stored once, whatever is repeated.
 *
 * Bound: SUMS_MAX sums grow; beyond it the oldest is closed, and what comes for it begins another one.
 */
import { NO_ADDRESS } from '../../session/log-rule.js'
import type { Session } from '../../session/session.js'
import { sessionId } from '../../session/session-id.js'
import { SUMMED_FIELDS } from '../../session/session-table.js'

const HOUR_US = 3_600_000_000
const SUMS_MAX = 10_000
/** The 4,096th run behind the observation point's own: beyond the numbers of all its sessions. */
const FIRST_SEQUENCE = 2 ** 52

export type Amounts = Readonly<Record<(typeof SUMMED_FIELDS)[number], number>>

type Writable<T> = { -readonly [K in keyof T]: T[K] }
/** As it is now. */
export type HourlySum = Writable<Session>

export class HourlySums {
  readonly #prefix: string
  readonly #emit: (sum: Session) => void
  readonly #max: number
  /** In the order of their beginning. */
  readonly #growing = new Map<string, HourlySum>()
  readonly #changed = new Set<HourlySum>()
  #made = 0
  #pendingFromUs = Number.POSITIVE_INFINITY

  constructor(prefix: string, emit: (sum: Session) => void, max: number = SUMS_MAX) {
    this.#prefix = prefix
    this.#emit = emit
    this.#max = max
  }

  /**
   * @param more what of the session is in no sum yet
   * @param its the sum that has the rest of it, if there is one
   */
  add(session: Session, more: Amounts, its: HourlySum | null): HourlySum {
    const sum = its ?? this.#sumOf(session)
    for (const name of SUMMED_FIELDS) sum[name] += more[name]
    this.#changed.add(sum)
    this.#pendingFromUs = Math.min(this.#pendingFromUs, session.startTimeUs)
    return sum
  }

  flush(): void {
    for (const sum of this.#changed) this.#emit({ ...sum })
    this.#changed.clear()
    this.#pendingFromUs = Number.POSITIVE_INFINITY
  }

  /** The earliest start of a session that flush() has not given; Infinity: there is none. */
  get pendingFromUs(): number {
    return this.#pendingFromUs
  }

  #sumOf(session: Session): HourlySum {
    const hourUs = Math.floor(session.endTimeUs / HOUR_US) * HOUR_US
    const { clientId, userId, siteResourceId, protocol, connState, endReason } = session
    const key = JSON.stringify([
      ...[hourUs, clientId, userId, siteResourceId],
      ...[protocol, connState, endReason, session.unattributed, session.seenTwice],
    ])
    let sum = this.#growing.get(key)
    if (sum === undefined) {
      sum = emptySum(session, hourUs, sessionId(this.#prefix, FIRST_SEQUENCE + this.#made++))
      this.#growing.set(key, sum)
      if (this.#growing.size > this.#max) this.#growing.delete(this.#growing.keys().next().value!)
    }
    return sum
  }
}

function emptySum(session: Session, hourUs: number, id: string): HourlySum {
  return {
    ...session,
    sessionId: id,
    startTimeUs: hourUs,
    endTimeUs: hourUs + HOUR_US - 1,
    sourceIp: NO_ADDRESS,
    sourcePort: 0,
    destIp: NO_ADDRESS,
    destPort: 0,
    tcpFlagsTx: 0,
    tcpFlagsRx: 0,
    handshakeRttUs: null,
    directionBasis: 'firstPacket',
    midstream: false,
    peerPublicKey: null,
    clientEndpoint: null,
    otherClientId: null,
    otherUserId: null,
    ...(Object.fromEntries(SUMMED_FIELDS.map((name) => [name, 0])) as Amounts),
  }
}
