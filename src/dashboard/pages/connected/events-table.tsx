/** The events of peers, one per row. */
import type { PeerEventRow } from '../../api/peers.js'
import { formatDateTime } from '../../format/time.js'
import { PeerName } from '../../parts/connections.js'
import { TableScroll } from '../../parts/table-scroll.js'

const WORDS: Readonly<Record<string, string>> = {
  connected: 'Connected',
  disconnected: 'Disconnected',
  endpointChanged: 'Moved',
  allowedIpsChanged: 'Allowed IPs changed',
  added: 'Added',
  gone: 'Removed',
}

export function EventsTable({ events }: { events: readonly PeerEventRow[] }) {
  return (
    <TableScroll label="Events">
      <table class="plain-table">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Event</th>
            <th scope="col">Client</th>
            <th scope="col">User</th>
            <th scope="col">From where, allowed IPs</th>
            <th scope="col">Before</th>
            <th scope="col">Site</th>
          </tr>
        </thead>
        <tbody>
          {events.map((event) => (
            <tr key={event.eventId}>
              <th scope="row" title={event.time}>
                {formatDateTime(Date.parse(event.time))}
              </th>
              <td>
                {WORDS[event.event] ?? event.event}
                {event.already && ' already'}
              </td>
              <td>
                <PeerName {...event} />
              </td>
              <td>{event.userName ?? event.userId ?? '–'}</td>
              <td>
                {(event.event === 'connected' ? null : event.allowedIps) ?? event.endpoint ?? '–'}
              </td>
              <td class="muted">{event.allowedIpsBefore ?? event.endpointBefore ?? ''}</td>
              <td>{event.siteName ?? `Site ${event.siteId}`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}
