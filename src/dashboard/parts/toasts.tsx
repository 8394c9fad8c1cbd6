/** Short confirmations in the corner, at most three, for 4 s. Screen readers announce them. */
import { createStore, useStore } from '../state/store.js'

interface Toast {
  readonly id: number
  readonly text: string
}

const SHOWN_MS = 4000
const TOASTS_MAX = 3
const toasts = createStore<readonly Toast[]>([])
let lastId = 0

export function toast(text: string): void {
  const id = ++lastId
  toasts.set([...toasts.get(), { id, text }].slice(-TOASTS_MAX))
  setTimeout(() => toasts.set(toasts.get().filter((t) => t.id !== id)), SHOWN_MS)
}

export function Toasts() {
  const shown = useStore(toasts)
  return (
    <div class="toasts" role="status">
      {shown.map(({ id, text }) => (
        <div class="toast" key={id}>
          {text}
        </div>
      ))}
    </div>
  )
}
