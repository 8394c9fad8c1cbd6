/**
 * A table that scrolls sideways where it is wider than the page. In narrow windows each entry is a block of lines
 * instead (tables.css), each with its column's name.
 */
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

export interface TableScrollProps {
  readonly label: string
  readonly children: ComponentChildren
}

export function TableScroll({ label, children }: TableScrollProps) {
  const room = useRef<HTMLElement>(null)
  useLayoutEffect(() => room.current?.querySelectorAll('table.plain-table').forEach(nameCells))
  return (
    <section
      class="table-scroll"
      ref={room}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keyboard.
      tabIndex={0}
      aria-label={label}
    >
      {children}
    </section>
  )
}

/** The styles read a cell's name from it. A head that is hidden, such as that of buttons, names nothing. */
function nameCells(table: Element): void {
  const heads = [...table.querySelectorAll('thead th')].map((head) =>
    head.querySelector('.visually-hidden') === null ? (head.textContent ?? '') : '',
  )
  for (const row of table.querySelectorAll('tbody tr'))
    for (const [at, cell] of [...row.children].entries())
      if (cell instanceof HTMLElement && cell.tagName === 'TD') cell.dataset.label = heads[at] ?? ''
}
