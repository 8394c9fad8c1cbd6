import { outcomeOf } from '../../session/outcome.js'
import type { LogRow } from '../api/types.js'
import { outcomeWords } from '../format/words.js'

/** A session's outcome as a coloured dot with words, because not everybody can tell the colours apart. */
export function OutcomeLabel({ row }: { row: LogRow }) {
  const { tone } = outcomeOf(row)
  const { label, detail } = outcomeWords(row)
  return (
    <span class={`outcome ${tone}`} title={detail}>
      <span class={`dot ${tone}`} />
      {label}
    </span>
  )
}
