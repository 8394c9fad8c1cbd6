import type { faults as english } from '../en/faults.js'

/** The codes that the page can meet (docs/api.md); others keep the server's words. */
const BY_CODE: Readonly<Record<string, string>> = {
  noKey: 'Es wird ein Schlüssel benötigt.',
  keyUnknown: 'Dieser Schlüssel ist nicht bekannt.',
  keyRevoked: 'Dieser Schlüssel wurde widerrufen.',
  keyExpired: 'Dieser Schlüssel ist abgelaufen.',
  sessionEnded: 'Diese Anmeldung ist beendet; melden Sie sich erneut an.',
  tooManyFailures: 'Zu viele falsche Schlüssel von dieser Adresse; warten Sie eine Minute.',
  noOrg: 'Diese Organisation gibt es nicht.',
  noSite: 'Diesen Standort gibt es nicht.',
  noMeter: 'Dieses Messgerät gibt es nicht.',
  noDestination: 'Diesen Empfänger gibt es nicht.',
  noAlert: 'Diese Warnung gibt es nicht.',
  noView: 'Diese Ansicht gibt es nicht.',
  foreignOrigin: 'Die Anfrage kommt von einer fremden Seite.',
  notFound: 'Das gibt es nicht.',
  internal: 'Interner Fehler; siehe das Protokoll des Servers.',
  notReady: 'Der Server ist noch nicht bereit.',
  storeBusy: 'Die Datenbank ist ausgelastet oder antwortet nicht; versuchen Sie es gleich wieder.',
  storeMemory: 'Die Abfrage braucht zu viel Arbeitsspeicher; wählen Sie einen kürzeren Zeitraum.',
  storeFull: 'Der Datenträger des Servers ist voll.',
  storeStopped: 'Die Datenbank ist angehalten; siehe das Protokoll des Servers.',
  orgRemoved: 'Diese Organisation wird entfernt.',
  catalogChanged: 'Der Katalog wurde inzwischen geändert.',
  destinationChanged: 'Der Empfänger wurde inzwischen geändert; laden Sie die Seite neu.',
  tooManyDestinations: 'Mehr Empfänger sind nicht möglich; entfernen Sie einen.',
  tooManyAlerts: 'Mehr Warnungen sind nicht möglich; entfernen Sie eine.',
  tooManyViews: 'Mehr Ansichten sind nicht möglich; entfernen Sie eine.',
  tooManyBackfills: 'Mehr Nachlieferungen sind nicht möglich; warten Sie auf das Ende der anderen.',
  tooManyKeys: 'Mehr Schlüssel sind nicht möglich; widerrufen Sie einen.',
  secretsOther: 'Diesem Server fehlt die Schlüsseldatei der anderen (destinations.key).',
  secretsLost: 'Die Geheimnisse des Empfängers sind verloren; geben Sie sie neu ein.',
  tooManyBodies: 'Der Server liest gerade zu viele Anfragen; versuchen Sie es gleich wieder.',
  tooLarge: 'Die Anfrage ist zu groß.',
  urlTooLong: 'Die Anfrage ist zu lang; entfernen Sie einige Filter.',
}

export const faults: typeof english = {
  own: {
    noAnswer: () => 'Der Server antwortet nicht.',
    unexpectedAnswer: (status) => `Der Server gab eine unerwartete Antwort (HTTP ${status}).`,
    exportRefused: (status) => `Der Export wurde abgelehnt (HTTP ${status}).`,
    insecure: () =>
      'Browser berechnen Prüfsummen nur über https oder auf localhost. Öffnen Sie die Oberfläche so, oder nutzen Sie tunmeter export.',
    tooLargeForPage: () =>
      'Der Export ist größer als 256 MB; mehr fasst eine Seite nicht. tunmeter export hat keine Grenze.',
  },
  server: (code, message) => BY_CODE[code] ?? `Der Server lehnt ab: „${message}“`,
}
