/** `tunmeter newt-log`: delivers the sessions of Newt's own log, for a Newt without an interface. */
import { badOptions } from '../base/config.js'
import { isFifo } from '../base/fifo.js'
import { NEWT_LOG_OPTIONS } from '../meter/newt/newt-log-options.js'
import { NewtLogRun } from '../meter/newt/newt-log-run.js'
import { defineCommand } from './command.js'

export const command = defineCommand({
  name: 'newt-log',
  arguments: '[file]',
  summary: 'Deliver the sessions of Newt’s log (its default mode has no interface to meter).',
  details: `Examples:
  journalctl -u newt -o json -f --since -1d | tunmeter newt-log --to https://logs.example.org --key-file site.key
  docker logs -f --since 24h newt 2>&1 | tunmeter newt-log --to https://logs.example.org --key-file site.key
  tunmeter newt-log --follow --to https://logs.example.org --key-file site.key /var/log/newt.log

Reads Newt's INFO lines ACCESS START and ACCESS END from FILE, or from standard input (-): plain, docker's
JSON or journald's. Sessions have no bytes: Newt does not count them. Reading the same lines again stores
nothing twice, so start anywhere. A session whose Newt was killed ends when the next Newt starts
("Newt version …"). While the server is away, the command stops reading, so the pipe waits. See docs/wireguard.md.`,
  options: NEWT_LOG_OPTIONS,
  async run([file = '-'], options, context) {
    if (options.to === undefined)
      throw badOptions(['--to URL is required: base address of the server'])
    if (options.follow && file === '-')
      throw badOptions(['--follow is for a FILE: a pipe is read until it ends'])
    if (isFifo(file))
      throw badOptions([
        `${file} is a pipe: give it as standard input, tunmeter newt-log … <${file}`,
      ])
    return new NewtLogRun(file, options, context).run()
  },
})
