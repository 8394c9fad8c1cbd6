import type { connected as english } from '../en/connected.js'
import { GERMAN } from '../language.js'

const { count, plural } = GERMAN

export const connected: typeof english = {
  title: 'Verbundene Clients',
  which: 'Welche',
  views: { connections: 'Im Zeitraum', now: 'Jetzt', events: 'Ereignisse' },
  csvTitle: 'Alle Ereignisse des Zeitraums',
  showAll: 'Alle zeigen',
  showAllOf: ': alle zeigen',
  connectedNow: (clients) => `${count(clients)} jetzt verbunden.`,
  connections: (connections, more, now) =>
    `${plural(connections, 'Verbindung', 'Verbindungen')}${more ? ', die letzten; weitere fehlen hier' : ''}; ${count(now)} jetzt verbunden.`,
  nothing: 'In dieser Zeit geschah nichts',
  nothingWhy:
    'Messgeräte melden es von WireGuard-Schnittstellen, deren Gegenstellen sie lesen können.',
  events: 'Ereignisse',
  time: 'Zeit',
  event: 'Ereignis',
  fromWhere: 'Von wo, erlaubte Adressen',
  before: 'Zuvor',
  words: {
    connected: 'Verbunden',
    disconnected: 'Getrennt',
    endpointChanged: 'Anderer Endpunkt',
    allowedIpsChanged: 'Erlaubte Adressen geändert',
    added: 'Hinzugefügt',
    gone: 'Entfernt',
  },
  already: 'bereits',
}
