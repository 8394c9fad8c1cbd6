/** What is missing in the log, and why: completeness, notices of an empty log, problems of meters. */
import { ENGLISH } from '../language.js'

const { plural, form } = ENGLISH

export const completeness = {
  label: 'Completeness: ',
  causes: {
    neverReported: 'no meter has ever reported',
    notWatched: 'not watched yet',
    unmetered: 'the meter was not running',
    silent: 'silent; its sessions since then are not here',
    interfaceGone: 'the interface was gone or could not be read',
    clockStepped: 'the clock passed over it: it was set forward, or the machine slept',
    packetsDropped: 'packets were dropped before they were metered',
    batchesLost: 'batches that never arrived',
    spoolBound: 'the spool was full',
    spoolDamaged: 'the spool was damaged',
    diskRefused: 'the disk was full or failing',
    retentionOff: 'nothing was stored, because retention was off',
    deletedByRetention: 'deleted by retention',
    deletedByOperator: 'deleted by an operator',
    erased: 'erased on request',
    twoMeters: 'counted twice, by two meters',
    twoRuns: 'two runs of the meter claim it: its clock was set back, or two machines use its id',
    unexplained: 'packets that the kernel counted and the meter did not',
    other: 'lost',
  },
  otherCauses: {
    meterForgotten: 'a meter was forgotten, because the site has too many',
    sessionConflict: 'refused, because it would have changed stored sessions',
    sessionsRefused: 'refused by the server',
  },
  lostBecause: (reason: string) => `lost: ${reason}`,
  nothingMetered: 'Nothing metered',
  notAllLooked: 'Not all looked at',
  complete: 'Complete',
  nothingKnown: 'Nothing known yet',
  /** The first kind of the badge, with the word for sites. */
  sitesOf: {
    silent: (sites: number) => `${plural(sites, 'site', 'sites')} silent`,
    lost: (sites: number) => `${plural(sites, 'site', 'sites')} with losses`,
    unwatched: (sites: number) => `${plural(sites, 'site', 'sites')} not watched`,
    deleted: (sites: number) => `${plural(sites, 'site', 'sites')} deleted`,
    unknown: (sites: number) => `${plural(sites, 'site', 'sites')} not known yet`,
  },
  /** The kinds that follow it. */
  alsoOf: {
    silent: (sites: number) => `${sites} silent`,
    lost: (sites: number) => `${sites} with losses`,
    unwatched: (sites: number) => `${sites} not watched`,
    deleted: (sites: number) => `${sites} deleted`,
    unknown: (sites: number) => `${sites} not known yet`,
  },
  inRange: (range: string, sentence: string) => `${range}: ${sentence}`,
  noSite: 'No site has a meter or a key yet: nothing is metered.',
  unknownFrom: (time: string) =>
    `Nothing is known yet of the time from ${time}: the newest reports are older.`,
  oneComplete: (site: string, time: string) => `${site} is complete, ${time}.`,
  oneIncomplete: (site: string, time: string) => `${site} is not complete, ${time}.`,
  allComplete: (sites: number, time: string) => `All ${sites} sites are complete, ${time}.`,
  someComplete: (whole: number, sites: number, time: string) =>
    `${whole} of ${sites} sites are complete, ${time}.`,
  moreLosses: 'There are more losses than these: choose a shorter time.',
  fromTo: (from: string, to: string) => `${from} to ${to}`,
  since: (time: string) => `since ${time}`,
  siteUnknown: (site: string) => `${site}: nothing is known yet.`,
  siteHoles: (site: string, holes: string, rest: number) =>
    `${site}: ${holes}${rest > 0 ? `; and ${rest} more` : ''}.`,
  sessionsLost: (sessions: number) => `${plural(sessions, 'session', 'sessions')} lost`,
  batches: (batches: number) => plural(batches, 'batch', 'batches'),
  packets: (packets: number) => plural(packets, 'packet', 'packets'),
  passed: (bytes: string) => `${bytes} passed`,
  alsoBy: (meter: string) => `also by ${meter}`,
  missingHere: 'What is missing in this time range',
  moreSites: (sites: number) => `And ${sites} more ${form(sites, 'site', 'sites')}.`,

  notices: {
    filtered: (sessions: number) =>
      `${plural(sessions, 'session', 'sessions')} in this time range, but none matches the filters.`,
    outsideRange: (sessions: number, from: string, to: string) =>
      `No session started in this time range. ${plural(sessions, 'session', 'sessions')} outside it, from ${from} to ${to}.`,
    retentionOff: 'Retention is off, so nothing is stored. Choose a retention in the settings.',
    siteSilent: (since: string) =>
      `No site has reported since ${since}. Is the meter running, and does it reach this server?`,
    nothingKept: (packets: number) =>
      `Meters report ${plural(packets, 'packet', 'packets')} of TCP and UDP sessions, but none of these sessions is stored: they have not ended yet, arrived while retention was off, or are older than the retention.`,
    otherTrafficOnly: (packets: number) =>
      `Meters report ${plural(packets, 'packet', 'packets')}, but none of a TCP or UDP session. Is it the right interface?`,
    noKey: 'No site can report yet: create an ingest key for a site, then start a meter with it.',
    keyNotUsed: 'An ingest key exists, but no meter has used it yet. Start a meter with it.',
    neverReported:
      'A key was used, but no meter has delivered a batch yet. Look at the meter’s log.',
    nothingYet:
      'The meters had seen no packet when they last reported, which they do once a minute. If traffic has passed since, wait a minute; otherwise check that it is the right interface.',
    incomplete: 'Not everything of this time range is here.',
  },

  reasons: {
    missing: 'batches that never arrived',
    spoolFull: 'the spool was full',
    recordQueueFull: 'the meter could not keep up',
    spoolDamaged: 'the spool was damaged',
    interfaceGone: 'the interface was gone',
    clockStepped: 'the clock was set forward',
    unexplained: 'the kernel counted packets that the meter did not',
    unmetered: 'the meter was not running',
    unmeteredSetBack: 'the meter was not running, and its clock was set back',
  },
  problems: {
    silent: (span: string) => `Silent for ${span}.`,
    clockAhead: (span: string) => `Its clock is ${span} ahead of the server’s.`,
    packetsDropped: (packets: number) =>
      `${plural(packets, 'packet was', 'packets were')} dropped before the meter could read ${form(packets, 'it', 'them')}: sessions of that time may be short.`,
    sessionsDropped: (sessions: number, reason: string) =>
      `${plural(sessions, 'session was', 'sessions were')} lost in the meter: ${reason}.`,
    backlog: (batches: number) =>
      `${plural(batches, 'batch waits', 'batches wait')} in its spool: delivery is behind.`,
    quarantined: (batches: number) =>
      `${plural(batches, 'batch was', 'batches were')} refused and quarantined; see tunmeter spool.`,
    idInUse: (meters: number, spools: string) =>
      `${plural(meters, 'meter', 'meters')} use this id at the same time (spools ${spools}): a copied spool, or one --meter-id on several hosts. Nothing is lost; give each an id of its own.`,
    batchesMissing: (batches: number) =>
      `${plural(batches, 'batch has', 'batches have')} not come.`,
    interfaceShared: (meters: string) =>
      `It reads the same interface as ${meters}: everything there is counted twice. Stop one of them.`,
  },
  unknownReason: 'unknown',
}
