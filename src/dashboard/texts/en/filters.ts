/** The query bar: filters, suggestions, and what is wrong with a query. */
import { mistakeText } from '../../../session/query-mistake.js'
import { ENGLISH } from '../language.js'

const { plural } = ENGLISH
const ADDRESS = 'an address, a network or address:port, as in 10.8.0.2, 10.8.0.0/24 or 10.8.0.2:443'

export const filters = {
  labels: {
    q: 'Text',
    siteResourceId: 'Resource',
    clientId: 'Client',
    userId: 'User',
    siteId: 'Site',
    protocol: 'Protocol',
    state: 'State',
    connState: 'Outcome',
    sourceAddr: 'Source',
    destAddr: 'Destination',
    port: 'Destination port',
    minBytes: 'At least',
  },
  expected: {
    q: 'words and terms, as in client:ada-* port:ssh -outcome:failed bytes>10MB, 500 characters at most',
    siteResourceId: 'a resource’s number',
    clientId: 'a client’s number',
    userId: 'a user’s id',
    siteId: 'a site’s number',
    protocol: 'tcp or udp',
    state: 'open, ended or interrupted',
    connState: 'a connState, as in SF, S0 or REJ',
    sourceAddr: ADDRESS,
    destAddr: ADDRESS,
    port: 'a port from 0 to 65535',
    minBytes: 'bytes, as in 500, 10 kB or 2.5 MB',
  },
  cannotUse: (label: string) => `The filter “${label}” cannot be used`,
  itTakes: (expected: string, values: string) =>
    `It takes ${expected}. The address of this page has ${values}.`,
  quoted: (value: string) => `“${value}”`,
  removeThis: 'Remove this filter',
  states: { open: 'Open now', ended: 'Ended', interrupted: 'Interrupted' },
  named: (label: string, value: string) => `${label}: ${value}`,

  search: 'Search, or client: outcome: port: bytes>',
  searchLabel: 'Search and filter',
  searchTitle:
    'Search (/). Type words, or terms and Enter: client:ada-* port:ssh -outcome:failed bytes>10MB',
  clearAll: 'Clear all',
  found: (suggestions: number) => plural(suggestions, 'suggestion', 'suggestions'),
  noneFound: 'No suggestions. Enter applies the text.',
  countingLong: 'Counting: this selection covers a lot of sessions.',
  counting: 'Counting…',
  set: 'Filters that are set',
  remove: (filter: string) => `Remove filter ${filter}`,
  suggestions: 'Suggestions',
  hints: {
    client: 'a name or id, * for any text: client:ada-*',
    user: 'a name, e-mail or id',
    resource: 'a name or id: resource:"Name server"',
    site: 'a name or id',
    outcome: 'failed, reset, open, closed',
    port: 'a number or a service: port:ssh',
    source: 'an address or network: source:10.8.0.0/24',
    dest: 'an address, network or address:port',
    protocol: 'tcp or udp',
    bytes: 'both ways together: bytes>10MB',
    sent: 'as in sent>10MB',
    received: 'as in received<=500',
    duration: 'as in duration>5m',
    time: 'the time range: time:7d, time:"yesterday 18:00 to 08:00"',
  },
  kinds: {
    client: 'client',
    user: 'user',
    resource: 'resource',
    site: 'site',
    outcome: 'outcome',
    port: 'port',
  },
  /** The parts of a term in words: `not client: ada-*`, `bytes over 10MB`. */
  not: 'not',
  or: 'or',
  operators: { '>': 'over', '>=': 'from', '<': 'under', '<=': 'up to' },

  mistake: mistakeText,
}
