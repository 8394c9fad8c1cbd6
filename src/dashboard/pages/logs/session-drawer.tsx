/** The details of one session: every field, and buttons to filter by them. */

import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { isSumRow } from '../../../session/log-rule.js'
import { fetchNamesThen } from '../../api/logs.js'
import type { LogRow } from '../../api/types.js'
import { useQuery } from '../../api/use-query.js'
import { exactBytes, formatBytes, formatCount } from '../../format/bytes.js'
import { formatAgo, formatDuration, formatExact } from '../../format/time.js'
import {
  basisText,
  destText,
  endReasonText,
  flagNames,
  outcomeWords,
  sourceText,
  unattributedText,
} from '../../format/words.js'
import { zoneName } from '../../format/zone.js'
import { Duration } from '../../parts/duration.js'
import { Fact } from '../../parts/fact.js'
import { CloseIcon } from '../../parts/icons.js'
import { OutcomeLabel } from '../../parts/outcome.js'
import { useNow } from '../../parts/use-now.js'
import { common } from '../../texts/common.js'
import { forms } from '../../texts/language.js'
import { session } from '../../texts/session.js'
import { CellActions } from './cell-actions.js'
import { cellOf, type LiveCell } from './cells.js'
import { CopyMenu } from './copy-menu.js'
import { Neighbours } from './neighbours.js'
import { PairStrip } from './pair-strip.js'

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
    <aside class="drawer" aria-label={session().title}>
      <div class="drawer-head">
        <h2 ref={heading} tabIndex={-1}>
          {row.resourceName ?? destText(row)}
        </h2>
        <CopyMenu orgId={orgId} row={row} />
        <button
          type="button"
          class="button quiet icon"
          aria-label={common().close}
          onClick={onClose}
        >
          <CloseIcon />
        </button>
      </div>
      <section
        class="drawer-body"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keyboard.
        tabIndex={0}
        aria-label={session().fields}
      >
        <p class="drawer-lead">
          <OutcomeLabel row={row} />
          <span class="muted">{outcomeWords(row).detail}</span>
        </p>
        {isSumRow(row) && <p class="note">{session().sum(row.connectionCount)}</p>}
        <Amounts row={row} />
        <PairStrip orgId={orgId} row={row} />
        <Neighbours orgId={orgId} row={row} />
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
    ['bytes', row.bytesTx, row.bytesRx],
    ['payload', row.payloadTx, row.payloadRx],
    ['packets', row.packetsTx, row.packetsRx],
    ...(row.retransmitsTx || row.retransmitsRx
      ? ([
          ['retransmitted', row.retransmittedBytesTx, row.retransmittedBytesRx],
          ['retransmits', row.retransmitsTx, row.retransmitsRx],
        ] as const)
      : []),
  ] as const
  return (
    <table class="amounts">
      <caption class="visually-hidden">{session().howMuch}</caption>
      <thead>
        <tr>
          <td />
          <th scope="col">{session().sent}</th>
          <th scope="col">{session().received}</th>
        </tr>
      </thead>
      <tbody>
        {lines.map(([name, sent, received]) => (
          <tr key={name}>
            <th scope="row">{session().amounts[name]}</th>
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
  if (name === 'packets' || name === 'retransmits') return formatCount(count)
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
    ['client', then.clientName, row.clientName],
    ['user', then.userName, row.userName],
    ['email', then.userEmail, row.userEmail],
    ['resource', then.resourceName, row.resourceName],
    ['site', then.siteName, row.siteName],
  ] as const
  const changed = facts.filter(([, was, is]) => was !== null && was !== is)
  if (changed.length === 0) return null
  return (
    <Section title={session().calledThen}>
      {changed.map(([name, was]) => (
        <Fact key={name} name={session()[name]}>
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
    <Section title={session().whoAndWhat}>
      <Fact name={session().client} actions={cell('client')}>
        {row.clientName ?? clientId ?? <Unattributed row={row} />}
      </Fact>
      <Fact name={session().user} actions={cell('user')}>
        {row.userName ?? row.userEmail ?? userId ?? <span class="muted">–</span>}
        {row.userName && row.userEmail && <span class="muted"> {row.userEmail}</span>}
      </Fact>
      {row.otherClientId !== null && (
        <Fact name={session().otherClient}>
          {row.otherClientName ?? row.otherClientId}
          {row.otherUserId && <span class="muted"> {row.otherUserId}</span>}
        </Fact>
      )}
      <Fact name={session().resource} actions={cell('resource')}>
        {row.resourceName ?? siteResourceId ?? (
          <span class="muted">{session().notInCatalog(destText(row))}</span>
        )}
      </Fact>
      <Fact name={session().site} actions={siteId !== null && cell('site')}>
        {row.siteName ?? siteId}
      </Fact>
      <Fact name={session().source} actions={cell('source')}>
        {sourceText(row)}
      </Fact>
      <Fact name={session().destination} actions={cell('dest')}>
        {destText(row)}
      </Fact>
      <Fact name={session().endpoint}>{row.clientEndpoint}</Fact>
      <Fact name={session().peerKey}>{row.peerPublicKey && <code>{row.peerPublicKey}</code>}</Fact>
    </Section>
  )
}

function Unattributed({ row }: { row: LogRow }) {
  const why = row.unattributed ? unattributedText(row.unattributed) : session().unknown
  return <span class="muted">{why}</span>
}

function When({ row }: { row: LogRow }) {
  const now = useNow()
  const startMs = Date.parse(row.startTime)
  return (
    <Section title={session().when}>
      <Fact name={session().started}>
        {formatExact(row.startTime)} <span class="muted ago">{formatAgo(startMs, now)}</span>
      </Fact>
      <Fact name={session().ended}>
        {row.duration === null ? session().stillOpen : formatExact(row.endTime)}
      </Fact>
      {row.duration === null && <Fact name={session().lastPacket}>{formatExact(row.endTime)}</Fact>}
      <Fact name={session().duration}>
        <Duration seconds={row.duration} startedMs={startMs} />
      </Fact>
      <Fact name={session().zone}>{zoneName(startMs)}</Fact>
    </Section>
  )
}

function How({ row }: { row: LogRow }) {
  const tcp = row.protocol === 'tcp'
  const rtt = row.handshakeRttUs
  return (
    <Section title={session().how}>
      <Fact name={session().protocol}>{row.protocol.toUpperCase()}</Fact>
      <Fact name={session().state}>{row.connState}</Fact>
      <Fact name={session().endReason}>{endReasonText(row.endReason)}</Fact>
      {tcp && <Fact name={session().flagsSent}>{flagNames(row.tcpFlagsTx)}</Fact>}
      {tcp && <Fact name={session().flagsReceived}>{flagNames(row.tcpFlagsRx)}</Fact>}
      {tcp && (
        <Fact name={session().handshake}>
          {rtt === null ? session().notSeen : handshakeText(rtt)}
        </Fact>
      )}
      <Fact name={session().direction}>{row.directionBasis && basisText(row.directionBasis)}</Fact>
      <Fact name={session().midstream}>
        {row.midstream ? session().isMidstream : session().notMidstream}
      </Fact>
      {row.seenTwice && <Fact name={session().seenTwice}>{session().seenTwiceWhy}</Fact>}
      {row.connectionCount > 1 && (
        <Fact name={session().connections}>{session().merged(row.connectionCount)}</Fact>
      )}
    </Section>
  )
}

function handshakeText(us: number): string {
  return us < 1000
    ? `${us} µs`
    : us < 100_000
      ? `${forms().decimal(us / 1000, 2)} ms`
      : formatDuration(us / 1e6)
}

function Ids({ row }: { row: LogRow }) {
  return (
    <Section title={session().ids}>
      <Fact name={session().title}>
        <code>{row.sessionId}</code>
      </Fact>
      <Fact name={session().meter}>
        <code>{row.meterId}</code>
      </Fact>
      {row.communityId && (
        <Fact name={session().communityId}>
          <code>{row.communityId}</code>
        </Fact>
      )}
      <Fact name={session().clientUserResource}>
        {[row.clientId, row.userId, row.siteResourceId].map((id) => id ?? '–').join(', ')}
      </Fact>
      <Fact name={session().orgAndSite}>
        {row.orgId}, {row.siteId}
      </Fact>
    </Section>
  )
}
