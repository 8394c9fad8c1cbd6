/**
 * Two text fields for the start and the end of a time. Text, because a browser's own time field counts to twelve in
 * some languages, and takes no "yesterday 18:00".
 */
import { timeText } from '../format/time.js'
import type { Span } from '../state/range.js'
import { common } from '../texts/common.js'

export function TimeFields({ span }: { span: Span }) {
  const field = (name: 'from' | 'to', ms: number) => (
    <label class="label">
      {common()[name]}
      <input
        class="field figures"
        name={name}
        autocomplete="off"
        spellcheck={false}
        defaultValue={timeText(ms)}
      />
    </label>
  )
  return (
    <>
      {field('from', span.startMs)}
      {field('to', span.endMs)}
    </>
  )
}

/** The text of both fields, for spanOfText. */
export function timesOf(form: HTMLFormElement): string {
  const fields = new FormData(form)
  return `${fields.get('from')} to ${fields.get('to')}`
}
