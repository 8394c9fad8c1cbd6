/** The audit trail: sign-ins, queries about a person, exports, changes and deletions. */
import { useState } from 'preact/hooks'
import { AUDIT_SHOWN, type AuditEntry, auditExportHref, fetchAudit } from '../../api/audit.js'
import { session } from '../../api/session.js'
import { useQuery } from '../../api/use-query.js'
import { formatCount } from '../../format/bytes.js'
import { formatDateTime } from '../../format/time.js'
import { CursorPager } from '../../parts/cursor-pager.js'
import { DownloadIcon } from '../../parts/icons.js'
import { Failure, Message, Progress } from '../../parts/states.js'
import { TableScroll } from '../../parts/table-scroll.js'
import { useStore } from '../../state/store.js'
import { setParams, useLocation } from '../../state/url.js'

/** The choices of the menu, and the events of each. */
const GROUPS: Readonly<Record<string, { label: string; events: readonly string[] }>> = {
  people: { label: 'Asked for a person', events: ['personQueried'] },
  exports: { label: 'Exports', events: ['exportStarted', 'exportEnded', 'auditExported'] },
  keys: { label: 'Keys', events: ['keyCreated', 'keyRevoked', 'keyUsedFromNewAddress'] },
  changes: { label: 'Changes', events: ['settingsChanged', 'catalogReplaced', 'sessionsExpired'] },
  signIns: { label: 'Sign-ins', events: ['signedIn', 'signedOut'] },
  refused: { label: 'Refused', events: ['keyRefused', 'signInRefused', 'scopeExceeded'] },
}

export function AuditPage({ orgId }: { orgId: string }) {
  const scope = useStore(session)?.scope
  if (scope !== 'admin' && scope !== 'root')
    return (
      <Message title="The audit trail is for admins">
        <p>It shows who asked about whom. Sign in with an admin key of {orgId}.</p>
      </Message>
    )
  return <Trail orgId={orgId} />
}

function Trail({ orgId }: { orgId: string }) {
  const { params } = useLocation()
  const name = params.get('events') ?? ''
  const events = GROUPS[name]?.events ?? []
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
        <h1>Audit trail</h1>
        <span class="muted hint">
          Who did what here. A repeated event is one entry with a count.
        </span>
        <span class="space" />
        <label>
          <span class="visually-hidden">Events</span>
          <select
            class="input"
            value={name}
            onChange={(event) => {
              setCursors([])
              setParams({ events: event.currentTarget.value || null })
            }}
          >
            <option value="">All events</option>
            {Object.entries(GROUPS).map(([value, { label }]) => (
              <option key={value} value={value}>
                {label}
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
          {data.dropped > 0 && (
            <p class="note warn">
              The trail was full: {formatCount(data.dropped)} older{' '}
              {data.dropped === 1 ? 'entry is' : 'entries are'} deleted.
            </p>
          )}
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
  if (entries.length === 0) return <p class="muted">There are no such events.</p>
  return (
    <TableScroll label="Events">
      <table class="plain-table">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Event</th>
            <th scope="col">Who</th>
            <th scope="col">From</th>
            <th scope="col">What</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr key={entry.id}>
              <th scope="row" title={entry.at}>
                {formatDateTime(Date.parse(entry.at))}
              </th>
              <td>
                {wordsOf(entry.event)}
                {entry.until !== null && (
                  <span class="muted" title={`until ${entry.until}`}>
                    {' '}
                    ×{formatCount(entry.count)}
                  </span>
                )}
              </td>
              <td title={entry.by ?? undefined}>{entry.byName ?? 'no key'}</td>
              <td>{entry.address ?? 'the server’s machine'}</td>
              <td>{factsText(entry.facts)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}

/** `keyUsedFromNewAddress` to `Key used from new address`. */
function wordsOf(event: string): string {
  const words = event.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words.charAt(0).toUpperCase() + words.slice(1)
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
