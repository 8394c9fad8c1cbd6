/** The connections of clients with times and addresses: in a time range, now, or as single events. */

import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { fetchConnections, fetchPeerEvents, PEERS_SHOWN, peersExportHref } from '../../api/peers.js'
import { type Query, useQuery, useRefresh } from '../../api/use-query.js'
import { ConnectionTable } from '../../parts/connections.js'
import { CursorPager } from '../../parts/cursor-pager.js'
import { useNames } from '../../parts/filters/names.js'
import { DownloadIcon } from '../../parts/icons.js'
import { RangePicker } from '../../parts/range-picker.js'
import { Segments } from '../../parts/segments.js'
import { Failure, Message, Progress } from '../../parts/states.js'
import { spanQuery } from '../../state/filters.js'
import { rangeOf, spanOf } from '../../state/range.js'
import { type QueryParams, setParams, useLocation } from '../../state/url.js'
import { connected } from '../../texts/connected.js'
import { EventsTable } from './events-table.js'

const REFRESH_MS = 5_000
const VIEWS = ['connections', 'now', 'events'] as const
const WHOSE = ['clientId', 'userId', 'siteId'] as const

export function ConnectedPage({ orgId }: { orgId: string }) {
  const { params } = useLocation()
  const view = VIEWS.find((name) => name === params.get('view')) ?? 'connections'
  const whose = useMemo(
    () => Object.fromEntries(WHOSE.map((name) => [name, params.getAll(name)])),
    [params],
  )
  return (
    <div class="page">
      <div class="page-head">
        <h1>{connected().title}</h1>
        <Whose orgId={orgId} whose={whose} />
        <span class="space" />
        <Segments
          name={connected().which}
          options={VIEWS.map((value) => ({ value, label: connected().views[value] }))}
          value={view}
          onChange={(value) => setParams({ view: value === 'connections' ? null : value })}
        />
        {view !== 'now' && <RangePicker />}
        <a
          class="button"
          href={peersExportHref(orgId, {
            ...spanQuery(spanOf(rangeOf(params), Date.now())),
            ...whose,
          })}
          title={connected().csvTitle}
          download
        >
          <DownloadIcon /> CSV
        </a>
      </div>
      {view === 'events' ? (
        <Events orgId={orgId} whose={whose} />
      ) : (
        <Connections orgId={orgId} whose={whose} now={view === 'now'} />
      )}
    </div>
  )
}

interface PartProps {
  readonly orgId: string
  readonly whose: QueryParams
}

/** Names the clients, users and sites that the URL selects. A click removes the selection. */
function Whose({ orgId, whose }: PartProps) {
  const chosen = WHOSE.flatMap((name) =>
    (whose[name] as readonly string[]).map((id) => ({ name, id })),
  )
  const named = Object.fromEntries(WHOSE.map((name) => [name, whose[name] as readonly string[]]))
  const { nameOf } = useNames(orgId, named, undefined)
  if (chosen.length === 0) return null
  return (
    <button
      type="button"
      class="button small"
      title={connected().showAll}
      onClick={() => setParams(Object.fromEntries(WHOSE.map((name) => [name, null])))}
    >
      {chosen.map(({ name, id }) => nameOf(name, id)).join(', ')} <span aria-hidden="true">×</span>
      <span class="visually-hidden">{connected().showAllOf}</span>
    </button>
  )
}

/** Computed anew with each refresh, because a range that ends now must move on. */
function spanNow(params: URLSearchParams): QueryParams {
  return spanQuery(spanOf(rangeOf(params), Date.now()))
}

function Connections({ orgId, whose, now }: PartProps & { readonly now: boolean }) {
  const { params } = useLocation()
  const range = JSON.stringify(rangeOf(params))
  const query = useRefresh(
    useQuery(JSON.stringify(['connected', orgId, whose, now, range]), async (signal) => {
      const asked = now ? { ...whose, now: true } : { ...whose, ...spanNow(params) }
      const { connections, more } = await fetchConnections(orgId, asked, signal)
      return { rows: connections, more }
    }),
    REFRESH_MS,
  )
  return (
    <Answered query={query}>
      {({ rows, more }) => (
        <>
          <p class="lead">
            {now
              ? connected().connectedNow(rows.length)
              : connected().connections(
                  rows.length,
                  more,
                  rows.filter(({ state }) => state === 'connected').length,
                )}
          </p>
          {rows.length > 0 && <ConnectionTable rows={rows} />}
        </>
      )}
    </Answered>
  )
}

function Events({ orgId, whose }: PartProps) {
  const { params } = useLocation()
  const range = JSON.stringify(rangeOf(params))
  const key = JSON.stringify(['peerEvents', orgId, whose, range])
  // The cursors of the pages up to this one. Another selection starts again at the first page.
  const [cursors, setCursors] = useState<readonly string[]>([])
  useEffect(() => setCursors([]), [key])
  const cursor = cursors.at(-1)
  const query = useQuery(JSON.stringify([key, cursor]), (signal) =>
    fetchPeerEvents(orgId, { ...whose, ...spanNow(params), cursor }, signal),
  )
  return (
    <Answered query={query}>
      {({ events, nextCursor }) =>
        events.length === 0 ? (
          <Nothing />
        ) : (
          <>
            <EventsTable events={events} />
            <CursorPager
              cursors={cursors}
              nextCursor={nextCursor}
              pageSize={PEERS_SHOWN}
              onChange={setCursors}
            />
          </>
        )
      }
    </Answered>
  )
}

function Nothing() {
  return (
    <Message title={connected().nothing}>
      <p>{connected().nothingWhy}</p>
    </Message>
  )
}

interface AnsweredProps<T> {
  readonly query: Query<T>
  readonly children: (data: T) => ComponentChildren
}

function Answered<T>({ query, children }: AnsweredProps<T>) {
  const { data, error, cancelled } = query
  return (
    <>
      <Progress query={query} />
      {data === undefined || error !== null || cancelled ? (
        <Failure query={query} what="peers" />
      ) : (
        children(data)
      )}
    </>
  )
}
