import { outcomeOf } from '../../session/outcome.js'
import type { LogRow } from '../api/types.js'

/** How it ended, as a dot and words; the colour never stands alone. */
export function OutcomeLabel({ row }: { row: LogRow }) {
  const { label, tone, detail } = outcomeOf(row)
  return (
    <span class={`outcome ${tone}`} title={detail}>
      <span class={`dot ${tone}`} />
      {label}
    </span>
  )
}
