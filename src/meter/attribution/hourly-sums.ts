/**
 * Sums sessions by the hour in which they ended, without addresses, ports, peers and times. There is one sum for each
 * hour, client, user, resource, protocol and outcome.
 *
 * A sum is one record of many connections, like a merged burst (session/consolidate.ts). So it is sent, stored, queried,
 * exported, erased and deleted like a session. While a sum grows, it is emitted again under the same id. It is still
 * stored once, because the store keeps the report with more packets of two reports of an ended session.
 *
 * Bound: at most SUMS_MAX sums grow. One more closes the oldest sum; a new session for the closed sum begins another.
 */
import { NO_ADDRESS } from '../../session/log-rule.js'
import type { Session } from '../../session/session.js'
import { sessionId } from '../../session/session-id.js'
import { SUMMED_FIELDS } from '../../session/session-table.js'

const HOUR_US = 3_600_000_000
const SUMS_MAX = 10_000
/** A run has 2^40 sequence numbers. Sums take those of the 4,096th run after this one, so no session has the same id. */
const FIRST_SEQUENCE = 2 ** 52

export type Amounts = Readonly<Record<(typeof SUMMED_FIELDS)[number], number>>

type Writable<T> = { -readonly [K in keyof T]: T[K] }
/** A sum that may still grow. */
export type HourlySum = Writable<Session>

export class HourlySums {
  readonly #prefix: string
  readonly #emit: (sum: Session) => void
  readonly #max: number
  /** In the order in which the sums began. */
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
   * @param increment the session's amounts that are in no sum yet
   * @param known the sum that has the session's other amounts, if there is one
   */
  add(session: Session, increment: Amounts, known: HourlySum | null): HourlySum {
    const sum = known ?? this.#sumOf(session)
    for (const name of SUMMED_FIELDS) sum[name] += increment[name]
    this.#changed.add(sum)
    this.#pendingFromUs = Math.min(this.#pendingFromUs, session.startTimeUs)
    return sum
  }

  flush(): void {
    for (const sum of this.#changed) this.#emit({ ...sum })
    this.#changed.clear()
    this.#pendingFromUs = Number.POSITIVE_INFINITY
  }

  /** The earliest start of the sessions whose sums flush() has not emitted yet; Infinity if there are none. */
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
