/** The sessions in a narrow window: one card each, resource and client first. */

import { useRef } from 'preact/hooks'
import type { LogRow } from '../../api/types.js'
import { formatClock, formatDay } from '../../format/time.js'
import { destText, sourceText } from '../../format/words.js'
import { Duration } from '../../parts/duration.js'
import { OutcomeLabel } from '../../parts/outcome.js'
import { Bytes } from '../../parts/quantity.js'
import { common } from '../../texts/common.js'
import { logs } from '../../texts/logs.js'
import { type Endless, useWindow } from './use-window.js'

export interface LogCardsProps {
  readonly rows: readonly LogRow[]
  readonly selected: string | null
  readonly fresh: ReadonlySet<string>
  readonly stale: boolean
  readonly endless: Endless
  readonly total: number | undefined
  readonly onOpen: (sessionId: string) => void
}

/** Before one is measured. */
const CARD_PX = 87

export function LogCards(props: LogCardsProps) {
  const { rows, selected, fresh, stale, endless, total, onOpen } = props
  const list = useRef<HTMLUListElement>(null)
  const { from, to, above, below } = useWindow(list, rows, endless, CARD_PX)
  return (
    <ul
      ref={list}
      class={stale ? 'log-cards stale' : 'log-cards'}
      aria-label={logs().sessions}
      aria-busy={stale}
    >
      {above > 0 && <Space key="above" height={above} />}
      {rows.slice(from, to).map((row, at) => (
        <li
          key={row.sessionId}
          data-session={row.sessionId}
          aria-posinset={endless.first + from + at}
          aria-setsize={total ?? -1}
        >
          <button
            type="button"
            class={fresh.has(row.sessionId) ? 'log-card row-button fresh' : 'log-card row-button'}
            aria-pressed={row.sessionId === selected}
            onClick={() => onOpen(row.sessionId)}
          >
            <Card row={row} />
          </button>
        </li>
      ))}
      {below > 0 && <Space key="below" height={below} />}
    </ul>
  )
}

/** In the place of cards that are not drawn. */
function Space({ height }: { height: number }) {
  return <li aria-hidden="true" style={{ height: `${height}px` }} />
}

function Card({ row }: { row: LogRow }) {
  const ms = Date.parse(row.startTime)
  return (
    <>
      <span class="card-line">
        <strong>{row.resourceName ?? destText(row)}</strong>
        <span class="muted">
          {formatDay(ms)}, {formatClock(ms)}
        </span>
      </span>
      <span class="card-line">
        <span>{row.clientName ?? sourceText(row)}</span>
        <span class="muted">{row.userEmail ?? row.userName ?? ''}</span>
      </span>
      <span class="card-line small">
        <OutcomeLabel row={row} />
        <span>
          <span class="muted">{row.protocol.toUpperCase()}</span>{' '}
          <Duration seconds={row.duration} startedMs={ms} /> <span aria-hidden="true">↑</span>
          <span class="visually-hidden">{common().sent}</span> <Bytes bytes={row.bytesTx} />{' '}
          <span aria-hidden="true">↓</span>
          <span class="visually-hidden">{common().received}</span> <Bytes bytes={row.bytesRx} />
        </span>
      </span>
    </>
  )
}
