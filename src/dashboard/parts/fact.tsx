/** A name and its value in a list of facts (`<dl>`). */
import type { ComponentChildren } from 'preact'

export interface FactProps {
  readonly name: string
  readonly title?: string | undefined
  readonly wrong?: boolean
  /** Buttons for the value. */
  readonly actions?: ComponentChildren
  readonly children: ComponentChildren
}

export function Fact({ name, title, wrong, actions, children }: FactProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class={wrong ? 'wrong' : ''} title={title}>
        {children ?? <span class="muted">–</span>}
        {actions}
      </dd>
    </div>
  )
}
