import type { QueryExpected, QueryMistake } from '../../../session/query-mistake.js'
import type { filters as english } from '../en/filters.js'
import { GERMAN } from '../language.js'

const { count, plural } = GERMAN
const ADDRESS =
  'eine Adresse, ein Netz oder Adresse:Port, wie 10.8.0.2, 10.8.0.0/24 oder 10.8.0.2:443'

export const filters: typeof english = {
  labels: {
    q: 'Text',
    siteResourceId: 'Ressource',
    clientId: 'Client',
    userId: 'Benutzer',
    siteId: 'Standort',
    protocol: 'Protokoll',
    state: 'Zustand',
    connState: 'Ausgang',
    sourceAddr: 'Quelle',
    destAddr: 'Ziel',
    port: 'Zielport',
    minBytes: 'Mindestens',
  },
  expected: {
    q: 'Wörter und Ausdrücke, wie client:ada-* port:ssh -outcome:failed bytes>10MB, höchstens 500 Zeichen',
    siteResourceId: 'die Nummer einer Ressource',
    clientId: 'die Nummer eines Clients',
    userId: 'die Kennung eines Benutzers',
    siteId: 'die Nummer eines Standorts',
    protocol: 'tcp oder udp',
    state: 'open, ended oder interrupted',
    connState: 'einen connState, wie SF, S0 oder REJ',
    sourceAddr: ADDRESS,
    destAddr: ADDRESS,
    port: 'einen Port von 0 bis 65535',
    minBytes: 'Bytes, wie 500, 10 kB oder 2.5 MB',
  },
  cannotUse: (label) => `Der Filter „${label}“ ist nicht verwendbar`,
  itTakes: (expected, values) =>
    `Er erwartet ${expected}. In der Adresse dieser Seite steht ${values}.`,
  quoted: (value) => `„${value}“`,
  removeThis: 'Diesen Filter entfernen',
  states: { open: 'Jetzt offen', ended: 'Beendet', interrupted: 'Unterbrochen' },
  named: (label, value) => `${label}: ${value}`,

  search: 'Suchen, oder client: outcome: port: bytes>',
  searchLabel: 'Suchen und filtern',
  searchTitle:
    'Suchen (/). Wörter, oder Ausdrücke und Eingabetaste: client:ada-* port:ssh -outcome:failed bytes>10MB',
  clearAll: 'Alle löschen',
  found: (suggestions) => plural(suggestions, 'Vorschlag', 'Vorschläge'),
  noneFound: 'Keine Vorschläge. Die Eingabetaste übernimmt den Text.',
  countingLong: 'Zählt: Die Auswahl umfasst sehr viele Sitzungen.',
  counting: 'Zählt…',
  set: 'Gesetzte Filter',
  remove: (filter) => `Filter entfernen: ${filter}`,
  suggestions: 'Vorschläge',
  hints: {
    client: 'Name oder Nummer, * für beliebigen Text: client:ada-*',
    user: 'Name, E-Mail oder Kennung',
    resource: 'Name oder Nummer: resource:"Name server"',
    site: 'Name oder Nummer',
    outcome: 'failed, reset, open, closed',
    port: 'Nummer oder Dienst: port:ssh',
    source: 'Adresse oder Netz: source:10.8.0.0/24',
    dest: 'Adresse, Netz oder Adresse:Port',
    protocol: 'tcp oder udp',
    bytes: 'beide Richtungen zusammen: bytes>10MB',
    sent: 'gesendet, wie sent>10MB',
    received: 'empfangen, wie received<=500',
    duration: 'Dauer, wie duration>5m',
    time: 'der Zeitraum: time:7d, time:"gestern 18:00 bis 08:00"',
  },
  kinds: {
    client: 'Client',
    user: 'Benutzer',
    resource: 'Ressource',
    site: 'Standort',
    outcome: 'Ausgang',
    port: 'Port',
  },
  not: 'nicht',
  or: 'oder',
  operators: { '>': 'über', '>=': 'ab', '<': 'unter', '<=': 'bis' },

  mistake,
}

const EXPECTED: Readonly<Record<Exclude<QueryExpected, 'outcome'>, string>> = {
  address: 'eine Adresse wie 10.8.0.2, 10.8.0.0/24 oder 10.8.0.2:443',
  port: 'ein Port oder ein Dienst wie ssh',
  protocol: 'tcp oder udp',
  time: 'eine Zeit wie 500ms, 30s oder 5m',
  bytes: 'eine Menge wie 500, 10kB oder 2.5MB',
}

function mistake(it: QueryMistake): string {
  switch (it.code) {
    case 'terms':
      return `höchstens ${count(it.most)} Ausdrücke`
    case 'characters':
      return `höchstens ${count(it.most)} Zeichen`
    case 'values':
      return `${it.key}: höchstens ${count(it.most)} Werte`
    case 'noValue':
      return `nach ${it.term} fehlt ein Wert`
    case 'comparison':
      return `${it.key}: erwartet wird > oder <, wie ${it.key}>10`
    case 'colon':
      return `nach ${it.key} gehört ein Doppelpunkt`
    case 'oneValue':
      return `${it.key}: erwartet wird ein einziger Wert`
    case 'value': {
      const what = it.expected === 'outcome' ? it.words.join(', ') : EXPECTED[it.expected]
      return `${it.key}: erwartet wird ${what}; angegeben ist „${it.got}“`
    }
  }
}
