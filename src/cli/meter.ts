/** `tunmeter meter`: meters the tunnel interfaces of a site. */

import { badOptions } from '../base/config.js'
import { ownerOnly } from '../base/owner-only.js'
import { METER_OPTIONS } from '../meter/run/meter-options.js'
import { refuseIdle } from '../meter/ship/server-flags.js'
import { defineCommand } from './command.js'

export const command = defineCommand({
  name: 'meter',
  summary: 'Meter a tunnel interface: deliver its sessions to a server, or write them here.',
  details: `Examples:
  tunmeter meter --interface wg0 --to https://logs.example.org --key-file /etc/tunmeter/site.key
  tunmeter meter --interface wg0 --output /var/log/tunmeter/
  tunmeter meter --interface wg0 --output - | jq .destAddr
  tunmeter meter --interface wg0 --ipfix tcp://collector.example.org:4739

SIGTERM and SIGINT end open sessions, deliver what they can within --drain-timeout and keep the rest in
the spool; a second one ends at once, with everything on disk. SIGHUP reads key file and catalog again.
--output DIR writes DIR/sessions.ndjson, --ipfix DIR writes DIR/sessions.ipfix; closed files get the time in
their name, and --output-rotate-… and --output-keep are for both. What happens when one cannot be written:
docs/outputs.md.
Needs CAP_NET_RAW for packets and CAP_NET_ADMIN for the peers. See docs/operations.md.`,
  options: METER_OPTIONS,
  async run(_args, options, context, origin) {
    if (options.interface.length === 0) {
      throw badOptions(['--interface IF is required: the tunnel’s interface, as in wg0'])
    }
    if ([options.to, options.output, options.ipfix].every((place) => place === undefined)) {
      throw badOptions([
        '--to URL is required, the base address of a server; or --output -|FILE|DIR, to write sessions here; or --ipfix HOST:PORT|FILE',
      ])
    }
    if (options.to === undefined) refuseIdle(options, context.env)
    const reportsOpen = origin('activeTimeout')
    if (options.consolidate && options.activeTimeout > 0 && reportsOpen !== undefined) {
      throw badOptions([
        `${reportsOpen} reports open sessions, ${origin('consolidate')} only those that have ended: leave out one of them`,
      ])
    }
    for (const name of ['metricsClients', 'metricsResources'] as const) {
      const given = origin(name)
      if (given === undefined) continue
      if (options.metricsListen === undefined)
        throw badOptions([`${given}: no metrics are served; add --metrics-listen 127.0.0.1:9480`])
      if (options.to === undefined && options.catalog === undefined)
        throw badOptions([
          `${given}: clients and resources come from a catalog; add --catalog FILE`,
        ])
    }
    ownerOnly()
    const { MeterRun } = await import('../meter/run/meter-run.js')
    return new MeterRun(options, context).run()
  },
})
