/** The reason for an empty answer, with the next step. */
import { usToIso } from '../../base/instant.js'
import { plural } from '../../base/quantity.js'
import type { KeyRecord } from '../control/control.js'
import type { LogFilter, MeterStatus, StoreFacts } from '../store/store.js'
import { hasFilters } from './parameters.js'
import { isFinished } from './problems.js'

export const NOTICE_CODES = [
  'retentionOff',
  'noKey',
  'keyNotUsed',
  'neverReported',
  'siteSilent',
  'otherTrafficOnly',
  'nothingKept',
  'outsideRange',
  'filtered',
  'nothingYet',
  'incomplete',
] as const
export type NoticeCode = (typeof NOTICE_CODES)[number]
export interface Notice {
  readonly code: NoticeCode
  readonly message: string
  /** Sessions in the range (`filtered`), or outside it (`outsideRange`). */
  readonly sessions?: number
  /** Start of the oldest and of the newest session outside the range. */
  readonly from?: string
  readonly to?: string
  /** The time of the latest report of any site. */
  readonly since?: string
  readonly packets?: number
}

/**
 * Adds missing data to the notice, because a reader of only the notice must not mistake a short answer for a complete
 * one.
 */
export function noticeOfMissing(
  why: Notice | null,
  answer: { readonly complete: boolean; readonly sentence: string } | null,
): Notice | null {
  if (answer === null || answer.complete) return why
  if (why === null) return { code: 'incomplete', message: answer.sentence }
  return { ...why, message: `${why.message} ${answer.sentence}` }
}

export interface NoticeFacts {
  readonly retentionDays: number
  readonly keys: readonly KeyRecord[]
  readonly meters: readonly MeterStatus[]
  readonly store: StoreFacts
  readonly filter: LogFilter
  readonly nowMs: number
  readonly silenceMs: number
}

export function noticeFor(facts: NoticeFacts): Notice {
  const { store, filter } = facts
  if (store.inRange > 0 && hasFilters(filter)) {
    return {
      code: 'filtered',
      message: `${plural(store.inRange, 'session')} in this time range, but none matches the filters. Remove one.`,
      sessions: store.inRange,
    }
  }
  if (store.sessions > 0) {
    const [from, to] = [usToIso(store.oldestUs!), usToIso(store.newestUs!)]
    return {
      code: 'outsideRange',
      message: `No session started in this time range. ${plural(store.sessions, 'session')} outside it, from ${minute(from)} to ${minute(to)}.`,
      sessions: store.sessions,
      from,
      to,
    }
  }
  return facts.retentionDays === 0 ? retentionOff() : nothingStored(facts)
}

const minute = (time: string) => `${time.slice(0, 16)}Z`

function retentionOff(): Notice {
  return {
    code: 'retentionOff',
    message:
      'Connection logs are off: the retention is 0 days, so nothing is stored. Set retentionDays in the settings (-1: for ever).',
  }
}

function nothingStored({ keys, meters, nowMs, silenceMs, retentionDays }: NoticeFacts): Notice {
  const ingest = keys.filter((k) => k.scope === 'ingest' && k.revokedAt === null)
  if (ingest.length === 0 && meters.length === 0) {
    return {
      code: 'noKey',
      message:
        'No site can report yet: create an ingest key for a site, then start a meter with it.',
    }
  }
  if (meters.length === 0) {
    const used = ingest.some((k) => k.lastUsedAt !== null)
    return used
      ? {
          code: 'neverReported',
          message:
            'A key was used, but no meter has delivered a batch yet. Look at the meter’s log.',
        }
      : {
          code: 'keyNotUsed',
          message: 'An ingest key exists, but no meter has used it yet. Start a meter with it.',
        }
  }
  const live = meters.filter((m) => !isFinished(m))
  const newest = Math.max(...live.map((m) => Date.parse(m.receivedAt)))
  if (live.length > 0 && nowMs - newest > silenceMs) {
    const since = new Date(newest).toISOString()
    return {
      code: 'siteSilent',
      message: `No site has reported since ${since}. Is the meter running, and does it reach this server?`,
      since,
    }
  }
  const packets = meters.reduce((n, m) => n + m.report.packets, 0)
  const inSessions = packets - meters.reduce((n, m) => n + otherPackets(m), 0)
  if (inSessions > 0) {
    return {
      code: 'nothingKept',
      message: `Meters report ${plural(inSessions, 'packet')} of TCP and UDP sessions, but none of these sessions is kept: they have not ended yet, came while the logs were off, or ended before the retention${retentionDays < 0 ? '' : ` of ${plural(retentionDays, 'day')}`} began.`,
      packets: inSessions,
    }
  }
  if (packets > 0) {
    return {
      code: 'otherTrafficOnly',
      message: `Meters report ${plural(packets, 'packet')}, but none of a TCP or UDP session. Is it the right interface?`,
      packets,
    }
  }
  return {
    code: 'nothingYet',
    message:
      'The meters had seen no packet when they last reported, which they do once a minute. If traffic has passed since, wait a minute; otherwise check that it is the right interface.',
  }
}

/** Packets that belong to no session: ICMP, ESP, malformed ones. */
function otherPackets({ report }: MeterStatus): number {
  return Object.values(report.other).reduce((n, { packets }) => n + packets, 0)
}
