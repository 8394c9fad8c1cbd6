import { common } from '../texts/common.js'

/** The legend of the two colours of a share bar. */
export function ShareKey() {
  return (
    <span class="share-key hint">
      <span class="swatch sent" /> {common().sent} <span class="swatch received" />{' '}
      {common().received}
    </span>
  )
}

interface ShareBarProps {
  readonly sent: number
  readonly received: number
  readonly largest: number
}

/** An SVG, because the page's Content-Security-Policy refuses style attributes, and the widths come from data. */
export function ShareBar({ sent, received, largest }: ShareBarProps) {
  const scale = 100 / largest
  return (
    <svg class="share" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
      <rect class="share-ground" width="100" height="1" />
      <rect class="share-sent" width={sent * scale} height="1" />
      <rect class="share-received" x={sent * scale} width={received * scale} height="1" />
    </svg>
  )
}
