/**
 * Draws only the rows in view and some around them, because tens of thousands would make each change slow. All rows have
 * one height, which is measured. docs/decisions/endless-log.md says why no library does it.
 */
import type { RefObject } from 'preact'
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { LogRow } from '../../api/types.js'
import { useMedia } from '../../parts/use-media.js'
import { createStore } from '../../state/store.js'
import { notePlace } from '../../state/url.js'
import type { Rows } from './use-rows.js'

/** Rows above and below the visible ones, where keys and small movements find them drawn. */
const AROUND = 20
/** The drawn part changes by this many rows, not with each one. */
const STEP = 10
/** With fewer rows left, the next batch loads. */
const LEFT_MIN = 50
/** After the last movement, the address gets the place. */
const SETTLED_MS = 250

/** The numbers of the rows in view. */
export const inView = createStore<{ readonly from: number; readonly to: number } | null>(null)

type Parts = 'key' | 'settled' | 'first' | 'failed' | 'goesOn' | 'more' | 'placeOf'

export interface Endless extends Pick<Rows, Parts> {
  /** The number of the row that the address asks for. */
  readonly row: number
  /** Live mode shows the newest rows only, and their numbers change. */
  readonly fixed: boolean
}

interface Drawn {
  readonly from: number
  readonly to: number
  /** Heights of the rows above and below that are not drawn. */
  readonly above: number
  readonly below: number
}

interface Place {
  /** Of the first row in view. */
  readonly index: number
  readonly count: number
  /** The height of what lies over the list's top, such as the head of the table. */
  readonly edge: number
}

/** Where the list stands in what scrolls it: the part of the log, or in narrow windows the page. */
function placeIn(list: HTMLElement, height: number): Place {
  const room = list.closest('.scroller')!.getBoundingClientRect()
  const head = list.parentElement?.querySelector('thead')?.getBoundingClientRect().height ?? 0
  const edge = Math.max(room.top, 0) + head
  const bottom = Math.min(room.bottom, window.innerHeight)
  return {
    index: Math.max(0, (edge - list.getBoundingClientRect().top) / height),
    count: Math.max(1, (bottom - edge) / height),
    edge,
  }
}

function scrollToRow(list: HTMLElement, index: number, height: number): void {
  const by = list.getBoundingClientRect().top + index * height - placeIn(list, height).edge
  // What stands above the first row of a page that scrolls as a whole stays in view.
  if (index === 0 && by > 0) return
  const scroller = list.closest('.scroller')!
  if (scroller.scrollHeight > scroller.clientHeight + 1) scroller.scrollBy(0, by)
  else window.scrollBy(0, by)
}

/** @param guess of a row's height, before one is drawn */
export function useWindow(
  list: RefObject<HTMLElement | null>,
  rows: readonly LogRow[],
  endless: Endless,
  guess: number,
): Drawn {
  const printed = useMedia('print')
  const height = useRef(guess)
  const [part, setPart] = useState({ from: 0, to: 2 * AROUND + STEP })
  const latest = useRef({ rows, endless, printed })
  latest.current = { rows, endless, printed }

  const look = useCallback(() => {
    if (list.current === null) return
    const { rows, endless, printed } = latest.current
    const count = rows.length
    const { index, count: visible } = placeIn(list.current, height.current)
    const end = Math.min(count, Math.ceil(index + visible))
    const from = Math.max(0, Math.floor((index - AROUND) / STEP) * STEP)
    const to = Math.ceil((end + AROUND) / STEP) * STEP
    setPart((old) => (old.from === from && old.to === to ? old : { from, to }))
    const first = endless.first + wholeRows(index)
    const last = endless.first + Math.max(0, Math.min(count, Math.round(index + visible)) - 1)
    const [top, bottom] = printed ? [endless.first, endless.first + count - 1] : [first, last]
    const old = inView.get()
    if (old?.from !== top || old.to !== bottom) inView.set({ from: top, to: Math.max(top, bottom) })
    if (endless.fixed || !endless.settled) return
    // What failed is asked again by a button.
    if (count - end < LEFT_MIN && endless.failed !== 'after') endless.more('after')
    if (index < LEFT_MIN && endless.failed !== 'before') endless.more('before')
  }, [list])

  const { told, wanted } = useKeepPlace(list, rows, endless, height, look)
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const note = () => {
      const { endless } = latest.current
      const at = inView.get()
      if (endless.fixed || !endless.settled || at === null || wanted.current !== null) return
      told.current = at.from
      notePlace(endless.placeOf(at.from))
    }
    const onScroll = () => {
      look()
      clearTimeout(timer)
      timer = setTimeout(note, SETTLED_MS)
    }
    // Scroll events do not bubble: this hears those of the page and of the log.
    const options = { capture: true, passive: true }
    document.addEventListener('scroll', onScroll, options)
    window.addEventListener('resize', look)
    return () => {
      clearTimeout(timer)
      document.removeEventListener('scroll', onScroll, options)
      window.removeEventListener('resize', look)
    }
  }, [look, told, wanted])

  const to = printed ? rows.length : Math.min(rows.length, part.to)
  const from = printed ? 0 : Math.min(part.from, Math.max(0, to - 1))
  return {
    from,
    to,
    above: from * height.current,
    below: (rows.length - to) * height.current,
  }
}

/** Scrolling stops at whole pixels, so a row can be on top a little before its edge. */
const wholeRows = (index: number) => Math.floor(index + 0.1)

/** How many rows came before the first one, or went. */
function shiftOf(old: readonly LogRow[], now: readonly LogRow[]): number {
  const find = (list: readonly LogRow[], row: LogRow | undefined) =>
    list.findIndex(({ sessionId }) => sessionId === row?.sessionId)
  const at = find(now, old[0])
  return at >= 0 ? at : -Math.max(0, find(old, now[0]))
}

/**
 * Measures a row, keeps the rows in their place when some come before them, and scrolls to the row of the address when
 * that has changed by anything but scrolling.
 */
function useKeepPlace(
  list: RefObject<HTMLElement | null>,
  rows: readonly LogRow[],
  { key, settled, first, goesOn, row, fixed }: Endless,
  height: { current: number },
  look: () => void,
) {
  const [, redraw] = useState(0)
  /** The row that scrolling has put into the address. */
  const told = useRef<number | null>(null)
  /** The row to scroll to. Near the end of its batch it gets on top only when the next batch is there. */
  const wanted = useRef<number | null>(null)
  const before = useRef({ key: '', rows: [] as readonly LogRow[], row: 1 })
  useLayoutEffect(() => {
    if (list.current === null || !settled) return
    const drawn = list.current.querySelector('[data-session]')?.getBoundingClientRect().height
    if (drawn !== undefined && Math.abs(drawn - height.current) > 0.01) {
      height.current = drawn
      // The space of the rows that are not drawn is to be right before anything scrolls.
      redraw((n) => n + 1)
      return
    }
    const last = before.current
    before.current = { key, rows, row }
    if (fixed) return look()
    const { index } = placeIn(list.current, height.current)
    const isOnTop = (at: number) => first + wholeRows(at) === row
    if (last.key !== key || (last.row !== row && row !== told.current)) wanted.current = row
    else if (last.rows !== rows && wanted.current === null) {
      const shift = shiftOf(last.rows, rows)
      if (shift !== 0) scrollToRow(list.current, index + shift, height.current)
    }
    if (wanted.current !== null) {
      told.current = row
      if (!isOnTop(index)) scrollToRow(list.current, row - first, height.current)
      if (!goesOn || isOnTop(placeIn(list.current, height.current).index)) wanted.current = null
    }
    look()
  })
  return { told, wanted }
}
