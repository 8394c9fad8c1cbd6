/** Amounts of each client, user or resource, with their sum. */

import type { ComponentChildren } from 'preact'
import type { UsageRow } from '../../api/types.js'
import { formatCount } from '../../format/bytes.js'
import { ArrowDownIcon, ArrowUpIcon } from '../../parts/icons.js'
import { Bytes } from '../../parts/quantity.js'
import { ShareBar, ShareKey } from '../../parts/share-bar.js'
import { entityPath } from '../../state/entity.js'
import { onlyFilters } from '../../state/filters.js'
import { type Group, groupFilter, groupName } from '../../state/groups.js'
import { rangeParams, type Span } from '../../state/range.js'
import { followLink, hrefOf, type ParamPatch, setParams } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { usage } from '../../texts/usage.js'
import { nextOrder, type Order, orderText, type UsageSort } from './usage-rows.js'

interface UsageTableProps {
  readonly group: Group
  readonly title: string
  readonly rows: readonly UsageRow[]
  /** Others are filtered out. */
  readonly isPart: boolean
  /** The time of the rows. */
  readonly span: Span
  readonly order: Order
}

interface Amount {
  readonly sort: Exclude<UsageSort, 'name'>
  readonly of: (row: UsageRow) => number
  readonly shown: (amount: number) => ComponentChildren
  readonly strong?: boolean
}

const bytes = (amount: number) => <Bytes bytes={amount} />

const AMOUNTS: readonly Amount[] = [
  { sort: 'bytesTx', of: (row) => row.bytesTx, shown: bytes },
  { sort: 'bytesRx', of: (row) => row.bytesRx, shown: bytes },
  {
    sort: 'bytes',
    of: (row) => row.bytesTx + row.bytesRx,
    shown: bytes,
    strong: true,
  },
  { sort: 'sessions', of: (row) => row.sessions, shown: formatCount },
]

export function UsageTable({ group, title, rows, isPart, span, order }: UsageTableProps) {
  const largest = Math.max(1, ...rows.map((row) => row.bytesTx + row.bytesRx))
  const amounts = (of: (amount: Amount) => number, sessions?: string) =>
    AMOUNTS.map((amount) => (
      <td key={amount.sort} class={amount.strong ? 'number strong' : 'number'}>
        {sessions !== undefined && amount.sort === 'sessions' ? (
          <a href={sessions} onClick={followLink}>
            {amount.shown(of(amount))}
          </a>
        ) : (
          amount.shown(of(amount))
        )}
      </td>
    ))
  return (
    <section class="card table-card" aria-label={usage().usageIn(title)}>
      <table class="plain-table">
        <caption>{title}</caption>
        <thead>
          <tr>
            <SortHeader label={common().kinds[group]} by="name" order={order} />
            <th scope="col" class="share-column">
              <ShareKey />
            </th>
            {AMOUNTS.map(({ sort }) => (
              <SortHeader key={sort} label={usage().amounts[sort]} by={sort} order={order} number />
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <th scope="row">
                <Name group={group} row={row} span={span} />
              </th>
              <td class="share-column">
                <ShareBar sent={row.bytesTx} received={row.bytesRx} largest={largest} />
              </td>
              {amounts(({ of }) => of(row), sessionsHref(group, row, span))}
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{(isPart ? usage().these : usage().all)[group]}</th>
            <td class="share-column" />
            {amounts(({ of }) => rows.reduce((sum, row) => sum + of(row), 0))}
          </tr>
        </tfoot>
      </table>
    </section>
  )
}

interface SortHeaderProps {
  readonly label: string
  readonly by: UsageSort
  readonly order: Order
  readonly number?: boolean
}

function SortHeader({ label, by, order, number }: SortHeaderProps) {
  const active = order.by === by
  const direction = active ? (order.descending ? 'descending' : 'ascending') : 'none'
  const choose = () => setParams({ sort: orderText(nextOrder(order, by)) })
  return (
    <th scope="col" class={number ? 'number' : ''} aria-sort={direction}>
      <button type="button" class="sort" onClick={choose}>
        {label}
        {active && (order.descending ? <ArrowDownIcon /> : <ArrowUpIcon />)}
      </button>
    </th>
  )
}

interface NameProps {
  readonly group: Group
  readonly row: UsageRow
  readonly span: Span
}

/** A link to the page of the client, user or resource, with the rows' time as time range. */
function Name({ group, row, span }: NameProps) {
  const name = groupName(group, row)
  if (row.id === null) return name
  return (
    <a href={spanHref(entityPath({ kind: group, id: row.id }), span)} onClick={followLink}>
      {name}
    </a>
  )
}

function sessionsHref(group: Group, row: UsageRow, span: Span): string {
  return spanHref('/', span, onlyFilters(groupFilter(group, row) ?? {}))
}

function spanHref(path: string, span: Span, more: ParamPatch = {}): string {
  const range = rangeParams({ kind: 'custom', ...span })
  const org = new URLSearchParams(window.location.search).get('org')
  return hrefOf(path, { org, ...range, ...more })
}
