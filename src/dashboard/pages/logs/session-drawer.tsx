/** The details of one session: every field, and buttons to filter by them. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { isSumRow } from '../../../session/log-rule.js'
import { endReasonText, outcomeOf } from '../../../session/outcome.js'
import { fetchNamesThen } from '../../api/logs.js'
import type { LogRow } from '../../api/types.js'
import { useQuery } from '../../api/use-query.js'
import { exactBytes, formatBytes, formatCount, plural } from '../../format/bytes.js'
import { formatAgo, formatDuration, formatExact } from '../../format/time.js'
import { basisText, destText, flagNames, sourceText, unattributedText } from '../../format/words.js'
import { zoneName } from '../../format/zone.js'
import { Duration } from '../../parts/duration.js'
import { Fact } from '../../parts/fact.js'
import { CloseIcon } from '../../parts/icons.js'
import { OutcomeLabel } from '../../parts/outcome.js'
import { useNow } from '../../parts/use-now.js'
import { CellActions } from './cell-actions.js'
import { cellOf, type LiveCell } from './cells.js'
import { CopyMenu } from './copy-menu.js'

export interface SessionDrawerProps {
  readonly orgId: string
  readonly row: LogRow
  readonly onClose: () => void
}

export function SessionDrawer({ orgId, row, onClose }: SessionDrawerProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  const focusNow = useRef(true)
  useEffect(() => {
    // Paging with j and k keeps the focus in the list; opening by click or Enter moves it here.
    if (focusNow.current) heading.current?.focus({ preventScroll: true })
    focusNow.current = false
  }, [])
  return (
    <aside class="drawer" aria-label="Session">
      <div class="drawer-head">
        <h2 ref={heading} tabIndex={-1}>
          {row.resourceName ?? destText(row)}
        </h2>
        <CopyMenu orgId={orgId} row={row} />
        <button type="button" class="button quiet icon" aria-label="Close" onClick={onClose}>
          <CloseIcon />
        </button>
      </div>
      <section
        class="drawer-body"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keyboard.
        tabIndex={0}
        aria-label="Fields of the session"
      >
        <p class="drawer-lead">
          <OutcomeLabel row={row} />
          <span class="muted">{outcomeOf(row).detail}</span>
        </p>
        {isSumRow(row) && (
          <p class="note">
            The sum of {plural(row.connectionCount, 'connection')} that ended within this hour: the
            catalog keeps counts only (log: counts).
          </p>
        )}
        <Amounts row={row} />
        <Who row={row} />
        <NamesThen orgId={orgId} row={row} />
        <When row={row} />
        <How row={row} />
        <Ids row={row} />
      </section>
    </aside>
  )
}

function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="drawer-section">
      <h3>{title}</h3>
      <dl>{children}</dl>
    </section>
  )
}

function Amounts({ row }: { row: LogRow }) {
  const lines = [
    ['Bytes', row.bytesTx, row.bytesRx],
    ['Payload', row.payloadTx, row.payloadRx],
    ['Packets', row.packetsTx, row.packetsRx],
    ...(row.retransmitsTx || row.retransmitsRx
      ? ([
          ['Retransmitted', row.retransmittedBytesTx, row.retransmittedBytesRx],
          ['Retransmits', row.retransmitsTx, row.retransmitsRx],
        ] as const)
      : []),
  ] as const
  return (
    <table class="amounts">
      <caption class="visually-hidden">How much</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">Sent</th>
          <th scope="col">Received</th>
        </tr>
      </thead>
      <tbody>
        {lines.map(([name, sent, received]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{amount(name, sent)}</td>
            <td>{amount(name, received)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function amount(name: string, count: number | null) {
  if (count === null) return '–'
  if (name === 'Packets' || name === 'Retransmits') return formatCount(count)
  return (
    <>
      {formatBytes(count)}
      {count >= 1000 && <span class="exact">{exactBytes(count)}</span>}
    </>
  )
}

/** Names at the start of the session that differ from today's. The rest of the details has today's names. */
function NamesThen({ orgId, row }: { orgId: string; row: LogRow }) {
  const names = useQuery(`${orgId}/${row.sessionId}`, (signal) =>
    fetchNamesThen(orgId, row, signal),
  )
  const then = names.of === `${orgId}/${row.sessionId}` ? names.data : undefined
  if (then === undefined) return null
  const facts = [
    ['Client', then.clientName, row.clientName],
    ['User', then.userName, row.userName],
    ['E-mail', then.userEmail, row.userEmail],
    ['Resource', then.resourceName, row.resourceName],
    ['Site', then.siteName, row.siteName],
  ] as const
  const changed = facts.filter(([, was, is]) => was !== null && was !== is)
  if (changed.length === 0) return null
  return (
    <Section title="Called then">
      {changed.map(([name, was]) => (
        <Fact key={name} name={name}>
          {was}
        </Fact>
      ))}
    </Section>
  )
}

