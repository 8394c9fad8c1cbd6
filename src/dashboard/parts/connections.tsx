/** A table of connections: client, times and addresses. */
import type { PeerConnection } from '../api/peers.js'
import { formatDateTime } from '../format/time.js'
import { entityHref } from '../state/entity.js'
import { followLink } from '../state/url.js'
import { common } from '../texts/common.js'
import { Duration } from './duration.js'
import { TableScroll } from './table-scroll.js'

interface ConnectionTableProps {
  readonly rows: readonly PeerConnection[]
  /** True if all rows belong to one client that the page names already. */
  readonly ofOne?: boolean
}

export function ConnectionTable({ rows, ofOne = false }: ConnectionTableProps) {
  return (
    <TableScroll label={common().connections}>
      <table class="plain-table">
        <thead>
          <tr>
            <th scope="col">{common().connected}</th>
            {!ofOne && <th scope="col">{common().kinds.client}</th>}
            {!ofOne && <th scope="col">{common().kinds.user}</th>}
            <th scope="col">{common().until}</th>
            <th scope="col">{common().lasted}</th>
            <th scope="col">{common().fromWhere}</th>
            <th scope="col">{common().kinds.site}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr
              key={`${row.siteId} ${row.meterId} ${row.interface} ${row.publicKey} ${row.clientId} ${row.from}`}
            >
              <th scope="row" title={row.from}>
                {row.already && <span title={common().beforeTitle}>{common().before} </span>}
                {formatDateTime(Date.parse(row.from))}
              </th>
              {!ofOne && (
                <td>
                  <PeerName {...row} />
                </td>
              )}
              {!ofOne && <td>{row.userName ?? row.userId ?? <None />}</td>}
              <td title={row.to ?? undefined}>
                <Until row={row} />
              </td>
              <td class="figures">
                <Time row={row} />
              </td>
              <td title={row.endpoints.join(' → ')}>
                {row.endpoint ?? <None />}
                {row.endpoints.length > 1 && <Others count={row.endpoints.length - 1} />}
              </td>
              <td>{row.siteName ?? common().unnamed.site(row.siteId)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}

function Others({ count }: { count: number }) {
  return <span class="muted"> {common().afterOthers(count)}</span>
}

function None() {
  return <span class="muted">–</span>
}

function Until({ row: { state, to } }: { row: PeerConnection }) {
  if (state === 'connected') return <span class="outcome open">{common().now}</span>
  if (state === 'unknown' || to === null)
    return (
      <span class="muted" title={common().unknownTitle}>
        {common().unknown}
      </span>
    )
  return <>{formatDateTime(Date.parse(to))}</>
}

function Time({ row: { state, from, to } }: { row: PeerConnection }) {
  const startedMs = Date.parse(from)
  if (state === 'unknown') return <None />
  return (
    <Duration
      seconds={to === null ? null : (Date.parse(to) - startedMs) / 1000}
      startedMs={startedMs}
    />
  )
}

interface PeerNameProps {
  readonly clientId: number | null
  readonly clientName: string | null
  readonly publicKey: string | null
}

/** Shows the public key for a peer that the catalog did not know. */
export function PeerName({ clientId, clientName, publicKey }: PeerNameProps) {
  if (clientId === null)
    return (
      <span class="muted" title={publicKey ?? undefined}>
        {publicKey === null ? '–' : `${publicKey.slice(0, 12)}…`}
      </span>
    )
  return (
    <a href={entityHref({ kind: 'client', id: String(clientId) })} onClick={followLink}>
      {clientName ?? common().unnamed.client(clientId)}
    </a>
  )
}
