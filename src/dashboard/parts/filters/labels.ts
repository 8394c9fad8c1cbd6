/** The filters' names, and the values that they take. */
import { FILTERS, type FilterName } from '../../state/filters.js'

export const FILTER_LABELS: Readonly<Record<FilterName, string>> = {
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
}

const ADDRESS = 'an address, a network or address:port, as in 10.8.0.2, 10.8.0.0/24 or 10.8.0.2:443'

export const EXPECTED: Readonly<Record<FilterName, string>> = {
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
}

/** The refused filter: the API's message begins with the parameter's name. */
export function refusedFilter(message: string): FilterName | undefined {
  const name = /^(\w+):/.exec(message)?.[1]
  return FILTERS.find((filter) => filter === name)
}
