/** Below the rows: which of them are in view, and a field that goes to a row by its number. */

import type { SummaryTotals } from '../../api/types.js'
import type { Query } from '../../api/use-query.js'
import { formatCount } from '../../format/bytes.js'
import { toast } from '../../parts/toasts.js'
import { NARROW, useMedia } from '../../parts/use-media.js'
import { ROW_MAX } from '../../state/filters.js'
import { useStore } from '../../state/store.js'
import { setParams } from '../../state/url.js'
import { logs } from '../../texts/logs.js'
import { ColumnsMenu } from './columns-menu.js'
import { inView } from './use-window.js'

export interface PositionProps {
  readonly shown: number
  /** Totals of the selection; undefined while they load. */
  readonly totals: SummaryTotals | undefined
  readonly counting: Pick<Query<unknown>, 'loading' | 'slow' | 'cancelled' | 'cancel'>
  /** The number of the row that the address asks for. */
  readonly row: number
  readonly live: boolean
}

export function Position(props: PositionProps) {
  const narrow = useMedia(NARROW)
  return (
    <section class="position" aria-label={logs().position}>
      <InView {...props} />
      <span class="space" />
      {!narrow && <ColumnsMenu />}
      <RowNumber {...props} />
    </section>
  )
}

function RowNumber({ row, totals }: PositionProps) {
  const total = totals?.sessions
  const most = Math.max(1, Math.min(total ?? Infinity, ROW_MAX))
  const go = (field: HTMLInputElement) => {
    const wanted = Math.min(Math.max(1, Math.floor(field.valueAsNumber) || 1), most)
    if (field.valueAsNumber > most && most < (total ?? Infinity)) toast(logs().lastNumbered(most))
    field.value = String(wanted)
    setParams({ row: wanted === 1 ? null : String(wanted), after: null, live: null })
  }
  return (
    <label class="row-number">
      {logs().rowNumber}
      <input
        key={row}
        class="field figures"
        type="number"
        min={1}
        defaultValue={String(row)}
        onChange={(event) => go(event.currentTarget)}
      />
    </label>
  )
}

function InView({ shown, totals, counting, live }: PositionProps) {
  const view = useStore(inView)
  const total = totals?.sessions
  if (shown === 0) return <p>{logs().noSessions}</p>
  const { from, to } = view ?? { from: 1, to: 1 }
  const rows = live ? logs().newest(shown) : `${formatCount(from)}–${formatCount(to)}`
  if (total === undefined && counting.cancelled) return <p>{logs().notCounted(rows)}</p>
  return (
    <p>
      {rows} {logs().of}{' '}
      <strong>{total === undefined ? '…' : formatCount(Math.max(total, to))}</strong>{' '}
      {logs().sessionsWord(total)}
      {total === undefined && counting.loading && counting.slow && (
        <button type="button" class="button quiet small" onClick={counting.cancel}>
          {logs().stopCounting}
        </button>
      )}
    </p>
  )
}
