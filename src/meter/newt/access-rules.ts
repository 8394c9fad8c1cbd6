/**
 * Applies the catalog's rules (docs/wireguard.md, "What is kept") to an access log's sessions before they are sent.
 *
 *   off      the session is left out, and counted
 *   counts   a sum of the hour of its end, of one connection. The sums of many sessions stay apart, because a log that
 *            is read again must change nothing, and only the id of each session tells that
 *   fields   the client's address and port; a log has no other fields of a client
 *
 * The rules are those of now, not those of the session's start. A log has no public keys, so a rule of a client holds
 * where the catalog has the client's address. Without the catalog nothing is sent.
 */
import { AppError } from '../../base/errors.js'
import { parseWith } from '../../base/faults.js'
import { printable } from '../../base/printable.js'
import { catalogSchema } from '../../session/catalog.js'
import { parseEndpoint } from '../../session/endpoint.js'
import { NO_ADDRESS } from '../../session/log-rule.js'
import { type FlowRecord, formatEndpoint } from '../../session/session.js'
import { Attributor } from '../attribution/attributor.js'
import { hiddenAddress } from '../attribution/hide-fields.js'
import { type LogRule, together } from '../attribution/log-rules.js'
import type { Connection, Site } from '../ship/connection.js'
import type { EndedSession } from './access-sessions.js'

const ASK_EVERY_MS = 60_000
const HOUR_MS = 3_600_000

export class AccessRules {
  #attributor: Attributor | null = null
  #etag: string | null = null
  #askAtMs = 0

  /**
   * Asks for the catalog once a minute. Without an answer the last one stays in force.
   * @returns false if no catalog has come yet. @throws AppError CATALOG_INVALID
   */
  async refresh(connection: Connection, site: Site): Promise<boolean> {
    if (performance.now() < this.#askAtMs) return this.#attributor !== null
    const answer = await connection.catalog(site, this.#etag)
    if (answer !== null) this.#replace(answer.content, site)
    if (this.#attributor === null) return false
    this.#etag = answer?.etag ?? this.#etag
    this.#askAtMs = performance.now() + ASK_EVERY_MS
    return true
  }

  #replace(content: unknown, { siteId }: Site): void {
    const { data, faults } = parseWith(catalogSchema, content, 'the catalog')
    if (data === undefined)
      throw new AppError('CATALOG_INVALID', `the server’s catalog: ${printable(faults[0])}`, {
        hint: 'Its rules say what may be sent. Update tunmeter here, and read the log again.',
      })
    this.#attributor = new Attributor({ siteId })
    this.#attributor.catalogChanged(data)
  }

  /** The sessions as they may be sent; without those that may not. */
  apply(sessions: readonly EndedSession[]): readonly EndedSession[] {
    const attributor = this.#attributor
    if (attributor === null || !attributor.hasLogRules) return sessions
    return sessions.flatMap((session) => kept(session, ruleFor(session, attributor)))
  }
}

/** Null: an address cannot be read, so the server will refuse the session. */
function ruleFor(
  { sourceAddr, destAddr, protocol, resourceId, endReason }: EndedSession,
  attributor: Attributor,
): LogRule | null {
  const [source, dest] = [parseEndpoint(sourceAddr), parseEndpoint(destAddr)]
  if (source === undefined || dest === undefined) return null
  const record = {
    ...{ sourceIp: source.ip, sourcePort: source.port, destIp: dest.ip, destPort: dest.port },
    ...{ protocol, endReason, epoch: attributor.epoch },
  } as FlowRecord
  const who = attributor.attribute(record)
  // The log's number of the resource may be that of another one than the catalog has for the address.
  const asLogged = { ...who, siteResourceId: resourceId }
  return together([attributor.collected(record, who), attributor.collected(record, asLogged)])
}

function kept(session: EndedSession, rule: LogRule | null): EndedSession[] {
  if (rule === null) return [session]
  if (rule.log === 'off') return []
  if (rule.log === 'counts') return [sumOf(session)]
  const { address, port } = rule.fields
  const { ip, port: sourcePort } = parseEndpoint(session.sourceAddr)!
  const shown = address === undefined ? ip : hiddenAddress(ip, address)
  return [{ ...session, sourceAddr: formatEndpoint(shown, port === 'drop' ? 0 : sourcePort) }]
}

function sumOf(session: EndedSession): EndedSession {
  const hourMs = Math.floor(Date.parse(session.endedAt) / HOUR_MS) * HOUR_MS
  return {
    ...session,
    startedAt: new Date(hourMs).toISOString(),
    // Its last microsecond, as in a meter's sums.
    endedAt: new Date(hourMs + HOUR_MS - 1).toISOString().replace('Z', '999Z'),
    sourceAddr: NO_ADDRESS,
    destAddr: NO_ADDRESS,
  }
}
