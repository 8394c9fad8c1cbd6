import type { completeness as english } from '../en/completeness.js'
import { GERMAN } from '../language.js'

const { plural, form } = GERMAN

export const completeness: typeof english = {
  label: 'Vollständigkeit: ',
  causes: {
    neverReported: 'noch nie hat ein Messgerät gemeldet',
    notWatched: 'noch nicht beobachtet',
    unmetered: 'das Messgerät lief nicht',
    silent: 'schweigt; seine Sitzungen seither fehlen hier',
    interfaceGone: 'die Schnittstelle fehlte oder war nicht lesbar',
    clockStepped: 'die Uhr sprang darüber hinweg: Sie wurde vorgestellt, oder der Rechner schlief',
    packetsDropped: 'Pakete wurden verworfen, bevor sie gemessen waren',
    batchesLost: 'Lieferungen, die nie ankamen',
    spoolBound: 'der Zwischenspeicher war voll',
    spoolDamaged: 'der Zwischenspeicher war beschädigt',
    diskRefused: 'der Datenträger war voll oder fehlerhaft',
    retentionOff: 'nichts gespeichert, weil die Aufbewahrung aus war',
    deletedByRetention: 'von der Aufbewahrung gelöscht',
    deletedByOperator: 'vom Betreiber gelöscht',
    erased: 'auf Antrag gelöscht',
    twoMeters: 'doppelt gezählt, von zwei Messgeräten',
    twoRuns:
      'zwei Läufe des Messgeräts beanspruchen es: Seine Uhr wurde zurückgestellt, oder zwei Rechner nutzen seine Kennung',
    unexplained: 'Pakete, die der Kernel zählte und das Messgerät nicht',
    other: 'verloren',
  },
  otherCauses: {
    meterForgotten: 'ein Messgerät wurde vergessen, weil der Standort zu viele hat',
    sessionConflict: 'abgelehnt, weil es gespeicherte Sitzungen verändert hätte',
    sessionsRefused: 'vom Server abgelehnt',
  },
  lostBecause: (reason) => `verloren: ${reason}`,
  nothingMetered: 'Nichts gemessen',
  notAllLooked: 'Nicht alles geprüft',
  complete: 'Vollständig',
  nothingKnown: 'Noch nichts bekannt',
  sitesOf: {
    silent: (sites) => `${plural(sites, 'Standort schweigt', 'Standorte schweigen')}`,
    lost: (sites) => `${plural(sites, 'Standort', 'Standorte')} mit Verlusten`,
    unwatched: (sites) => `${plural(sites, 'Standort', 'Standorte')} nicht beobachtet`,
    deleted: (sites) => `${plural(sites, 'Standort', 'Standorte')} mit Löschungen`,
    unknown: (sites) => `${plural(sites, 'Standort', 'Standorte')} noch unbekannt`,
  },
  alsoOf: {
    silent: (sites) => `${sites} ${form(sites, 'schweigt', 'schweigen')}`,
    lost: (sites) => `${sites} mit Verlusten`,
    unwatched: (sites) => `${sites} nicht beobachtet`,
    deleted: (sites) => `${sites} mit Löschungen`,
    unknown: (sites) => `${sites} noch unbekannt`,
  },
  inRange: (range, sentence) => `${range}: ${sentence}`,
  noSite: 'Noch hat kein Standort ein Messgerät oder einen Schlüssel: Nichts wird gemessen.',
  unknownFrom: (time) =>
    `Über die Zeit ab ${time} ist noch nichts bekannt: Die neuesten Meldungen sind älter.`,
  oneComplete: (site, time) => `${site} ist vollständig, ${time}.`,
  oneIncomplete: (site, time) => `${site} ist nicht vollständig, ${time}.`,
  allComplete: (sites, time) => `Alle ${sites} Standorte sind vollständig, ${time}.`,
  someComplete: (whole, sites, time) =>
    `${whole} von ${sites} Standorten ${form(whole, 'ist', 'sind')} vollständig, ${time}.`,
  moreLosses: 'Es gibt weitere Verluste: Wählen Sie einen kürzeren Zeitraum.',
  fromTo: (from, to) => `${from} bis ${to}`,
  since: (time) => `seit ${time}`,
  siteUnknown: (site) => `${site}: noch nichts bekannt.`,
  siteHoles: (site, holes, rest) => `${site}: ${holes}${rest > 0 ? `; und ${rest} weitere` : ''}.`,
  sessionsLost: (sessions) => `${plural(sessions, 'Sitzung', 'Sitzungen')} verloren`,
  batches: (batches) => plural(batches, 'Lieferung', 'Lieferungen'),
  packets: (packets) => plural(packets, 'Paket', 'Pakete'),
  passed: (bytes) => `${bytes} liefen durch`,
  alsoBy: (meter) => `auch von ${meter}`,
  missingHere: 'Was in diesem Zeitraum fehlt',
  moreSites: (sites) => `Und ${sites} ${form(sites, 'weiterer Standort', 'weitere Standorte')}.`,

  notices: {
    filtered: (sessions) =>
      `${plural(sessions, 'Sitzung', 'Sitzungen')} in diesem Zeitraum, aber keine passt zu den Filtern.`,
    outsideRange: (sessions, from, to) =>
      `In diesem Zeitraum begann keine Sitzung. Außerhalb: ${plural(sessions, 'Sitzung', 'Sitzungen')}, von ${from} bis ${to}.`,
    retentionOff:
      'Die Aufbewahrung ist aus, deshalb wird nichts gespeichert. Wählen Sie eine in den Einstellungen.',
    siteSilent: (since) =>
      `Seit ${since} hat kein Standort gemeldet. Läuft das Messgerät, und erreicht es diesen Server?`,
    nothingKept: (packets) =>
      `Messgeräte melden ${plural(packets, 'Paket', 'Pakete')} von TCP- und UDP-Sitzungen, aber keine dieser Sitzungen ist gespeichert: Sie sind noch offen, kamen bei ausgeschalteter Aufbewahrung oder sind älter als die Aufbewahrung.`,
    otherTrafficOnly: (packets) =>
      `Messgeräte melden ${plural(packets, 'Paket', 'Pakete')}, aber keines gehört zu einer TCP- oder UDP-Sitzung. Ist es die richtige Schnittstelle?`,
    noKey:
      'Noch kann kein Standort melden: Legen Sie für einen Standort einen ingest-Schlüssel an und starten Sie damit ein Messgerät.',
    keyNotUsed:
      'Es gibt einen ingest-Schlüssel, aber noch hat ihn kein Messgerät benutzt. Starten Sie eines damit.',
    neverReported:
      'Ein Schlüssel wurde benutzt, aber noch hat kein Messgerät geliefert. Sehen Sie in das Protokoll des Messgeräts.',
    nothingYet:
      'Die Messgeräte hatten bei ihrer letzten Meldung noch kein Paket gesehen; sie melden einmal in der Minute. Kam seither Verkehr, warten Sie eine Minute; sonst prüfen Sie, ob es die richtige Schnittstelle ist.',
    incomplete: 'Aus diesem Zeitraum fehlen Daten.',
  },

  reasons: {
    missing: 'Lieferungen, die nie ankamen',
    spoolFull: 'der Zwischenspeicher war voll',
    recordQueueFull: 'das Messgerät kam nicht nach',
    spoolDamaged: 'der Zwischenspeicher war beschädigt',
    interfaceGone: 'die Schnittstelle fehlte',
    clockStepped: 'die Uhr wurde vorgestellt',
    unexplained: 'der Kernel zählte Pakete, die das Messgerät nicht zählte',
    unmetered: 'das Messgerät lief nicht',
    unmeteredSetBack: 'das Messgerät lief nicht, und seine Uhr wurde zurückgestellt',
  },
  problems: {
    silent: (span) => `Schweigt seit ${span}.`,
    clockAhead: (span) => `Die Uhr geht gegenüber der des Servers um ${span} vor.`,
    packetsDropped: (packets) =>
      `${plural(packets, 'Paket wurde', 'Pakete wurden')} verworfen, bevor das Messgerät ${form(packets, 'es', 'sie')} lesen konnte: Sitzungen dieser Zeit sind womöglich unvollständig.`,
    sessionsDropped: (sessions, reason) =>
      `${plural(sessions, 'Sitzung ging', 'Sitzungen gingen')} im Messgerät verloren: ${reason}.`,
    backlog: (batches) =>
      `${plural(batches, 'Lieferung wartet', 'Lieferungen warten')} im Zwischenspeicher: Die Zustellung ist im Rückstand.`,
    quarantined: (batches) =>
      `${plural(batches, 'Lieferung wurde', 'Lieferungen wurden')} abgewiesen und beiseitegelegt; siehe tunmeter spool.`,
    idInUse: (meters, spools) =>
      `${plural(meters, 'Messgerät benutzt', 'Messgeräte benutzen')} diese Kennung zugleich (Zwischenspeicher ${spools}): ein kopierter Zwischenspeicher oder dieselbe --meter-id auf mehreren Rechnern. Verloren ist nichts; geben Sie jedem eine eigene Kennung.`,
    batchesMissing: (batches) =>
      `${plural(batches, 'Lieferung ist', 'Lieferungen sind')} ausgeblieben.`,
    interfaceShared: (meters) =>
      `Liest dieselbe Schnittstelle wie ${meters}: Alles dort wird doppelt gezählt. Halten Sie eines an.`,
  },
  unknownReason: 'unbekannt',
}
