/** Views without data: loading, empty, failed, cancelled. Each offers a next step. */

import type { ComponentChildren } from 'preact'
import { faultText } from '../api/fault-text.js'
import type { Query } from '../api/use-query.js'
import { type FilterName, filterPatch, filtersOf } from '../state/filters.js'
import { setParams, useLocation } from '../state/url.js'
import { common } from '../texts/common.js'
import { filters } from '../texts/filters.js'
import { refusedFilter } from './filters/refused.js'
import { useNow } from './use-now.js'

/** What a failed or stopped request asked for. */
type Whats = ReturnType<typeof common>['whats']

export interface MessageProps {
  readonly title: string
  readonly children?: ComponentChildren
  readonly actions?: ComponentChildren
}

export function Message({ title, children, actions }: MessageProps) {
  return (
    <div class="state">
      <h2>{title}</h2>
      {children}
      {actions && <div class="actions">{actions}</div>}
    </div>
  )
}

/** A moving line above content that loads; from 1.5 s on also a text and a Cancel button. */
export function Progress({
  query,
}: {
  query: Pick<Query<unknown>, 'loading' | 'slow' | 'cancel'>
}) {
  return (
    <div class="progress-area">
      <div class={query.loading ? 'progress running' : 'progress'} />
      <div role="status">
        {query.loading && query.slow && (
          <div class="banner">
            <span>{common().stillWorking}</span>
            <button type="button" class="button small" onClick={query.cancel}>
              {common().cancel}
            </button>
          </div>
        )}
      </div>
    </div>
  )
}

/** Shown in place of content after a failure or a cancel. */
export function Failure({ query, what }: { query: Query<unknown>; what: keyof Whats }) {
  const { error, cancelled, retryAtMs, reload } = query
  const named = common().whats[what]
  const again = (
    <button type="button" class="button primary" onClick={reload}>
      {common().tryAgain}
    </button>
  )
  if (cancelled) {
    return (
      <Message title={common().cancelled} actions={again}>
        <p>{common().stopped(named)}</p>
      </Message>
    )
  }
  if (error === null) return null
  const refused = error.status === 400 ? refusedFilter(error.message) : undefined
  if (refused !== undefined) return <RefusedFilter name={refused} />
  const title = error.status === 0 ? common().cannotReach : common().no(named)
  return (
    <Message title={title} actions={again}>
      <p>{faultText(error)}</p>
      {retryAtMs !== null && <Countdown untilMs={retryAtMs} />}
    </Message>
  )
}

/** The address has a value that the server refuses. A retry would not help. */
function RefusedFilter({ name }: { name: FilterName }) {
  const values = filtersOf(useLocation().params)[name] ?? []
  const texts = filters()
  const quoted = values.map(texts.quoted).join(', ')
  const remove = (
    <button
      type="button"
      class="button primary"
      onClick={() => setParams(filterPatch({ [name]: null }))}
    >
      {texts.removeThis}
    </button>
  )
  return (
    <Message title={texts.cannotUse(texts.labels[name])} actions={remove}>
      <p>{texts.itTakes(texts.expected[name], quoted)}</p>
    </Message>
  )
}

function Countdown({ untilMs }: { untilMs: number }) {
  const seconds = Math.max(0, Math.ceil((untilMs - useNow()) / 1000))
  return <p class="muted">{common().askingAgain(seconds)}</p>
}
