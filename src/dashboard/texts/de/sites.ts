import type { sites as english } from '../en/sites.js'
import { GERMAN } from '../language.js'

const { count, plural } = GERMAN

export const sites: typeof english = {
  title: 'Standorte',
  hint: 'Die letzten Meldungen der Messgeräte, alle 5 Sekunden aktualisiert.',
  none: 'Noch hat kein Standort gemeldet',
  noneHelp:
    'Legen Sie für den Standort einen ingest-Schlüssel an (Einstellungen, Schlüssel) und starten Sie auf seinem Gateway ein Messgerät:',
  organisation: (org) => `Organisation ${org}`,
  statuses: {
    ok: 'Meldet',
    warning: 'Bitte prüfen',
    silent: 'Schweigt',
    finished: 'Wiedergabe beendet',
    neverReported: 'Nie gemeldet',
  },
  siteNumber: (id) => `Standort ${id}`,
  noMeterYet: 'Für diesen Standort hat noch kein Messgerät gemeldet. Mit einem ingest-Schlüssel:',
  meterOn: (name) => `Messgerät an ${name}`,
  openSessions: 'Offene Sitzungen',
  spoolWaiting: 'Wartende Lieferungen im Zwischenspeicher',
  lag: 'Verzögerung, von der Meldung bis zum Empfang',
  highest: (value) => `Höchstwert ${value}`,
  lastReport: 'Letzte Meldung',
  interface: 'Schnittstelle',
  seen: 'Gesehen seit dem Start',
  seenAmount: (packets, bytes) => `${plural(packets, 'Paket', 'Pakete')}, ${bytes}`,
  packetsDropped: 'Verworfene Pakete',
  sessionsLost: 'Verlorene Sitzungen',
  spool: 'Zwischenspeicher',
  spoolEmpty: 'leer',
  spoolHolds: (batches, bytes) => `${plural(batches, 'Lieferung', 'Lieferungen')}, ${bytes}`,
  quarantine: 'Beiseitegelegt',
  runningSince: 'Läuft seit',
  version: 'Version',
  meter: 'Messgerät',
  lastBatch: 'Letzte Lieferung',
  moreMeters: (meters) =>
    `Und ${plural(meters, 'Messgerät', 'Messgeräte')} mit mindestens ebenso viel gemessener Zeit.`,
  noMeter: 'Kein Messgerät',
  all: 'Alles',
  metered: (share) => `${share} dieser Zeit gemessen`,
  reconciled: (packets, of) =>
    `Abgeglichen: ${count(packets)} von ${plural(of, 'Paket', 'Paketen')}`,
  strip: (share, holes) => `${share} gemessen, ${plural(holes, 'Lücke', 'Lücken')}`,
  holes: (holes) => `${plural(holes, 'Lücke', 'Lücken')} in dieser Zeit`,
  moreHoles: (holes) => `Und ${count(holes)} weitere: Wählen Sie einen kürzeren Zeitraum.`,
}
