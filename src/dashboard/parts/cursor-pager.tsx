/** Newer and Older below a list that the API answers page by page, by cursor. */
import { common } from '../texts/common.js'

interface CursorPagerProps {
  /** The cursors of the pages up to this one; empty on the first page. */
  readonly cursors: readonly string[]
  /** Null: this is the last page. */
  readonly nextCursor: string | null
  readonly pageSize: number
  readonly onChange: (cursors: readonly string[]) => void
}

export function CursorPager({ cursors, nextCursor, pageSize, onChange }: CursorPagerProps) {
  return (
    <div class="pager">
      <button
        type="button"
        class="button"
        disabled={cursors.length === 0}
        onClick={() => onChange(cursors.slice(0, -1))}
      >
        {common().newer}
      </button>
      <button
        type="button"
        class="button"
        disabled={nextCursor === null}
        onClick={() => onChange([...cursors, nextCursor!])}
      >
        {common().older}
      </button>
      <span class="muted">{common().newestFirst(pageSize)}</span>
    </div>
  )
}
