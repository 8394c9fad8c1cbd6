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
import { destinations as texts } from '../../texts/destinations.js'
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
        <h1>{texts().title}</h1>
        <span class="muted hint">{texts().hint}</span>
        <span class="space" />
        <button type="button" class="button" onClick={() => setCreating(true)}>
          <PlusIcon /> {texts().newOne}
        </button>
      </div>
      <Progress query={query} />
      {data === undefined ? (
        <Failure query={query} what="destinations" />
      ) : data.length === 0 ? (
        <Message title={texts().none}>
          <p>{texts().noneWhy}</p>
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
    <TableScroll label={texts().title}>
      <table class="plain-table">
        <thead>
          <tr>
            <th scope="col">{texts().name}</th>
            <th scope="col">{texts().state}</th>
            <th scope="col">{texts().kind}</th>
            <th scope="col">{texts().goesTo}</th>
            <th scope="col" class="number">
              {texts().delivered}
            </th>
            <th scope="col">{texts().waiting}</th>
            <th scope="col" class="number">
              {texts().deadLetters}
            </th>
            <th scope="col">{texts().lastSuccess}</th>
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