function Who({ row }: { row: LogRow }) {
  const { clientId, userId, siteResourceId, siteId } = row
  const cell = (name: LiveCell) => <CellActions cell={cellOf(name, row)} />
  return (
    <Section title="Who and what">
      <Fact name="Client" actions={cell('client')}>
        {row.clientName ?? clientId ?? <Unattributed row={row} />}
      </Fact>
      <Fact name="User" actions={cell('user')}>
        {row.userName ?? row.userEmail ?? userId ?? <span class="muted">–</span>}
        {row.userName && row.userEmail && <span class="muted"> {row.userEmail}</span>}
      </Fact>
      {row.otherClientId !== null && (
        <Fact name="Other client">
          {row.otherClientName ?? row.otherClientId}
          {row.otherUserId && <span class="muted"> {row.otherUserId}</span>}
        </Fact>
      )}
      <Fact name="Resource" actions={cell('resource')}>
        {row.resourceName ?? siteResourceId ?? (
          <span class="muted">not in the catalog: {destText(row)}</span>
        )}
      </Fact>
      <Fact name="Site" actions={siteId !== null && cell('site')}>
        {row.siteName ?? siteId}
      </Fact>
      <Fact name="Source" actions={cell('source')}>
        {sourceText(row)}
      </Fact>
      <Fact name="Destination" actions={cell('dest')}>
        {destText(row)}
      </Fact>
      <Fact name="Tunnel endpoint">{row.clientEndpoint}</Fact>
      <Fact name="Peer key">{row.peerPublicKey && <code>{row.peerPublicKey}</code>}</Fact>
    </Section>
  )
}

function Unattributed({ row }: { row: LogRow }) {
  const why = row.unattributed ? unattributedText(row.unattributed) : 'unknown'
  return <span class="muted">{why}</span>
}

function When({ row }: { row: LogRow }) {
  const now = useNow()
  const startMs = Date.parse(row.startTime)
  return (
    <Section title="When">
      <Fact name="Started">
        {formatExact(row.startTime)} <span class="muted ago">{formatAgo(startMs, now)}</span>
      </Fact>
      <Fact name="Ended">{row.duration === null ? 'still open' : formatExact(row.endTime)}</Fact>
      {row.duration === null && <Fact name="Last packet">{formatExact(row.endTime)}</Fact>}
      <Fact name="Duration">
        <Duration seconds={row.duration} startedMs={startMs} />
      </Fact>
      <Fact name="Zone">{zoneName(startMs)}</Fact>
    </Section>
  )
}

function How({ row }: { row: LogRow }) {
  const tcp = row.protocol === 'tcp'
  const rtt = row.handshakeRttUs
  return (
    <Section title="How">
      <Fact name="Protocol">{row.protocol.toUpperCase()}</Fact>
      <Fact name="State">{row.connState}</Fact>
      <Fact name="End reason">{endReasonText(row.endReason)}</Fact>
      {tcp && <Fact name="Flags sent">{flagNames(row.tcpFlagsTx)}</Fact>}
      {tcp && <Fact name="Flags received">{flagNames(row.tcpFlagsRx)}</Fact>}
      {tcp && <Fact name="Handshake">{rtt === null ? 'not seen' : handshakeText(rtt)}</Fact>}
      <Fact name="Direction">{row.directionBasis && basisText(row.directionBasis)}</Fact>
      <Fact name="Midstream">{row.midstream ? 'yes: its beginning was not seen' : 'no'}</Fact>
      {row.seenTwice && (
        <Fact name="Seen twice">from peer to peer: each packet counts going in and going out</Fact>
      )}
      {row.connectionCount > 1 && (
        <Fact name="Connections">{formatCount(row.connectionCount)} merged into this record</Fact>
      )}
    </Section>
  )
}

function handshakeText(us: number): string {
  return us < 1000
    ? `${us} µs`
    : us < 100_000
      ? `${(us / 1000).toFixed(2)} ms`
      : formatDuration(us / 1e6)
}

function Ids({ row }: { row: LogRow }) {
  return (
    <Section title="Identifiers">
      <Fact name="Session">
        <code>{row.sessionId}</code>
      </Fact>
      <Fact name="Meter">
        <code>{row.meterId}</code>
      </Fact>
      {row.communityId && (
        <Fact name="Community id">
          <code>{row.communityId}</code>
        </Fact>
      )}
      <Fact name="Client, user, resource">
        {[row.clientId, row.userId, row.siteResourceId].map((id) => id ?? '–').join(', ')}
      </Fact>
      <Fact name="Organisation, site">
        {row.orgId}, {row.siteId}
      </Fact>
    </Section>
  )
}
