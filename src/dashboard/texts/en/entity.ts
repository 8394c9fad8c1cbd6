/** The page of a client, user, resource or site. */
import { ENGLISH } from '../language.js'

const { count, plural } = ENGLISH

export const entity = {
  itsSessions: 'Its sessions',
  noSessions: (name: string, range: string) => `${name} had no sessions (${range}).`,
  counterparts: {
    client: (clients: number) => plural(clients, 'client', 'clients'),
    user: (users: number) => plural(users, 'user', 'users'),
    resource: (resources: number) => plural(resources, 'resource', 'resources'),
    site: (sites: number) => plural(sites, 'site', 'sites'),
  },
  moreCounterparts: {
    client: (clients: number) => `more than ${plural(clients, 'client', 'clients')}`,
    user: (users: number) => `more than ${plural(users, 'user', 'users')}`,
    resource: (resources: number) => `more than ${plural(resources, 'resource', 'resources')}`,
    site: (sites: number) => `more than ${plural(sites, 'site', 'sites')}`,
  },
  summary: (name: string, sessions: number, others: string, range: string) =>
    `${name} had ${plural(sessions, 'session', 'sessions')} with ${others} (${range}):`,
  amounts: (sent: string, received: string, failed: number) =>
    `${sent} sent, ${received} received; ${failed === 0 ? 'none failed' : `${count(failed)} failed`}.`,
  figures: {
    sessions: 'Sessions',
    sent: 'Sent',
    received: 'Received',
    failed: 'Failed',
    open: 'Open now',
    seen: 'First and last seen',
  },
  failedBy: {
    client: 'Failed, by client',
    user: 'Failed, by user',
    resource: 'Failed, by resource',
    site: 'Failed, by site',
  },
  noneInTime: 'None in this time.',
  unnamed: 'Unnamed',
  connected: 'Connected',
  allConnections: 'All connections',
  connections: 'Connections',
  events: 'Events',
  hours: 'Hours by weekday',
  hoursHint: (zone: string) => `sessions by their start, ${zone}`,
  lastDays: (days: number) => `; of the last ${count(days)} days of the range`,
  hoursTable: 'Sessions by weekday and hour',
  hoursCaption: 'Sessions by weekday (rows) and hour (columns)',
  weekdays: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'],
  hour: (sessions: number, bytes: string) => `${plural(sessions, 'session', 'sessions')}, ${bytes}`,
  lessKept: (rules: string, rest: number) =>
    `Not all is kept of these sessions. ${rules}${rest > 0 ? `; and ${plural(rest, 'more rule', 'more rules')}` : ''}.`,
  catalog: 'Catalog',
}
