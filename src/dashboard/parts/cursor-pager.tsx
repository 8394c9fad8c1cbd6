/** Newer and Older below a list that the API answers page by page, by cursor. */

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
        Newer
      </button>
      <button
        type="button"
        class="button"
        disabled={nextCursor === null}
        onClick={() => onChange([...cursors, nextCursor!])}
      >
        Older
      </button>
      <span class="muted">{pageSize} a page, the newest first</span>
    </div>
  )
}
