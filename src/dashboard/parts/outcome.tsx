import { outcomeOf } from '../../session/outcome.js'
import type { LogRow } from '../api/types.js'

/** A session's outcome as a coloured dot with words, because not everybody can tell the colours apart. */
export function OutcomeLabel({ row }: { row: LogRow }) {
  const { label, tone, detail } = outcomeOf(row)
  return (
    <span class={`outcome ${tone}`} title={detail}>
      <span class={`dot ${tone}`} />
      {label}
    </span>
  )
}
