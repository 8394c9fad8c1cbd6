/** Totals per month, by client, user or resource. They stay after retention has deleted the sessions. */
import type { ComponentChildren } from 'preact'
import { useMemo } from 'preact/hooks'
import type { UsageRow } from '../../api/types.js'
import { fetchUsage } from '../../api/usage.js'
import { useQuery } from '../../api/use-query.js'
import { formatCount } from '../../format/bytes.js'
import { toCsv } from '../../format/csv.js'
import { addMonths, monthName, monthOf, monthSpan } from '../../format/month.js'
import { DownloadIcon } from '../../parts/icons.js'
import { Bytes } from '../../parts/quantity.js'
import { saveFile } from '../../parts/save-file.js'
import { Segments } from '../../parts/segments.js'
import { ShareBar, ShareKey } from '../../parts/share-bar.js'
import { Failure, Message, Progress } from '../../parts/states.js'
import { entityPath } from '../../state/entity.js'
import { onlyFilters } from '../../state/filters.js'
import { GROUP_LABELS, GROUPS, type Group, groupFilter, groupName } from '../../state/groups.js'
import { rangeParams } from '../../state/range.js'
import { followLink, hrefOf, type ParamPatch, setParams, useLocation } from '../../state/url.js'
import { MonthBars, type MonthTotal } from './month-bars.js'

const MONTHS = 12

export function UsagePage({ orgId }: { orgId: string }) {
  const { params } = useLocation()
  const to = monthOf(Date.now())
  const from = addMonths(to, 1 - MONTHS)
  const group = GROUPS.find((name) => name === params.get('by')) ?? 'client'
  const query = useQuery(JSON.stringify([orgId, from, to, group]), (signal) =>
    fetchUsage(orgId, { from, to, groupBy: group }, signal),
  )
  const totals = useMemo(() => monthTotals(query.data ?? [], from), [query.data, from])
  const month = totals.find((total) => total.month === params.get('month'))?.month ?? to
  const rows = useMemo(
    () =>
      (query.data ?? [])
        .filter((row) => row.month === month)
        .sort((a, b) => b.bytesTx + b.bytesRx - a.bytesTx - a.bytesRx),
    [query.data, month],
  )
  return (
    <div class="page">
      <div class="page-head">
        <h1>Usage</h1>
        <span class="muted hint">
          Months are UTC. Totals stay after retention has deleted the sessions.
        </span>
        <span class="space" />
        <Segments
          name="Totals by"
          options={(['client', 'user', 'resource'] as const).map((value) => ({
            value,
            label: `By ${GROUP_LABELS[value].toLowerCase()}`,
          }))}
          value={group}
          onChange={(value) => setParams({ by: value === 'client' ? null : value })}
        />
        <button
          type="button"
          class="button"
          disabled={rows.length === 0}
          onClick={() => saveMonth(orgId, group, month, rows)}
        >
          <DownloadIcon /> CSV
        </button>
      </div>
      <Progress query={query} />
      {query.data === undefined || query.error !== null || query.cancelled ? (
        <Failure query={query} what="usage" />
      ) : (
        <>
          <section class="card">
            <div class="card-body">
              <MonthBars
                totals={totals}
                chosen={month}
                onChoose={(chosen) => setParams({ month: chosen === to ? null : chosen })}
              />
            </div>
          </section>
          {rows.length === 0 ? (
            <Message title={`Nothing in ${monthName(month)}`}>
              <p>No session was stored in this month.</p>
            </Message>
          ) : (
            <UsageTable group={group} month={month} rows={rows} />
          )}
        </>
      )}
    </div>
  )
}

function monthTotals(rows: readonly UsageRow[], from: string): MonthTotal[] {
  return Array.from({ length: MONTHS }, (_, i) => {
    const month = addMonths(from, i)
    const own = rows.filter((row) => row.month === month)
    return {
      month,
      bytesTx: own.reduce((sum, row) => sum + row.bytesTx, 0),
      bytesRx: own.reduce((sum, row) => sum + row.bytesRx, 0),
    }
  })
}

