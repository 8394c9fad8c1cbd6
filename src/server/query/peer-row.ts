/** The fields of a peer event, in one list for the API, CSV and NDJSON. */
import { usToIso } from '../../base/instant.js'
import { type PeerConnection, type PeerEventRow, TOLD_WITHIN_US } from '../store/store.js'

export interface PeerField {
  readonly name: string
  readonly type: 'integer' | 'text' | 'boolean'
  readonly nullable: boolean
  readonly help: string
  /** People chose the text freely, so csv.ts must escape it. */
  readonly isName?: true
  readonly read: (row: PeerEventRow) => string | number | boolean | null
}

type Read = PeerField['read']

function field(name: string, help: string, read: Read, rest: Partial<PeerField> = {}): PeerField {
  return { name, type: 'text', nullable: true, help, read, ...rest }
}

const always = { nullable: false } as const

export const PEER_FIELDS: readonly PeerField[] = [
  field(
    'time',
    'The time of the event, as far as the meter knows it.',
    (e) => usToIso(e.timeUs),
    always,
  ),
  field('event', 'The kind of event.', (e) => e.event, always),
  field('siteId', 'Site.', (e) => e.siteId, { ...always, type: 'integer' }),
  field('siteName', 'Name of siteId.', (e) => e.siteName, { isName: true }),
  field('meterId', 'Meter that recorded it.', (e) => e.meterId, always),
  field('interface', 'Interface of the meter.', (e) => e.interface, always),
  field('publicKey', 'Public key of the peer.', (e) => e.publicKey),
  field('clientId', 'Client that had the key then.', (e) => e.clientId, { type: 'integer' }),
  field('clientName', 'Name of clientId.', (e) => e.clientName, { isName: true }),
  field('userId', 'User of that client then.', (e) => e.userId),
  field('userName', 'Name of userId.', (e) => e.userName, { isName: true }),
  field('userEmail', 'E-mail of userId.', (e) => e.userEmail, { isName: true }),
  field('endpoint', 'Outer address after the event.', (e) => e.endpoint),
  field(
    'endpointBefore',
    'Outer address before the event, if it changed.',
    (e) => e.endpointBefore,
  ),
  field(
    'allowedIps',
    'Allowed IPs after the event, for added, gone and allowedIpsChanged.',
    (e) => e.allowedIps,
  ),
  field(
    'allowedIpsBefore',
    'Allowed IPs before the event, for allowedIpsChanged.',
    (e) => e.allowedIpsBefore,
  ),
  field('handshake', 'The latest handshake.', (e) =>
    e.handshakeUs === null ? null : usToIso(e.handshakeUs),
  ),
  field(
    'already',
    'The peer was already connected at the meter’s first reading.',
    (e) => e.already,
    {
      ...always,
      type: 'boolean',
    },
  ),
  field('eventId', 'The same for the same event.', (e) => e.eventId, always),
]

export function peerRow(row: PeerEventRow): Record<string, string | number | boolean | null> {
  return Object.fromEntries(PEER_FIELDS.map(({ name, read }) => [name, read(row)]))
}

/** @param heard the meters that still report, as `siteId/meterId` */
export function connectionRow(
  { fromUs, toUs, toldUs, already, endpoints, ...who }: PeerConnection,
  heard: ReadonlySet<string>,
  nowUs: number,
) {
  const isHeard = heard.has(`${who.siteId}/${who.meterId}`) && toldUs > nowUs - TOLD_WITHIN_US
  return {
    from: usToIso(fromUs),
    to: toUs === null ? null : usToIso(toUs),
    state: toUs !== null ? 'ended' : isHeard ? 'connected' : 'unknown',
    already,
    endpoint: endpoints.at(-1) ?? null,
    endpoints,
    ...who,
  }
}
