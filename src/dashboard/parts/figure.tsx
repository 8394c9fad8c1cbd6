/** A tile with one figure of a page, and where it leads. */
import type { ComponentChildren } from 'preact'
import { followLink } from '../state/url.js'

interface FigureProps {
  readonly label: string
  readonly change?: string
  readonly tone?: '' | 'open' | 'wrong'
  readonly href?: string
  readonly small?: boolean
  readonly children: ComponentChildren
}

export function Figure({ label, change, tone = '', href, small = false, children }: FigureProps) {
  const content = (
    <>
      <span class="figure-label">{label}</span>
      <span class={small ? 'figure-small figures' : 'figure-value'}>{children}</span>
      {change !== undefined && <span class="hint">{change}</span>}
    </>
  )
  return (
    <li>
      {href === undefined ? (
        <span class={`figure-tile ${tone}`}>{content}</span>
      ) : (
        <a class={`figure-tile ${tone}`} href={href} onClick={followLink}>
          {content}
        </a>
      )}
    </li>
  )
}
