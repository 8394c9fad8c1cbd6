/** The log's keys: j, k for rows, r to refresh, l for live mode, Escape to close or zoom out. */
import { useEffect } from 'preact/hooks'
import { isTyping } from '../../parts/is-typing.js'
import { currentLocation } from '../../state/url.js'
import { zoomOut } from '../../state/zoom.js'
import { inView } from './use-window.js'

export interface LogKeys {
  /** Called for the next row while details are open, so that j and k page through details. */
  readonly onOpen: (sessionId: string) => void
  readonly onClose: () => void
  readonly onRefresh: () => void
  readonly onLive: () => void
}

/**
 * Moves the focus by one row, from the focused row or the row of the focused details; otherwise to the first row in view.
 * Rows beyond the view are drawn (use-window.ts), and more are drawn or loaded once it has moved.
 */
export function moveRow(step: 1 | -1): string | null {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-session]')]
  const at = rows.findIndex(
    (row) =>
      row.contains(document.activeElement) ||
      (document.activeElement?.closest('.drawer') !== null &&
        row.matches('[aria-selected="true"], :has([aria-pressed="true"])')),
  )
  const next = at < 0 ? firstInView(rows) : rows[at + step]
  if (next === undefined) return null
  next.querySelector<HTMLElement>('.row-button')?.focus()
  next.scrollIntoView({ block: 'nearest' })
  return next.dataset.session ?? null
}

function firstInView(rows: readonly HTMLElement[]): HTMLElement | undefined {
  const from = inView.get()?.from
  const seen = rows.find((row) => row.getAttribute('aria-rowindex') === String((from ?? 0) + 1))
  return seen ?? rows[0]
}

export function useLogKeys(keys: LogKeys): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      if (!handle(event.key, keys)) return
      event.preventDefault()
    }
    document.addEventListener('keydown', onKeyDown)
    return () => document.removeEventListener('keydown', onKeyDown)
  })
}

/** Reads the address, because a key press can come before the change of the last one is rendered. */
function detailsOpen(): boolean {
  return currentLocation().params.has('session')
}

/** @returns whether the key is a command */
function handle(key: string, keys: LogKeys): boolean {
  switch (key) {
    case 'j':
    case 'k': {
      const session = moveRow(key === 'j' ? 1 : -1)
      if (session !== null && detailsOpen()) keys.onOpen(session)
      return true
    }
    case 'Escape':
      if (!detailsOpen()) return zoomOut()
      keys.onClose()
      return true
    case 'r':
      keys.onRefresh()
      return true
    case 'l':
      keys.onLive()
      return true
    default:
      return false
  }
}
