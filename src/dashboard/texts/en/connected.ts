/** Connected clients. */
import { ENGLISH } from '../language.js'

const { count, plural } = ENGLISH

export const connected = {
  title: 'Connected clients',
  which: 'Which',
  views: { connections: 'In the time range', now: 'Now', events: 'Events' },
  csvTitle: 'All events of the time range',
  showAll: 'Show all',
  showAllOf: ': show all',
  connectedNow: (clients: number) => `${count(clients)} connected now.`,
  connections: (connections: number, more: boolean, now: number) =>
    `${plural(connections, 'connection', 'connections')}${more ? ', the latest; others are left out' : ''}; ${count(now)} connected now.`,
  nothing: 'Nothing happened in this time',
  nothingWhy: 'Meters tell it of WireGuard interfaces whose peers they can read.',
  events: 'Events',
  time: 'Time',
  event: 'Event',
  fromWhere: 'From where, allowed IPs',
  before: 'Before',
  words: {
    connected: 'Connected',
    disconnected: 'Disconnected',
    endpointChanged: 'Moved',
    allowedIpsChanged: 'Allowed IPs changed',
    added: 'Added',
    gone: 'Removed',
  },
  already: 'already',
}
