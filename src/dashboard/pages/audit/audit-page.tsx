/** The audit trail: sign-ins, queries about a person, exports, changes and deletions. */

import { useState } from 'preact/hooks'
import { AUDIT_SHOWN, type AuditEntry, auditExportHref, fetchAudit } from '../../api/audit.js'
import { session } from '../../api/session.js'
import { useQuery } from '../../api/use-query.js'
import { formatDateTime } from '../../format/time.js'
import { CursorPager } from '../../parts/cursor-pager.js'
import { DownloadIcon } from '../../parts/icons.js'
import { Failure, Message, Progress } from '../../parts/states.js'
import { TableScroll } from '../../parts/table-scroll.js'
import { useStore } from '../../state/store.js'
import { setParams, useLocation } from '../../state/url.js'
import { audit } from '../../texts/audit.js'

/** The choices of the menu, and the events of each. */
const GROUPS = {
  people: ['personQueried'],
  exports: ['exportStarted', 'exportEnded', 'auditExported'],
  keys: ['keyCreated', 'keyRevoked', 'keyUsedFromNewAddress'],
  changes: ['settingsChanged', 'catalogReplaced', 'sessionsExpired'],
  signIns: ['signedIn', 'signedOut'],
  refused: ['keyRefused', 'signInRefused', 'scopeExceeded'],
}

const GROUP_NAMES = Object.keys(GROUPS) as (keyof typeof GROUPS)[]

function isGroup(name: string): name is keyof typeof GROUPS {
  return Object.hasOwn(GROUPS, name)
}

export function AuditPage({ orgId }: { orgId: string }) {
  const scope = useStore(session)?.scope
  if (scope !== 'admin' && scope !== 'root')
    return (
      <Message title={audit().forAdmins}>
        <p>{audit().forAdminsWhy(orgId)}</p>
      </Message>
    )
  return <Trail orgId={orgId} />
}

function Trail({ orgId }: { orgId: string }) {
  const { params } = useLocation()
  const name = params.get('events') ?? ''
  const events = isGroup(name) ? GROUPS[name] : []
  // The cursor of each page from the second to the current one.
  const [cursors, setCursors] = useState<readonly string[]>([])
  const cursor = cursors.at(-1) ?? null
  const query = useQuery(JSON.stringify(['audit', orgId, events, cursor]), (signal) =>
    fetchAudit(orgId, { events, cursor }, signal),
  )
  const { data } = query
  return (
    <div class="page">
      <div class="page-head">
        <h1>{audit().title}</h1>
        <span class="muted hint">{audit().hint}</span>
        <span class="space" />
        <label>
          <span class="visually-hidden">{audit().events}</span>
          <select
            class="field"
            value={name}
            onChange={(event) => {
              setCursors([])
              setParams({ events: event.currentTarget.value || null })
            }}
          >
            <option value="">{audit().allEvents}</option>
            {GROUP_NAMES.map((value) => (
              <option key={value} value={value}>
                {audit().groups[value]}
              </option>
            ))}
          </select>
        </label>
        <a class="button" href={auditExportHref(orgId, events)} download>
          <DownloadIcon /> CSV
        </a>
      </div>
      <Progress query={query} />
      {data === undefined || query.error !== null || query.cancelled ? (
        <Failure query={query} what="audit" />
      ) : (
        <>
          {data.dropped > 0 && <p class="note warn">{audit().full(data.dropped)}</p>}
          <EntryTable entries={data.audit} />
          <CursorPager
            cursors={cursors}
            nextCursor={data.nextCursor}
            pageSize={AUDIT_SHOWN}
            onChange={setCursors}
          />
        </>
      )}
    </div>
  )
}

function EntryTable({ entries }: { entries: readonly AuditEntry[] }) {
  if (entries.length === 0) return <p class="muted">{audit().none}</p>
  return (
    <TableScroll label={audit().events}>
      <table class="plain-table audit-table">
        <thead>
          <tr>
            <th scope="col">{audit().time}</th>
            <th scope="col">{audit().event}</th>
            <th scope="col">{audit().who}</th>
            <th scope="col">{audit().from}</th>
            <th scope="col">{audit().what}</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.id}>
              <th scope="row" title={entry.at}>
                {formatDateTime(Date.parse(entry.at))}
              </th>
              <td>
                {audit().words[entry.event]}
                {entry.until !== null && (
                  <span class="muted" title={audit().until(entry.until)}>
                    {' '}
                    {audit().times(entry.count)}
                  </span>
                )}
              </td>
              <td title={entry.by ?? undefined}>{entry.byName ?? audit().noKey}</td>
              <td>{entry.address ?? audit().ownMachine}</td>
              <td>{factsText(entry.facts)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}

/** `clientId 7, rows 12`. Nested values are JSON. */
function factsText(facts: Readonly<Record<string, unknown>>): string {
  return Object.entries(facts)
    .filter(([, value]) => value !== null && value !== false)
    .map(([name, value]) => `${name} ${textOf(value)}`)
    .join(', ')
}

function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return JSON.stringify(value)
}
