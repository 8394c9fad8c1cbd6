/** The words of alerts' messages in each language. Times are in UTC; names, ids and a meter's own words stay as they are. */

import { CAUSE_WORDS } from '../query/completeness-answer.js'
import type { HoleCause } from '../query/holes.js'

export const ALERT_LANGUAGES = ['en', 'de'] as const
export type AlertLanguage = (typeof ALERT_LANGUAGES)[number]

type Counted = 'count' | 'bytes'
type Value = 'client' | 'user' | 'resource'

interface Loss {
  readonly cause: string
  readonly from: string
  readonly to: string
  readonly sessions: number | null
}

export interface AlertWords {
  over(kind: Counted, found: number, minutes: number, limit: number): string
  firstTime(of: Value, name: string): string
  /** For a site without a name. */
  site(siteId: number): string
  silent(site: string, since: string, meterId: string | null): string
  readonly causes: Readonly<Record<HoleCause, string>>
  hole(site: string, loss: Loss): string
  readonly test: string
  ended(text: string): string
  /** In the subject, after the first event. */
  others(count: number): string
  leftOut(count: number): string
  heading(alert: string, org: string): string
}

const counter = (locale: string) => {
  const format = new Intl.NumberFormat(locale)
  return (count: number) => format.format(count)
}
const [english, german] = [counter('en-US'), counter('de-DE')]

export const ALERT_WORDS: Readonly<Record<AlertLanguage, AlertWords>> = {
  en: {
    over: (kind, found, minutes, limit) =>
      `${english(found)} ${kind === 'count' ? 'sessions' : 'bytes'} in ${minutes} minutes, more than ${english(limit)}`,
    firstTime: (of, name) => `${of} ${name} for the first time`,
    site: (siteId) => `site ${siteId}`,
    silent: (site, since, meterId) => `${site} is silent since ${since} (meter ${meterId})`,
    causes: CAUSE_WORDS,
    hole: (site, { cause, from, to, sessions }) =>
      `${site}: ${cause}, ${from} to ${to}${sessions === null ? '' : `, ${english(sessions)} sessions lost`}`,
    test: 'This is a test: somebody asked for it, and nothing has happened.',
    ended: (text) => `over: ${text}`,
    others: (count) => ` (and ${count} more)`,
    leftOut: (count) => `and ${count} more`,
    heading: (alert, org) => `Alert "${alert}" of ${org}:`,
  },
  de: {
    over: (kind, found, minutes, limit) =>
      `${german(found)} ${kind === 'count' ? 'Sitzungen' : 'Bytes'} in ${minutes} Minuten, mehr als ${german(limit)}`,
    firstTime: (of, name) =>
      `${{ client: 'Client', user: 'Benutzer', resource: 'Ressource' }[of]} ${name} zum ersten Mal`,
    site: (siteId) => `Standort ${siteId}`,
    silent: (site, since, meterId) => `${site} schweigt seit ${since} (Messgerät ${meterId})`,
    causes: {
      neverReported: 'noch nie hat ein Messgerät gemeldet',
      notWatched: 'noch nicht beobachtet',
      unmetered: 'nicht gemessen',
      silent: 'schweigt',
      interfaceGone: 'Schnittstelle fehlte',
      clockStepped: 'von der Uhr übersprungen',
      packetsDropped: 'Pakete vor der Messung verworfen',
      batchesLost: 'Lieferungen nicht angekommen',
      spoolBound: 'Zwischenspeicher voll',
      spoolDamaged: 'Zwischenspeicher beschädigt',
      diskRefused: 'Datenträger voll oder fehlerhaft',
      retentionOff: 'nichts gespeichert (Aufbewahrung 0)',
      deletedByRetention: 'von der Aufbewahrung gelöscht',
      deletedByOperator: 'vom Betreiber gelöscht',
      erased: 'auf Antrag gelöscht',
      twoMeters: 'doppelt gezählt',
      twoRuns: 'von zwei Läufen des Messgeräts beansprucht',
      unexplained: 'Pakete, die der Kernel zählte und das Messgerät nicht',
      other: 'verloren',
    },
    hole: (site, { cause, from, to, sessions }) =>
      `${site}: ${cause}, ${from} bis ${to}${
        sessions === null
          ? ''
          : `, ${german(sessions)} ${sessions === 1 ? 'Sitzung' : 'Sitzungen'} verloren`
      }`,
    test: 'Dies ist ein Test: Jemand hat ihn angefordert, und es ist nichts geschehen.',
    ended: (text) => `vorbei: ${text}`,
    others: (count) => ` (und ${count} weitere)`,
    leftOut: (count) => `und ${count} weitere`,
    heading: (alert, org) => `Warnung „${alert}“ von ${org}:`,
  },
}
