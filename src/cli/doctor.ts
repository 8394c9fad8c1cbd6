/** `tunmeter doctor`: is everything there that a meter needs, and do the figures agree? */

import { integer, type OptionValues, requiredText, text, toggle } from '../base/config.js'
import type { CommandContext } from '../base/context.js'
import { EXIT } from '../base/errors.js'
import { defaultSpoolDirectory } from '../meter/run/spool-directory.js'
import { SERVER_FLAGS } from '../meter/ship/server-flags.js'
import { defineCommand } from './command.js'
import {
  checkCapture,
  checkCatalog,
  checkInterface,
  checkPeers,
  checkPrivileges,
  type Finding,
} from './doctor-checks.js'
import { checkReaders } from './doctor-readers.js'
import { checkReconciliation } from './doctor-reconciliation.js'
import { checkServer } from './doctor-server.js'
import { checkSpool } from './doctor-spool.js'

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
  const findings = [checkCapture(), checkPrivileges(), checkInterface(name)]
  const broken = findings.some((one) => one.state === 'failed')
  if (!broken) findings.push(checkReaders(name))
  const peers = broken ? null : await checkPeers(name)
  if (peers !== null) findings.push(peers.finding)
  const device = peers?.device ?? null
  findings.push(checkCatalog(options.catalog, device))
  findings.push(...(await checkServer(options)))
  findings.push(await checkSpool(options.spool ?? defaultSpoolDirectory(env)))
  if (!broken && options.seconds > 0)
    findings.push(...(await checkReconciliation(name, device, options.seconds)))
  return findings
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