interface UsageTableProps {
  readonly group: Group
  readonly month: string
  readonly rows: readonly UsageRow[]
}

interface Amount {
  readonly label: string
  readonly of: (row: UsageRow) => number
  readonly shown: (amount: number) => ComponentChildren
  readonly strong?: boolean
}

const bytes = (amount: number) => <Bytes bytes={amount} />

const AMOUNTS: readonly Amount[] = [
  { label: 'Sent', of: (row) => row.bytesTx, shown: bytes },
  { label: 'Received', of: (row) => row.bytesRx, shown: bytes },
  { label: 'Total', of: (row) => row.bytesTx + row.bytesRx, shown: bytes, strong: true },
  { label: 'Sessions', of: (row) => row.sessions, shown: formatCount },
]

function UsageTable({ group, month, rows }: UsageTableProps) {
  const largest = Math.max(1, ...rows.map((row) => row.bytesTx + row.bytesRx))
  const amounts = (of: (amount: Amount) => number, sessions?: string) =>
    AMOUNTS.map((amount) => (
      <td key={amount.label} class={amount.strong ? 'number strong' : 'number'}>
        {sessions !== undefined && amount.label === 'Sessions' ? (
          <a href={sessions} onClick={followLink}>
            {amount.shown(of(amount))}
          </a>
        ) : (
          amount.shown(of(amount))
        )}
      </td>
    ))
  return (
    <section class="card table-card" aria-label={`Usage in ${monthName(month)}`}>
      <table class="plain-table">
        <caption>{monthName(month)}</caption>
        <thead>
          <tr>
            <th scope="col">{GROUP_LABELS[group]}</th>
            <th scope="col" class="share-column">
              <ShareKey />
            </th>
            {AMOUNTS.map(({ label }) => (
              <th key={label} scope="col" class="number">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <th scope="row">
                <Name group={group} row={row} />
              </th>
              <td class="share-column">
                <ShareBar sent={row.bytesTx} received={row.bytesRx} largest={largest} />
              </td>
              {amounts(({ of }) => of(row), sessionsHref(group, row))}
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">All {GROUP_LABELS[group].toLowerCase()}s</th>
            <td class="share-column" />
            {amounts(({ of }) => rows.reduce((sum, row) => sum + of(row), 0))}
          </tr>
        </tfoot>
      </table>
    </section>
  )
}

/** A link to the page of the client, user or resource, with this month as time range. */
function Name({ group, row }: { group: Group; row: UsageRow }) {
  const name = groupName(group, row)
  if (row.id === null) return name
  return (
    <a href={monthHref(entityPath({ kind: group, id: row.id }), row.month)} onClick={followLink}>
      {name}
    </a>
  )
}

function sessionsHref(group: Group, row: UsageRow): string {
  return monthHref('/', row.month, onlyFilters(groupFilter(group, row) ?? {}))
}

function monthHref(path: string, month: string, patch: ParamPatch = {}): string {
  const range = rangeParams({ kind: 'custom', ...monthSpan(month) })
  const org = new URLSearchParams(window.location.search).get('org')
  return hrefOf(path, { org, ...range, ...patch })
}

function saveMonth(orgId: string, group: Group, month: string, rows: readonly UsageRow[]): void {
  const head = [
    ...['month', `${group}Id`, `${group}Name`, 'sessions'],
    ...['bytesTx', 'bytesRx', 'packetsTx', 'packetsRx'],
  ]
  const lines = rows.map(({ id, name, sessions, ...row }) => [
    ...[row.month, id, name, sessions],
    ...[row.bytesTx, row.bytesRx, row.packetsTx, row.packetsRx],
  ])
  saveFile(`tunmeter-usage-${orgId}-${month}-${group}.csv`, 'text/csv', toCsv([head, ...lines]))
}
