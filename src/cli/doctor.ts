/** `tunmeter doctor`: checks everything that a meter needs, and compares its figures with the kernel's. */

import { badOptions, integer, type OptionValues, text, textList, toggle } from '../base/config.js'
import type { CommandContext } from '../base/context.js'
import { EXIT } from '../base/errors.js'
import { type Account, isRoot, mayChangeUser } from '../base/privileges.js'
import { linkNames } from '../meter/capture/links.js'
import { accountOf } from '../meter/run/become-user.js'
import { chooseInterfaces, isPattern, missingInterfaces } from '../meter/run/interfaces.js'
import { METER_OPTIONS } from '../meter/run/meter-options.js'
import { defaultSpoolDirectory } from '../meter/run/spool-directory.js'
import { SERVER_FLAGS } from '../meter/ship/server-flags.js'
import type { WireGuardDevice } from '../meter/wireguard/device.js'
import { defineCommand } from './command.js'
import {
  checkCapture,
  checkCatalog,
  checkInterface,
  checkPeers,
  checkPrivileges,
  type Finding,
  failure,
  finding,
} from './doctor-checks.js'
import { checkReaders } from './doctor-readers.js'
import { checkReconciliation } from './doctor-reconciliation.js'
import { checkServer } from './doctor-server.js'
import { checkSpool } from './doctor-spool.js'

const OPTIONS = {
  interface: textList(
    'The interface that is or will be metered, or a pattern as in wg*. Repeatable',
    'IF',
  ),
  ...SERVER_FLAGS,
  catalog: text('Catalog file to check', 'FILE'),
  spool: text('Directory of the spool', 'DIR'),
  user: text('User of a meter that is started as root', 'NAME'),
  seconds: integer(
    'Meter the interface for this many seconds and compare with the kernel; 0: skip',
    'N',
    3,
    {
      min: 0,
      max: 3600,
    },
  ),
  json: toggle('One JSON document instead of a table'),
} as const
type Options = OptionValues<typeof OPTIONS>

export const command = defineCommand({
  name: 'doctor',
  summary:
    'Check everything a meter needs: privileges, interface, peers, catalog, server, figures.',
  details: `Give it the options of the meter, or its file: --config takes it as it is. Run it as the user that starts the
meter. Exit code 1 when a check failed; warnings do not count.

Examples:
  tunmeter doctor --config /etc/tunmeter/meter.yaml
  tunmeter doctor --interface wg0 --to https://logs.example.org --key-file /etc/tunmeter/site.key`,
  options: OPTIONS,
  fileOf: METER_OPTIONS,
  run,
})

async function run(
  _args: readonly string[],
  options: Options,
  context: CommandContext,
): Promise<number> {
  if (options.interface.length === 0)
    throw badOptions(['--interface IF is required: the interface that is or will be metered'])
  const findings = await examine(options, context)
  const failed = findings.some((one) => one.state === 'failed')
  context.stdout.write(
    options.json ? `${JSON.stringify({ ok: !failed, findings }, null, 2)}\n` : table(findings),
  )
  return failed ? EXIT.failed : EXIT.ok
}

async function examine(options: Options, { env }: CommandContext): Promise<Finding[]> {
  const findings = [checkCapture(), checkPrivileges()]
  const mayRead = findings.every((one) => one.state !== 'failed')
  const names = mayRead ? namesOf(options.interface) : options.interface
  const devices = new Map<string, WireGuardDevice | null>()
  for (const name of names) {
    const found = checkInterface(name)
    findings.push(found)
    if (!mayRead || found.state === 'failed') continue
    findings.push(checkReaders(name))
    const peers = await checkPeers(name)
    findings.push(peers.finding)
    devices.set(name, peers.device)
  }
  const known = [...devices.values()].filter((device) => device !== null)
  const { catalog, to } = options
  if (catalog !== undefined) findings.push(checkCatalog(catalog, known))
  else if (to === undefined) findings.push(finding('catalog', 'skipped', 'no --catalog, no --to'))
  findings.push(...(await checkServer(options, catalog === undefined ? known : null)))
  findings.push(await checkSpoolOf(options, names, env))
  if (options.seconds > 0)
    for (const [name, device] of devices)
      findings.push(...(await checkReconciliation(name, device, options.seconds)))
  return findings
}

/** The interfaces that exist; a name or pattern without an interface stays as it is, for a message. */
function namesOf(wanted: readonly string[]): string[] {
  const present = linkNames()
  const chosen = chooseInterfaces(wanted, present, true)
  return [...chosen, ...missingInterfaces(wanted, chosen)]
}

async function checkSpoolOf(
  { spool, user, interface: wanted }: Options,
  names: readonly string[],
  env: CommandContext['env'],
): Promise<Finding> {
  const directory = spool ?? defaultSpoolDirectory(env)
  let account: Account | null = null
  try {
    const interfaces = names.filter((name) => !isPattern(name))
    const change = { user, interfaces, awaited: missingInterfaces(wanted, interfaces) }
    if (isRoot() && mayChangeUser()) account = accountOf(change).account
  } catch (error) {
    return failure('spool', error)
  }
  return checkSpool(directory, account)
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
