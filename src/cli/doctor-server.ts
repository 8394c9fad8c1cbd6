/**
 * The checks of `tunmeter doctor` on the server: address, key, clock, retention, completeness of the last day, and
 * catalog.
 */
import { parseWith } from '../base/faults.js'
import { printable } from '../base/printable.js'
import { plural } from '../base/quantity.js'
import type { Connection, Site, WhoAmI } from '../meter/ship/connection.js'
import { openConnection, type ServerFlags } from '../meter/ship/server-flags.js'
import type { WireGuardDevice } from '../meter/wireguard/device.js'
import { catalogSchema } from '../session/catalog.js'
import { comparePeers, type Finding, failure, finding } from './doctor-checks.js'

/** With a larger difference, sessions have visibly wrong times. */
const CLOCK_SKEW_MS_MAX = 60_000
/** The range of the completeness check, until now. */
const COMPLETE_SINCE_MS = 86400e3

/** @param devices their peers are compared with the server's catalog; null: the meter has its catalog from a file */
export async function checkServer(
  options: ServerFlags,
  devices: readonly WireGuardDevice[] | null = null,
): Promise<Finding[]> {
  if (options.to === undefined) return [finding('server', 'skipped', 'no --to')]
  let connection: Awaited<ReturnType<typeof openConnection>>
  try {
    connection = await openConnection(options)
  } catch (error) {
    return [failure('server', error)]
  }
  try {
    const askedMs = Date.now()
    const who = await connection.whoAmI()
    const findings = judge(connection.url, who, (askedMs + Date.now()) / 2)
    if (who.kind !== 'site') return findings
    const sinceMs = (who.serverTimeMs ?? Date.now()) - COMPLETE_SINCE_MS
    findings.push(judgeCompleteness(await connection.completeness(who.site, sinceMs)))
    if (devices !== null) findings.push(await checkServerCatalog(connection, who.site, devices))
    return findings
  } finally {
    await connection.close()
  }
}

async function checkServerCatalog(
  connection: Connection,
  site: Site,
  devices: readonly WireGuardDevice[],
): Promise<Finding> {
  try {
    const answer = await connection.catalog(site, null)
    if (answer === null)
      return finding('catalog', 'warning', 'the server does not give its catalog', CATALOG_TODO)
    const { data, faults } = parseWith(catalogSchema, answer.content, "the server's catalog")
    if (data === undefined)
      return finding('catalog', 'warning', `the server's: ${printable(faults[0])}`, CATALOG_TODO)
    const one = comparePeers(data, devices)
    return { ...one, message: `the server's: ${one.message}` }
  } catch (error) {
    return failure('catalog', error)
  }
}
const CATALOG_TODO = 'Sessions are stored without names until it can be read; see the server’s log.'

function judge(url: string, who: WhoAmI, nowMs: number): Finding[] {
  if (who.kind === 'away')
    return [
      finding(
        'server',
        'failed',
        `${url}: ${who.message}`,
        'Is the address right? Is the server running? Does it need --proxy or --ca-file?',
      ),
    ]
  const server = finding('server', 'ok', url)
  if (who.kind === 'denied')
    return [
      server,
      finding(
        'key',
        'failed',
        who.message,
        'Make one: tunmeter keys create --scope ingest --org ORG --site N',
      ),
    ]
  return [
    server,
    finding('key', 'ok', `organisation ${who.site.orgId}, site ${who.site.siteId}, scope ingest`),
    checkClock(who.serverTimeMs, nowMs),
    checkRetention(who.retentionDays),
  ]
}

function judgeCompleteness(said: { complete: boolean; sentence: string } | null): Finding {
  if (said === null)
    return finding(
      'completeness',
      'skipped',
      'the server does not tell its completeness: it may be an earlier version',
    )
  if (said.complete) return finding('completeness', 'ok', said.sentence)
  const todo = 'tunmeter completeness lists the holes; docs/completeness.md explains them.'
  return finding('completeness', 'warning', said.sentence, todo)
}

function checkClock(serverMs: number | null, nowMs: number): Finding {
  if (serverMs === null) return finding('clock', 'skipped', 'the server does not tell its time')
  const skewMs = serverMs - nowMs
  const seconds = Math.abs(skewMs / 1000).toFixed(1)
  const side = skewMs < 0 ? 'behind' : 'ahead of'
  const about = `the server's clock is ${seconds} s ${side} this machine's`
  if (Math.abs(skewMs) <= CLOCK_SKEW_MS_MAX) return finding('clock', 'ok', about)
  return finding('clock', 'warning', about, 'Synchronise both (NTP).')
}

function checkRetention(days: number | null): Finding {
  if (days === null)
    return finding(
      'retention',
      'skipped',
      'the server does not tell its retention; 0 days stores nothing',
    )
  if (days === 0)
    return finding(
      'retention',
      'failed',
      'the organisation’s retention is 0 days: the server stores nothing',
      'Set it in the dashboard (Settings), or PUT …/settings {"retentionDays": 30}.',
    )
  return finding('retention', 'ok', days < 0 ? 'for ever' : plural(days, 'day'))
}
