/** `tunmeter meter`: the sidecar of a site. */

import { badOptions } from '../base/config.js'
import { ownerOnly } from '../base/owner-only.js'
import { METER_OPTIONS } from '../meter/run/meter-options.js'
import { defineCommand } from './command.js'

export const command = defineCommand({
  name: 'meter',
  summary: 'Meter a tunnel interface and deliver its sessions to a server.',
  details: `Example:
  tunmeter meter --interface wg0 --to https://logs.example.org --key-file /etc/tunmeter/site.key

SIGTERM and SIGINT end open sessions, deliver what they can within --drain-timeout and keep the rest in
the spool; a second one ends at once, with everything on disk. SIGHUP reads key file and catalog again.
Needs CAP_NET_RAW for packets and CAP_NET_ADMIN for the peers. See docs/operations.md.`,
  options: METER_OPTIONS,
  async run(_args, options, context, origin) {
    if (options.interface.length === 0) {
      throw badOptions(['--interface IF is required: the tunnel’s interface, as in wg0'])
    }
    const reportsOpen = origin('activeTimeout')
    if (options.consolidate && options.activeTimeout > 0 && reportsOpen !== undefined) {
      throw badOptions([
        `${reportsOpen} reports open sessions, ${origin('consolidate')} only those that have ended: leave out one of them`,
      ])
    }
    ownerOnly()
    const { MeterRun } = await import('../meter/run/meter-run.js')
    return new MeterRun(options, context).run()
  },
})
