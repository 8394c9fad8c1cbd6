/** The time range and all filters in one line. */

import { CONN_STATE_LABELS } from '../../../session/outcome.js'
import type { Attributes } from '../../api/use-attributes.js'
import { type FilterName, filtersOf } from '../../state/filters.js'
import { NONE } from '../../state/groups.js'
import { useLocation } from '../../state/url.js'
import { RangePicker } from '../range-picker.js'
import { setFilter, toggleFilter } from './change.js'
import { Facet, type FacetOption } from './facet.js'
import { MoreFilters } from './more-filters.js'
import { COUNTED_MAX, type NamedFilter, type Names } from './names.js'
import { SearchField } from './search-field.js'

const STATES: readonly FacetOption[] = [
  { value: 'open', label: 'Open now' },
  { value: 'ended', label: 'Ended' },
  { value: 'interrupted', label: 'Interrupted', detail: 'meter stopped' },
]

const CONN_STATES: readonly FacetOption[] = Object.entries(CONN_STATE_LABELS).map(
  ([value, label]) => ({ value, label, detail: value }),
)

const NAMED_LABELS: Readonly<Record<NamedFilter, string>> = {
  siteResourceId: 'Resource',
  clientId: 'Client',
  userId: 'User',
  siteId: 'Site',
}

export interface FilterBarProps {
  readonly attributes: Attributes
  readonly names: Names
}

export function FilterBar({ attributes, names }: FilterBarProps) {
  const filters = filtersOf(useLocation().params)
  const shared = (name: FilterName) => ({
    values: filters[name] ?? [],
    onClear: () => setFilter(name, []),
  })
  const plain = (
    name: FilterName,
    label: string,
    options: readonly FacetOption[] | undefined,
    { single = false, counted = false } = {},
  ) => (
    <Facet
      {...shared(name)}
      name={label}
      options={options}
      {...(counted && { counts: attributes })}
      labelOf={(value) => options?.find((option) => option.value === value)?.label ?? value}
      onToggle={(value) => toggleFilter(name, value, single)}
    />
  )
  const named = (name: NamedFilter) => {
    const options = names.counted?.[name]
    return (
      <Facet
        {...shared(name)}
        name={NAMED_LABELS[name]}
        options={options}
        counts={attributes}
        others={names.others?.[name]}
        labelOf={(value) => (value === NONE ? 'none' : names.nameOf(name, value))}
        onToggle={(value) => toggleFilter(name, value)}
        {...((options?.length ?? 0) >= COUNTED_MAX && {
          bounded: `The ${COUNTED_MAX} most frequent. The search finds the others.`,
        })}
      />
    )
  }
  const protocols = attributes.values?.protocols.map(({ value, count }) => ({
    value,
    label: value.toUpperCase(),
    count,
  }))
  return (
    <div class="filter-bar">
      <RangePicker />
      <SearchField value={filters.q?.[0] ?? ''} />
      {named('siteResourceId')}
      {named('clientId')}
      {named('userId')}
      {named('siteId')}
      {plain('protocol', 'Protocol', protocols, { counted: true })}
      {plain('state', 'State', STATES, { single: true })}
      {plain('connState', 'Outcome', CONN_STATES)}
      <MoreFilters attributes={attributes} />
    </div>
  )
}
