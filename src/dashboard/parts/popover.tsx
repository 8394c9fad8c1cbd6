/** A button with a panel below. Escape, a click elsewhere and Tab out of it close it; Escape focuses the button again. */
import type { ComponentChildren } from 'preact'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'

export interface PopoverProps {
  readonly label: ComponentChildren
  /** The button's name for screen readers, where the label alone does not suffice. */
  readonly name?: string
  readonly buttonClass?: string
  readonly align?: 'start' | 'end'
  readonly title?: string
  readonly children: (close: () => void) => ComponentChildren
}

export function Popover(props: PopoverProps) {
  const [open, setOpen] = useState(false)
  const root = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const close = useCallback(() => {
    setOpen(false)
    button.current?.focus()
  }, [])

  useEffect(() => {
    if (!open) return
    const first = root.current?.querySelector<HTMLElement>(
      '.panel input, .panel button, .panel a, .panel select',
    )
    first?.focus()
    const onPointer = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false)
    }
    document.addEventListener('pointerdown', onPointer)
    return () => document.removeEventListener('pointerdown', onPointer)
  }, [open])

  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) return
    if (event.key === 'Escape') {
      event.stopPropagation()
      close()
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      moveFocus(root.current, event)
    }
  }
  const onFocusOut = (event: FocusEvent) => {
    const next = event.relatedTarget as Node | null
    if (next !== null && !root.current?.contains(next)) setOpen(false)
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it handles keys of the button and of the panel inside.
    <div
      class={`popover ${props.align ?? 'start'}`}
      ref={root}
      onKeyDown={onKeyDown}
      onFocusOut={onFocusOut}
    >
      <button
        ref={button}
        type="button"
        class={props.buttonClass ?? 'button'}
        aria-expanded={open}
        aria-label={props.name}
        title={props.title}
        onClick={() => setOpen((was) => !was)}
      >
        {props.label}
      </button>
      {open && <div class="panel">{props.children(close)}</div>}
    </div>
  )
}

/** Up and down arrow keys go through fields and menu items, and stop at the ends. */
function moveFocus(root: HTMLElement | null, event: KeyboardEvent): void {
  const items = [...(root?.querySelectorAll<HTMLElement>('.panel input, .panel .menu-item') ?? [])]
  const at = items.indexOf(document.activeElement as HTMLElement)
  const next = items[at + (event.key === 'ArrowDown' ? 1 : -1)]
  if (at < 0 || next === undefined) return
  event.preventDefault()
  next.focus()
}
