/** The sites. */
import { ENGLISH } from '../language.js'

const { count, plural } = ENGLISH

export const sites = {
  title: 'Sites',
  hint: 'The meters’ latest reports, refreshed every 5 seconds.',
  none: 'No site has reported yet',
  noneHelp:
    'Create an ingest key for the site (Settings, Keys), then start a meter on its gateway:',
  organisation: (org: string) => `Organisation ${org}`,
  statuses: {
    ok: 'Reporting',
    warning: 'Needs a look',
    silent: 'Silent',
    finished: 'Replay finished',
    neverReported: 'Never reported',
  },
  siteNumber: (id: number) => `site ${id}`,
  noMeterYet: 'No meter has reported for this site yet. With an ingest key for it:',
  meterOn: (name: string) => `Meter on ${name}`,
  openSessions: 'Open sessions',
  spoolWaiting: 'Batches waiting in the spool',
  lag: 'Lag, from report to receipt',
  highest: (value: string) => `highest ${value}`,
  lastReport: 'Last report',
  interface: 'Interface',
  seen: 'Seen since start',
  seenAmount: (packets: number, bytes: string) =>
    `${plural(packets, 'packet', 'packets')}, ${bytes}`,
  packetsDropped: 'Packets dropped',
  sessionsLost: 'Sessions lost',
  spool: 'Spool',
  spoolEmpty: 'empty',
  spoolHolds: (batches: number, bytes: string) =>
    `${plural(batches, 'batch', 'batches')}, ${bytes}`,
  quarantine: 'In quarantine',
  runningSince: 'Running since',
  version: 'Version',
  meter: 'Meter',
  lastBatch: 'Last batch',
  moreMeters: (meters: number) =>
    `And ${plural(meters, 'meter', 'meters')} with at least as much of this time metered.`,
  noMeter: 'No meter',
  all: 'All',
  metered: (share: string) => `${share} of this time metered`,
  reconciled: (packets: number, of: number) =>
    `Reconciled: ${count(packets)} of ${plural(of, 'packet', 'packets')}`,
  strip: (share: string, holes: number) => `${share} metered, ${plural(holes, 'hole', 'holes')}`,
  holes: (holes: number) => `${plural(holes, 'hole', 'holes')} in this time`,
  moreHoles: (holes: number) => `And ${count(holes)} more: choose a shorter time.`,
}
