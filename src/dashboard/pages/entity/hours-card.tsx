/** When it is used: sessions by weekday and hour of the day. */

import { faultText } from '../../api/fault-text.js'
import { fetchHours } from '../../api/summary.js'
import { useQuery } from '../../api/use-query.js'
import { formatBytes, formatCount } from '../../format/bytes.js'
import { type HourSums, type WeekHours, weekHours } from '../../format/hours.js'
import { DAY } from '../../format/time.js'
import { calendar, zoneName } from '../../format/zone.js'
import { TableScroll } from '../../parts/table-scroll.js'
import { ENTITY_FILTERS, type Entity } from '../../state/entity.js'
import { spanQuery } from '../../state/filters.js'
import type { Span } from '../../state/range.js'
import { entity as texts } from '../../texts/entity.js'

/** The server gives at most 3000 hours at once. */
const DAYS_MAX = 120
const SHADES = 5

interface HoursCardProps {
  readonly orgId: string
  readonly entity: Entity
  readonly span: Span
  readonly refreshedMs: number
}

export function HoursCard({ orgId, entity: { kind, id }, span, refreshedMs }: HoursCardProps) {
  const startMs = Math.max(span.startMs, span.endMs - DAYS_MAX * DAY)
  const filters = { ...spanQuery({ ...span, startMs }), [ENTITY_FILTERS[kind]]: id }
  const key = JSON.stringify(['hours', orgId, kind, id, span, refreshedMs])
  const { data, error, loading } = useQuery(key, (signal) => fetchHours(orgId, filters, signal))
  const isCut = startMs > span.startMs
  return (
    <section class={loading && data ? 'card stale' : 'card'} aria-label={texts().hours}>
      <div class="card-head">
        <h2>{texts().hours}</h2>
        <span class="muted hint">
          {texts().hoursHint(zoneName(span.endMs))}
          {isCut && texts().lastDays(DAYS_MAX)}
        </span>
      </div>
      {error !== null && <p class="card-body wrong">{faultText(error)}</p>}
      {data !== undefined && <HoursTable hours={weekHours(data, calendar().at)} />}
    </section>
  )
}

function HoursTable({ hours: { days, minute } }: { hours: WeekHours }) {
  const most = Math.max(1, ...days.flat().map(({ sessions }) => sessions))
  const start = (hour: number) =>
    minute === 0 ? String(hour) : `${hour}:${String(minute).padStart(2, '0')}`
  return (
    <TableScroll label={texts().hoursTable}>
      <table class="matrix hours">
        <caption class="visually-hidden">{texts().hoursCaption}</caption>
        <thead>
          <tr>
            <td />
            {days[0]!.map((_, hour) => (
              <th scope="col" key={start(hour)}>
                {start(hour)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {days.map((day, at) => (
            <tr key={texts().weekdays[at]}>
              <th scope="row">{texts().weekdays[at]}</th>
              {day.map((sums, hour) => (
                <HourCell key={start(hour)} sums={sums} most={most} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}

function HourCell({ sums: { sessions, bytes }, most }: { sums: HourSums; most: number }) {
  if (sessions === 0) return <td class="shade-0" />
  const shade = Math.ceil((SHADES * sessions) / most)
  return (
    <td class={`shade-${shade}`} title={texts().hour(sessions, formatBytes(bytes))}>
      <span>{formatCount(sessions)}</span>
    </td>
  )
}
