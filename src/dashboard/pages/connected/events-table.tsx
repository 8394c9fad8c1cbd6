/** The events of peers, one per row. */

import type { PeerEventRow } from '../../api/peers.js'
import { formatDateTime } from '../../format/time.js'
import { PeerName } from '../../parts/connections.js'
import { TableScroll } from '../../parts/table-scroll.js'
import { common } from '../../texts/common.js'
import { connected } from '../../texts/connected.js'

export function EventsTable({ events }: { events: readonly PeerEventRow[] }) {
  return (
    <TableScroll label={connected().events}>
      <table class="plain-table">
        <thead>
          <tr>
            <th scope="col">{connected().time}</th>
            <th scope="col">{connected().event}</th>
            <th scope="col">{common().kinds.client}</th>
            <th scope="col">{common().kinds.user}</th>
            <th scope="col">{connected().fromWhere}</th>
            <th scope="col">{connected().before}</th>
            <th scope="col">{common().kinds.site}</th>
          </tr>
        </thead>
        <tbody>
          {events.map((event) => (
            <tr key={event.eventId}>
              <th scope="row" title={event.time}>
                {formatDateTime(Date.parse(event.time))}
              </th>
              <td>
                {connected().words[event.event]}
                {event.already && ` ${connected().already}`}
              </td>
              <td>
                <PeerName {...event} />
              </td>
              <td>{event.userName ?? event.userId ?? '–'}</td>
              <td>
                {(event.event === 'connected' ? null : event.allowedIps) ?? event.endpoint ?? '–'}
              </td>
              <td class="muted">{event.allowedIpsBefore ?? event.endpointBefore ?? ''}</td>
              <td>{event.siteName ?? common().unnamed.site(event.siteId)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}
