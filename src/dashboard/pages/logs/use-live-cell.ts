import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { isLive, type LiveCell } from './cells.js'

export interface LiveAt {
  readonly sessionId: string
  readonly cell: LiveCell
}

/** Less than this, a pointer only passes, or clicks, and means the row. */
const HOVER_MS = 250

/**
 * The one cell of the table that has buttons: the cell under the pointer, or the cell that the arrow keys reached from
 * the button of its row. Only one has them, because a page has thousands of cells.
 */
export function useLiveCell() {
  const [at, setAt] = useState<LiveAt | null>(null)
  const current = useRef<LiveAt | null>(null)
  const byKey = useRef(false)
  /** True between two cells: the focused buttons go before the next ones exist. */
  const moving = useRef(false)
  const body = useRef<HTMLTableSectionElement>(null)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  const move = useCallback((next: LiveAt | null, key: boolean) => {
    byKey.current = key
    const old = current.current
    if (old?.sessionId === next?.sessionId && old?.cell === next?.cell) return
    current.current = next
    moving.current = key && next !== null
    setAt(next)
  }, [])
  useLayoutEffect(() => {
    moving.current = false
    if (at !== null && byKey.current)
      body.current?.querySelector<HTMLElement>('.cell-actions button')?.focus()
  }, [at])
  return {
    at,
    props: {
      ref: body,
      onPointerOver: (event: PointerEvent) => {
        if (event.pointerType !== 'mouse' || holdsFocus(body.current)) return
        const place = placeOf(event.target)
        clearTimeout(timer.current)
        timer.current = setTimeout(() => move(place, false), HOVER_MS)
      },
      onPointerLeave: () => {
        clearTimeout(timer.current)
        if (!holdsFocus(body.current)) move(null, false)
      },
      onFocusOut: (event: FocusEvent) => {
        const next = event.relatedTarget
        if (moving.current) return
        if (byKey.current && !(next instanceof Element && next.closest('.cell-actions')))
          move(null, false)
      },
      onKeyDown: (event: KeyboardEvent) => {
        const place = keyPlace(event)
        if (place === undefined) return
        event.preventDefault()
        event.stopPropagation()
        if (place === null) {
          rowOf(event.target)?.querySelector<HTMLElement>('.row-button')?.focus()
          move(null, false)
        } else move(place, true)
      },
    },
  }
}

function holdsFocus(body: HTMLElement | null): boolean {
  return body?.querySelector('.cell-actions :focus') != null
}

function rowOf(target: EventTarget | null): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>('tr[data-session]') : null
}

function placeOf(target: EventTarget | null): LiveAt | null {
  const cell = (target instanceof Element ? target.closest<HTMLElement>('td') : null)?.dataset.cell
  const sessionId = rowOf(target)?.dataset.session
  return sessionId !== undefined && isLive(cell) ? { sessionId, cell } : null
}

/** @returns null: back to the row; undefined: the key means nothing here */
function keyPlace({ key, target }: KeyboardEvent): LiveAt | null | undefined {
  const row = rowOf(target)
  if (row === null) return undefined
  const cells = [...row.querySelectorAll<HTMLElement>('td[data-cell]')].filter(
    ({ offsetWidth }) => offsetWidth > 0,
  )
  const from = cells.findIndex((cell) => cell.contains(target as Node))
  if (key === 'Escape') return from < 0 ? undefined : null
  if (key !== 'ArrowRight' && key !== 'ArrowLeft') return undefined
  const next = from + (key === 'ArrowRight' ? 1 : -1)
  if (next < 0) return from < 0 ? undefined : null
  return placeOf(cells[next] ?? cells[from] ?? null) ?? undefined
}
