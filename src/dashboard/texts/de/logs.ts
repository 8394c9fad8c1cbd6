import type { logs as english } from '../en/logs.js'
import { GERMAN } from '../language.js'

const { count, plural, form } = GERMAN

export const logs: typeof english = {
  title: 'Verbindungen',
  printed: (range, zone) => `${range}, Zeitzone: ${zone}`,
  earlierRows: 'Abgebrochen: Dies sind die vorigen Sitzungen',
  breakdown: 'Aufteilung',
  breakdownTitle: 'Größte Clients, Ressourcen, Ports und Standorte, und die Ausgänge',
  live: 'Live',
  liveTitle: 'Neue und offene Sitzungen, sobald sie gemeldet werden (l)',
  refreshTitle: 'Aktualisieren (r)',
  scrollable: 'Sitzungen, verschiebbar',
  newSessions: (sessions) => plural(sessions, 'neue Sitzung', 'neue Sitzungen'),
  sites: 'Standorte',

  noPage: (page) => `Es gibt keine Seite ${page}`,
  fewerPages: 'Die Auswahl hat weniger Seiten.',
  firstPage: 'Erste Seite',
  empty: 'Hier sind keine Sitzungen',
  noneMatches: 'Keine Sitzung passt zu diesem Zeitraum und diesen Filtern.',
  createKey: 'Schlüssel anlegen',
  show30Days: 'Die letzten 30 Tage zeigen',

  ports: 'Ports',
  outcomes: 'Ausgänge',
  incomplete: 'unvollständig',
  row: (label, sessions) => `${label}: ${plural(sessions, 'Sitzung', 'Sitzungen')}`,
  unnamed: {
    client: (id) => `Client ${id}`,
    resource: (id) => `Ressource ${id}`,
    site: (id) => `Standort ${id}`,
  },
  exclude: (label) => `${label} ausschließen`,

  pages: 'Seiten',
  pageSize: 'Sitzungen je Seite',
  aPage: (size) => `${size} je Seite`,
  previous: 'Zurück',
  next: 'Weiter',
  page: 'Seite',
  ofPages: (pages) => `von ${count(pages)}`,
  lastNumbered: (page) =>
    `Die letzte Seite mit Nummer ist ${count(page)}. Nutzen Sie „Weiter“ oder einen kürzeren Zeitraum.`,
  noSessions: 'Keine Sitzungen',
  newest: (rows) => `Neueste ${count(rows)}`,
  notCounted: (rows) => `${rows}, nicht gezählt`,
  of: 'von',
  sessionsWord: (sessions) => form(sessions ?? 0, 'Sitzung', 'Sitzungen'),
  stopCounting: 'Zählen beenden',

  sessions: 'Sitzungen',
  started: 'Beginn',
  columns: {
    outcome: 'Ausgang',
    resource: 'Ressource',
    client: 'Client',
    user: 'Benutzer',
    duration: 'Dauer',
    sent: 'Gesendet',
    received: 'Empfangen',
    source: 'Quelle',
    dest: 'Ziel',
    protocol: 'Prot.',
  },
  openRow: (time, client, resource) => `${time}, ${client} an ${resource}: diese Sitzung zeigen`,

  export: 'Export',
  wholeSelection: (sessions) =>
    `${sessions === undefined ? 'Alle Sitzungen' : plural(sessions, 'Sitzung', 'Sitzungen')}, die ganze Auswahl`,
  table: 'Tabelle',
  tableDetail: 'CSV, mit den Spalten dieser Seite',
  formats: {
    csv: 'alle Felder',
    ndjson: 'ein JSON-Objekt je Zeile',
    parquet: 'DuckDB, pandas, Spark',
  },
  evidence: 'Beleg',
  evidenceDetail: 'CSV, mit Prüfsumme und allen Verlusten',
  exporting: (bytes) => `Export und Prüfsumme: bisher ${bytes}.`,
  saveManifest: 'Manifest speichern',
  saveFile: 'Datei speichern',
  time: 'Zeit',
  fromTo: (from, to, zone) => `${from} bis ${to} (${zone})`,
  filters: 'Filter',
  noFilters: 'keine',
  reconciled: 'Abgeglichen',
  notReconciled: 'kein Messgerät kann mit den Zählern des Kernels vergleichen',
  reconciledOf: (packets, of) =>
    `${count(packets)} von ${plural(of, 'Paket', 'Paketen')}, die der Kernel zählte`,
  file: 'Datei',
  asked: 'Angefordert',
  askedBy: (time, name, id) => `${time} mit dem Schlüssel „${name}“ (${id})`,
  keepBoth: (file) =>
    `Bewahren Sie beide Dateien zusammen auf. \`tunmeter verify ${file}\` prüft ohne Server, dass die Datei unverändert ist.`,

  overTime: 'Sitzungen im Zeitverlauf',
  perBar: (width) => `${width} je Balken`,
  barsShow: 'Balken zeigen',
  bytes: 'Bytes',
  byOutcome: 'Nach Ausgang',
  timeRange: 'Zeitraum',
  barKeys:
    'Die Pfeiltasten links und rechts verschieben den Zeitraum um einen Balken, mit der Umschalttaste um seine ganze Länge. Auf und ab halbieren und verdoppeln ihn. Escape führt zurück.',
  bar: (time, sessions, outcomes, bytes) =>
    `${time}: ${plural(sessions, 'Sitzung', 'Sitzungen')}${outcomes === '' ? '' : ` (${outcomes})`}, ${bytes}`,
  byOutcomeTable: 'Sitzungen im Zeitverlauf nach Ausgang',
  byClientAndUser: 'Nach Client und Benutzer',

  views: {
    views: 'Ansichten',
    share: 'Teilen: Link mit diesen Zeiten kopieren',
    link: 'Link',
    none: 'Noch keine Ansicht gespeichert. Speichern Sie Filter, Reihenfolge und Zeitraum unter einem Namen.',
    title: 'Mit Ihrem Schlüssel gespeichert',
    name: 'Name der Ansicht',
    save: 'Speichern',
    saved: (name) => `Gespeichert als ${name}`,
    remove: (name) => `${name} entfernen`,
  },
}
