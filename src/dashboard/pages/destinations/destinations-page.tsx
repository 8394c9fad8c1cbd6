/** The list of destinations with their states, and the form for a new one. */
import { useState } from 'preact/hooks'
import type { Destination } from '../../api/destinations.js'
import { formatCount } from '../../format/bytes.js'
import { PlusIcon } from '../../parts/icons.js'
import { Failure, Message, Progress } from '../../parts/states.js'
import { TableScroll } from '../../parts/table-scroll.js'
import { useNow } from '../../parts/use-now.js'
import { destinationHref } from '../../state/entity.js'
import { followLink, navigate } from '../../state/url.js'
import { DestinationDialog } from './destination-form.js'
import {
  agoText,
  failureText,
  pendingText,
  StateBadge,
  useDestinations,
  useRefusal,
} from './standing.js'

export function DestinationsPage({ orgId }: { orgId: string }) {
  return useRefusal(orgId) ?? <List orgId={orgId} />
}

function List({ orgId }: { orgId: string }) {
  const [creating, setCreating] = useState(false)
  const query = useDestinations(orgId)
  const { data } = query
  return (
    <div class="page">
      <div class="page-head">
        <h1>Destinations</h1>
        <span class="muted hint">
          The server sends ended sessions on to these systems; refreshed every 5 seconds.
        </span>
        <span class="space" />
        <button type="button" class="button" onClick={() => setCreating(true)}>
          <PlusIcon /> New destination
        </button>
      </div>
      <Progress query={query} />
      {data === undefined ? (
        <Failure query={query} what="destinations" />
      ) : data.length === 0 ? (
        <Message title="Sessions are sent nowhere yet">
          <p>
            A destination is a webhook, a log system or a bucket. The server sends it each ended
            session.
          </p>
        </Message>
      ) : (
        <DestinationTable destinations={data} />
      )}
      {creating && (
        <DestinationDialog
          orgId={orgId}
          onClose={() => setCreating(false)}
          onStored={({ id }) => navigate(destinationHref(id))}
        />
      )}
    </div>
  )
}

function DestinationTable({ destinations }: { destinations: readonly Destination[] }) {
  const now = useNow()
  return (
    <TableScroll label="Destinations">
      <table class="plain-table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">State</th>
            <th scope="col">Kind</th>
            <th scope="col">Goes to</th>
            <th scope="col" class="number">
              Delivered
            </th>
            <th scope="col">Waiting</th>
            <th scope="col" class="number">
              Dead letters
            </th>
            <th scope="col">Last success</th>
          </tr>
        </thead>
        <tbody>
          {destinations.map((one) => (
            <tr key={one.id}>
              <th scope="row">
                <a href={destinationHref(one.id)} onClick={followLink}>
                  {one.name}
                </a>
              </th>
              <td>
                <StateBadge state={one.state} />
                {one.lastFailure !== null &&
                  (one.state === 'blocked' || one.state === 'retrying') && (
                    <div class="muted hint">{failureText(one.lastFailure)}</div>
                  )}
              </td>
              <td>{one.kind}</td>
              <td>{one.target}</td>
              <td class="number">{formatCount(one.delivered)}</td>
              <td>{pendingText(one, now)}</td>
              <td class={one.deadLetters > 0 ? 'number wrong' : 'number'}>
                {formatCount(one.deadLetters)}
              </td>
              <td title={one.lastSuccessAt ?? undefined}>{agoText(one.lastSuccessAt, now)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}
