/** `tunmeter doctor`: is everything there that a meter needs, and do the figures agree? */
import { type CommandContext, defineCommand } from '../command.js'
import { integer, type OptionValues, requiredText, text, toggle } from '../config.js'
import { EXIT, messageOf } from '../errors.js'
import {
  checkCapture,
  checkCatalog,
  checkInterface,
  checkPeers,
  checkPrivileges,
  checkReconciliation,
  checkSpool,
  type Finding,
  failure,
  finding,
} from './doctor-checks.js'
import { openConnection, SERVER_FLAGS } from './server-flags.js'
import { defaultSpoolDirectory } from './spool-directory.js'

const OPTIONS = {
  interface: requiredText('The interface that is or will be metered', 'IF'),
  ...SERVER_FLAGS,
  catalog: text('Catalog file to check', 'FILE'),
  spool: text('Directory of the spool', 'DIR'),
  seconds: integer('Meter the interface this long and compare with the kernel; 0: not', 'N', 3, {
    min: 0,
    max: 3600,
  }),
  json: toggle('One JSON document instead of a table'),
} as const
type Options = OptionValues<typeof OPTIONS>

/** Beyond this, sessions of the last hour look as if they were from another one. */
const CLOCK_SKEW_MS_MAX = 60_000

export const command = defineCommand({
  name: 'doctor',
  summary: 'Check everything a meter needs: rights, interface, peers, catalog, server, figures.',
  details: `Give it the options of the meter. Exit code 1 when a check failed; warnings do not count.

Example:
  tunmeter doctor --interface wg0 --to https://logs.example.org --key-file /etc/tunmeter/site.key`,
  options: OPTIONS,
  run,
})

async function run(
  _args: readonly string[],
  options: Options,
  context: CommandContext,
): Promise<number> {
  const findings = await examine(options, context)
  const failed = findings.some((one) => one.state === 'failed')
  context.stdout.write(
    options.json ? `${JSON.stringify({ ok: !failed, findings }, null, 2)}\n` : table(findings),
  )
  return failed ? EXIT.failed : EXIT.ok
}

async function examine(options: Options, { env }: CommandContext): Promise<Finding[]> {
  const name = options.interface
  const findings = [await checkCapture(), checkPrivileges(), checkInterface(name)]
  const broken = findings.some((one) => one.state === 'failed')
  const peers = broken ? null : await checkPeers(name)
  if (peers !== null) findings.push(peers.finding)
  const device = peers?.device ?? null
  findings.push(checkCatalog(options.catalog, device))
  findings.push(...(await checkServer(options)))
  findings.push(checkSpool(options.spool ?? defaultSpoolDirectory(env)))
  if (!broken && options.seconds > 0)
    findings.push(await checkReconciliation(name, device, options.seconds))
  return findings
}

async function checkServer(options: Options): Promise<Finding[]> {
  if (options.to === undefined) return [finding('server', 'skipped', 'no --to')]
  let connection: Awaited<ReturnType<typeof openConnection>>
  try {
    connection = await openConnection(options)
  } catch (error) {
    return [failure('server', error)]
  }
  try {
    const who = await connection.whoAmI()
    if (who.kind === 'away')
      return [
        finding(
          'server',
          'failed',
          `${connection.url}: ${who.message}`,
          'Is the address right, the server running, the proxy needed?',
        ),
      ]
    if (who.kind === 'denied')
      return [
        finding(
          'key',
          'failed',
          who.message,
          'Make one: tunmeter keys create --scope ingest --org ORG --site N',
        ),
      ]
    return [
      finding('server', 'ok', connection.url),
      finding('key', 'ok', `organisation ${who.site.orgId}, site ${who.site.siteId}`),
      await checkClock(connection.url),
      finding(
        'retention',
        'skipped',
        'an ingest key may not read settings: the dashboard shows it; 0 days stores nothing',
      ),
    ]
  } finally {
    await connection.close()
  }
}

/** By the Date header: whole seconds are enough here. */
async function checkClock(url: string): Promise<Finding> {
  try {
    const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5000) })
    const skewMs = Date.parse(answer.headers.get('date') ?? '') - Date.now()
    if (Number.isNaN(skewMs))
      return finding('clock', 'skipped', 'the server does not tell its time')
    if (Math.abs(skewMs) <= CLOCK_SKEW_MS_MAX) return finding('clock', 'ok', 'that of the server')
    const seconds = Math.round(skewMs / 1000)
    return finding(
      'clock',
      'warning',
      `the server's clock is ${seconds} s ahead of this one`,
      'Synchronise both (NTP).',
    )
  } catch (error) {
    return finding('clock', 'skipped', messageOf(error))
  }
}

const MARKS = { ok: 'ok     ', warning: 'WARNING', failed: 'FAILED ', skipped: '-      ' } as const

function table(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map((one) => one.check.length))
  return findings
    .map(({ check, state, message, todo }) => {
      const lines = message.split('\n').concat(todo === undefined ? [] : [`-> ${todo}`])
      const indent = ' '.repeat(MARKS.ok.length + width + 4)
      return `${MARKS[state]}  ${check.padEnd(width)}  ${lines.join(`\n${indent}`)}\n`
    })
    .join('')
}
