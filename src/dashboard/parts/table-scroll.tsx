/** A table that scrolls sideways where it is wider than the page. */
import type { ComponentChildren } from 'preact'

export function TableScroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable by keyboard.
    <section class="table-scroll" tabIndex={0} aria-label={label}>
      {children}
    </section>
  )
}
