/** `tunmeter alerts`: lists a server's alerts and what they find, and tests one. */
import { badOptions, toggle } from '../base/config.js'
import { say } from '../base/context.js'
import { EXIT } from '../base/errors.js'
import { printable } from '../base/printable.js'
import { terminalWidth } from '../base/terminal.js'
import { type Column, tableText } from '../base/text-table.js'
import { painter } from '../meter/output/human.js'
import type { AlertTest, AlertView } from '../server/http/alert-schema.js'
import { connect, orgPath, SERVER_OPTIONS } from './api-client.js'
import { type CommandGroup, defineCommand } from './command.js'

const list = defineCommand({
  name: 'list',
  summary: 'List alerts, what each finds now, and what it has sent.',
  options: { ...SERVER_OPTIONS, json: toggle('One JSON object a line.') },
  details: 'Example:\n  tunmeter alerts list',
  run: async (_args, options, context) => {
    const { api, org } = await connect(options)
    const { alerts } = await api.get<{ alerts: AlertView[] }>(`${orgPath(org)}/alerts`)
    const { stdout, env } = context
    if (options.json) {
      for (const one of alerts) stdout.write(`${JSON.stringify(one)}\n`)
      return EXIT.ok
    }
    if (alerts.length === 0) {
      say(context, 'there are no alerts')
      return EXIT.ok
    }
    const columns: Column<AlertView>[] = [
      { title: 'ID', read: (a) => a.id },
      { title: 'CONDITION', read: (a) => a.condition.kind },
      { title: 'TO', read: (a) => a.to.kind },
      { title: 'SENT', align: 'right', read: (a) => String(a.sent) },
      { title: 'WAITING', align: 'right', read: (a) => String(a.pending) },
      { title: 'LAST SENT', read: (a) => a.lastSentAt?.slice(0, 19) ?? 'never' },
      { title: 'NAME', shrinksTo: 12, read: (a) => a.name },
      { title: 'NOW', shrinksTo: 12, read: nowOf },
    ]
    const width = terminalWidth(stdout, env)
    stdout.write(tableText([columns], alerts, { paint: painter(stdout, env), width }))
    for (const { id, checkFault, lastFault, pending } of alerts) {
      if (checkFault !== null) say(context, `${id}: cannot be evaluated: ${printable(checkFault)}`)
      if (lastFault !== null && pending > 0) say(context, `${id}: ${printable(lastFault.text)}`)
    }
    return EXIT.ok
  },
})

function nowOf({ paused, now }: AlertView): string {
  if (paused) return 'paused'
  return now.length === 0 ? 'nothing' : printable(now.join('; '))
}

const test = defineCommand({
  name: 'test',
  arguments: '[id]',
  summary: 'Send one message marked as a test.',
  options: SERVER_OPTIONS,
  details: 'Exit code 1: the receiver did not accept it.\n  tunmeter alerts test a0123456789abcdef',
  run: async ([id], options, context) => {
    if (id === undefined) throw badOptions(['ID is required, as tunmeter alerts list shows it'])
    const { api, org } = await connect(options)
    const path = `${orgPath(org)}/alerts/${encodeURIComponent(id)}/test`
    const { sent, fault } = await api.send<AlertTest>('POST', path)
    context.stdout.write(sent ? 'taken\n' : `not taken: ${printable(fault ?? '')}\n`)
    return sent ? EXIT.ok : EXIT.failed
  },
})

export const alertsCommand: CommandGroup = {
  name: 'alerts',
  summary: 'Show alerts on views, and test one.',
  subcommands: [list, test],
}
