/** Totals per month, by client, user or resource. They stay after retention has deleted the sessions. */

import { useMemo } from 'preact/hooks'
import type { UsageRow } from '../../api/types.js'
import { fetchUsage } from '../../api/usage.js'
import { useQuery } from '../../api/use-query.js'
import { toCsv } from '../../format/csv.js'
import { addMonths, monthName, monthOf, monthSpan } from '../../format/month.js'
import { DownloadIcon } from '../../parts/icons.js'
import { Bytes } from '../../parts/quantity.js'
import { saveFile } from '../../parts/save-file.js'
import { Segments } from '../../parts/segments.js'
import { Failure, Message, Progress } from '../../parts/states.js'
import { GROUPS, type Group } from '../../state/groups.js'
import { setParams, useLocation } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { usage } from '../../texts/usage.js'
import { MonthBars, type MonthTotal } from './month-bars.js'
import { namedLike, orderOf, sorted, summed } from './usage-rows.js'
import { UsageTable } from './usage-table.js'

const MONTHS = 12
/** In the address, in the place of a month. */
const YEAR = 'all'

export function UsagePage({ orgId }: { orgId: string }) {
  const { params } = useLocation()
  const to = monthOf(Date.now())
  const from = addMonths(to, 1 - MONTHS)
  const group = GROUPS.find((name) => name === params.get('by')) ?? 'client'
  const query = useQuery(JSON.stringify([orgId, from, to, group]), (signal) =>
    fetchUsage(orgId, { from, to, groupBy: group }, signal),
  )
  const totals = useMemo(() => monthTotals(query.data ?? [], from), [query.data, from])
  const isYear = params.get('month') === YEAR
  const month = totals.find((total) => total.month === params.get('month'))?.month ?? to
  const [text, sort] = [params.get('name') ?? '', params.get('sort')]
  const order = orderOf(sort)
  const all = useMemo(
    () => (query.data ?? []).filter((row) => isYear || row.month === month),
    [query.data, month, isYear],
  )
  const found = useMemo(() => namedLike(all, group, text), [all, group, text])
  const rows = useMemo(
    () => sorted(isYear ? summed(found, YEAR) : found, group, orderOf(sort)),
    [found, group, sort, isYear],
  )
  const span = isYear
    ? { startMs: monthSpan(from).startMs, endMs: monthSpan(to).endMs }
    : monthSpan(month)
  const title = isYear ? usage().fromTo(monthName(from), monthName(to)) : monthName(month)
  return (
    <div class="page">
      <div class="page-head">
        <h1>{usage().title}</h1>
        <span class="muted hint">{usage().hint}</span>
        <span class="space" />
        <Segments
          name={usage().totalsBy}
          options={(['client', 'user', 'resource'] as const).map((value) => ({
            value,
            label: common().by[value],
          }))}
          value={group}
          onChange={(value) => setParams({ by: value === 'client' ? null : value, name: null })}
        />
        <button
          type="button"
          class="button"
          disabled={rows.length === 0}
          onClick={() => saveMonths(orgId, group, isYear ? `${from}-to-${to}` : month, found)}
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
            <div class="card-head">
              <h2>{usage().months}</h2>
              <span class="space" />
              <button
                type="button"
                class="button"
                aria-pressed={isYear}
                onClick={() => setParams({ month: isYear ? null : YEAR })}
              >
                {usage().allTwelve}{' '}
                <Bytes bytes={totals.reduce((sum, one) => sum + one.bytesTx + one.bytesRx, 0)} />
              </button>
            </div>
            <div class="card-body">
              <MonthBars
                totals={totals}
                chosen={isYear ? null : month}
                onChoose={(chosen) => setParams({ month: chosen === to ? null : chosen })}
              />
            </div>
          </section>
          {all.length === 0 ? (
            <Message title={usage().nothingIn(title)}>
              <p>{usage().nothingStored}</p>
            </Message>
          ) : (
            <>
              <input
                class="field usage-search"
                type="search"
                aria-label={usage().find[group]}
                placeholder={usage().find[group]}
                value={text}
                onInput={(event) =>
                  setParams({ name: event.currentTarget.value }, { replace: true })
                }
              />
              <UsageTable
                group={group}
                title={usage().inUtc(title)}
                rows={rows}
                isPart={found.length < all.length}
                span={span}
                order={order}
              />
            </>
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

/** A row for each month, also where the page shows the sums of the year. */
function saveMonths(orgId: string, group: Group, time: string, rows: readonly UsageRow[]): void {
  const head = [
    ...['month', `${group}Id`, `${group}Name`, 'sessions'],
    ...['bytesTx', 'bytesRx', 'packetsTx', 'packetsRx'],
  ]
  const lines = rows.map(({ id, name, sessions, ...row }) => [
    ...[row.month, id, name, sessions],
    ...[row.bytesTx, row.bytesRx, row.packetsTx, row.packetsRx],
  ])
  saveFile(`tunmeter-usage-${orgId}-${time}-${group}.csv`, 'text/csv', toCsv([head, ...lines]))
}
