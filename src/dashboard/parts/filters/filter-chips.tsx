/** What is set, each with a way to take it back. */

import { CONN_STATE_LABELS } from '../../../session/outcome.js'
import { formatBytes } from '../../format/bytes.js'
import { FILTERS, type FilterName, filtersOf, onlyFilters } from '../../state/filters.js'
import { setParams, useLocation } from '../../state/url.js'
import { CloseIcon } from '../icons.js'
import { dropFilter } from './change.js'
import { FILTER_LABELS } from './labels.js'
import { isNamed, type Names } from './names.js'

const STATE_LABELS: Readonly<Record<string, string>> = {
  open: 'Open now',
  ended: 'Ended',
  interrupted: 'Interrupted',
}

function chipValue(name: FilterName, value: string, names: Names): string {
  if (isNamed(name)) return names.nameOf(name, value)
  switch (name) {
    case 'minBytes':
      return formatBytes(Number(value))
    case 'connState':
      return CONN_STATE_LABELS[value as keyof typeof CONN_STATE_LABELS] ?? value
    case 'state':
      return STATE_LABELS[value] ?? value
    case 'protocol':
      return value.toUpperCase()
    default:
      return value
  }
}

export function FilterChips({ names }: { names: Names }) {
  const filters = filtersOf(useLocation().params)
  const active = FILTERS.flatMap((name) => (filters[name] ?? []).map((value) => ({ name, value })))
  if (active.length === 0) return null
  return (
    <ul class="chips" aria-label="Filters that are set">
      {active.map(({ name, value }) => {
        const text = `${FILTER_LABELS[name]}: ${chipValue(name, value, names)}`
        return (
          <li class="chip" key={`${name} ${value}`}>
            <span title={text}>{text}</span>
            <button
              type="button"
              aria-label={`Remove filter ${text}`}
              onClick={() => dropFilter(name, value)}
            >
              <CloseIcon />
            </button>
          </li>
        )
      })}
      <li>
        <button type="button" class="button quiet small" onClick={() => setParams(onlyFilters({}))}>
          Clear all
        </button>
      </li>
    </ul>
  )
}
