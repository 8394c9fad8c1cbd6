import type { entity as english } from '../en/entity.js'
import { GERMAN } from '../language.js'

const { count, plural } = GERMAN

export const entity: typeof english = {
  itsSessions: 'Zu den Sitzungen',
  noSessions: (name, range) => `${name} hatte keine Sitzungen (${range}).`,
  counterparts: {
    client: (clients) => plural(clients, 'Client', 'Clients'),
    user: (users) => plural(users, 'Benutzer', 'Benutzern'),
    resource: (resources) => plural(resources, 'Ressource', 'Ressourcen'),
    site: (sites) => plural(sites, 'Standort', 'Standorten'),
  },
  moreCounterparts: {
    client: (clients) => `mehr als ${plural(clients, 'Client', 'Clients')}`,
    user: (users) => `mehr als ${plural(users, 'Benutzer', 'Benutzern')}`,
    resource: (resources) => `mehr als ${plural(resources, 'Ressource', 'Ressourcen')}`,
    site: (sites) => `mehr als ${plural(sites, 'Standort', 'Standorten')}`,
  },
  summary: (name, sessions, others, range) =>
    `${name} hatte ${plural(sessions, 'Sitzung', 'Sitzungen')} mit ${others} (${range}):`,
  amounts: (sent, received, failed) =>
    `${sent} gesendet, ${received} empfangen; ${failed === 0 ? 'keine' : count(failed)} fehlgeschlagen.`,
  figures: {
    sessions: 'Sitzungen',
    sent: 'Gesendet',
    received: 'Empfangen',
    failed: 'Fehlgeschlagen',
    open: 'Jetzt offen',
    seen: 'Erste und letzte Sitzung',
  },
  failedBy: {
    client: 'Fehlgeschlagen, nach Client',
    user: 'Fehlgeschlagen, nach Benutzer',
    resource: 'Fehlgeschlagen, nach Ressource',
    site: 'Fehlgeschlagen, nach Standort',
  },
  noneInTime: 'In dieser Zeit keine.',
  unnamed: 'Ohne Namen',
  connected: 'Verbunden',
  allConnections: 'Alle Verbindungen',
  connections: 'Verbindungen',
  events: 'Ereignisse',
  hours: 'Stunden nach Wochentag',
  hoursHint: (zone) => `Sitzungen nach ihrem Beginn, ${zone}`,
  lastDays: (days) => `; der letzten ${count(days)} Tage des Zeitraums`,
  hoursTable: 'Sitzungen nach Wochentag und Stunde',
  hoursCaption: 'Sitzungen nach Wochentag (Zeilen) und Stunde (Spalten)',
  weekdays: ['Mo', 'Di', 'Mi', 'Do', 'Fr', 'Sa', 'So'],
  hour: (sessions, bytes) => `${plural(sessions, 'Sitzung', 'Sitzungen')}, ${bytes}`,
  lessKept: (rules, rest) =>
    `Von diesen Sitzungen wird nicht alles aufbewahrt. ${rules}${rest > 0 ? `; und ${plural(rest, 'weitere Regel', 'weitere Regeln')}` : ''}.`,
  catalog: 'Katalog',
}
