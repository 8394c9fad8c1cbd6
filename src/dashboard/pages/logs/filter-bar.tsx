/** All filters of the log in one line, and what is set as chips below it. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { FilterAttributes, NamedCount } from '../../api/types.js'
import { formatBytes, parseBytes } from '../../format/bytes.js'
import { NONE } from '../../format/groups.js'
import { CONN_STATE_LABELS } from '../../format/outcome.js'
import { Facet, type FacetOption } from '../../parts/facet.js'
import { ChevronIcon, CloseIcon, SearchIcon } from '../../parts/icons.js'
import { Popover } from '../../parts/popover.js'
import { RangePicker } from '../../parts/range-picker.js'
import {
  FILTERS,
  type FilterName,
  filterPatch,
  filtersOf,
  onlyFilters,
} from '../../state/filters.js'
import { setParams, useLocation } from '../../state/url.js'

const TYPING_PAUSE_MS = 300

const set = (name: FilterName, values: readonly string[]) =>
  setParams(filterPatch({ [name]: values }))

function named(items: readonly NamedCount[] | undefined, unknown: string) {
  return items?.map(
    ({ id, name, count }): FacetOption => ({
      value: String(id),
      label: name ?? `${unknown} ${id}`,
      count,
    }),
  )
}

const STATES: readonly FacetOption[] = [
  { value: 'open', label: 'Open now' },
  { value: 'ended', label: 'Ended' },
  { value: 'interrupted', label: 'Interrupted', detail: 'meter stopped' },
]

const CONN_STATES: readonly FacetOption[] = Object.entries(CONN_STATE_LABELS).map(
  ([value, label]) => ({ value, label, detail: value }),
)

export function FilterBar({ attributes }: { attributes: FilterAttributes | undefined }) {
  const filters = filtersOf(useLocation().params)
  const facet = (
    name: FilterName,
    label: string,
    options: readonly FacetOption[] | undefined,
    single = false,
  ) => (
    <Facet
      name={label}
      options={options}
      values={filters[name] ?? []}
      onChange={(values) => set(name, single ? values.slice(-1) : values)}
      {...((options?.length ?? 0) >= 100 && {
        bounded: 'The 100 most frequent. Use the search for others.',
      })}
    />
  )
  const users = attributes?.users.map(({ id, name, email, count }) => ({
    value: id,
    label: name ?? email ?? `User ${id}`,
    count,
    ...(email !== null && name !== null && { detail: email }),
  }))
  const protocols = attributes?.protocols.map(({ value, count }) => ({
    value,
    label: value.toUpperCase(),
    count,
  }))
  return (
    <div class="filter-bar">
      <RangePicker />
      <SearchField value={filters.q?.[0] ?? ''} />
      {facet('siteResourceId', 'Resource', named(attributes?.resources, 'Resource'))}
      {facet('clientId', 'Client', named(attributes?.clients, 'Client'))}
      {facet('userId', 'User', users)}
      {facet('siteId', 'Site', named(attributes?.sites, 'Site'))}
      {facet('protocol', 'Protocol', protocols)}
      {facet('state', 'State', STATES, true)}
      {facet('connState', 'Outcome', CONN_STATES)}
      <MoreFilters destAddrs={attributes?.destAddrs.map(({ value }) => value) ?? []} />
    </div>
  )
}

/** Free text; applied when typing pauses. `/` comes here from anywhere. */
function SearchField({ value }: { value: string }) {
  const [text, setText] = useState(value)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => setText(value), [value])
  const apply = (next: string) => {
    clearTimeout(timer.current)
    if (next.trim() !== value) set('q', [next.trim()])
  }
  return (
    <search class="search-field">
      <SearchIcon />
      <input
        id="search"
        class="field"
        type="search"
        placeholder="Search names and addresses"
        aria-label="Search names and addresses"
        title="Press / to come here"
        value={text}
        onInput={(event) => {
          const next = event.currentTarget.value
          setText(next)
          clearTimeout(timer.current)
          timer.current = setTimeout(() => apply(next), TYPING_PAUSE_MS)
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') apply(event.currentTarget.value)
          if (event.key === 'Escape') event.currentTarget.blur()
        }}
      />
    </search>
  )
}

interface TextFilter {
  readonly name: FilterName
  readonly label: string
  readonly hint: string
  readonly list?: string
}

const TEXT_FILTERS: readonly TextFilter[] = [
  { name: 'sourceAddr', label: 'Source', hint: '10.8.0.2, 10.8.0.0/24 or 10.8.0.2:51000' },
  {
    name: 'destAddr',
    label: 'Destination',
    hint: 'An address, a network or address:port',
    list: 'dest-addresses',
  },
  { name: 'port', label: 'Destination port', hint: '443, or several: 80, 443' },
  { name: 'minBytes', label: 'At least', hint: 'Sent and received together: 500, 10 kB, 2.5 MB' },
]

function MoreFilters({ destAddrs }: { destAddrs: readonly string[] }) {
  const filters = filtersOf(useLocation().params)
  const count = TEXT_FILTERS.filter(({ name }) => filters[name] !== undefined).length
  return (
    <Popover
      align="end"
      name="More filters: addresses, port, size"
      buttonClass={count > 0 ? 'button active' : 'button'}
      label={
        <>
          More
          <ChevronIcon />
        </>
      }
    >
      {(close) => <MoreFiltersForm destAddrs={destAddrs} onDone={close} />}
    </Popover>
  )
}

function MoreFiltersForm({
  destAddrs,
  onDone,
}: {
  destAddrs: readonly string[]
  onDone: () => void
}) {
  const filters = filtersOf(useLocation().params)
  const [fault, setFault] = useState('')
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const texts = (name: FilterName) =>
      String(form.get(name) ?? '')
        .split(',')
        .map((text) => text.trim())
    const size = String(form.get('minBytes') ?? '').trim()
    const minBytes = size === '' ? null : parseBytes(size)
    if (size !== '' && minBytes === null) {
      setFault('“At least” takes bytes, as in 500, 10 kB or 2.5 MB.')
      return
    }
    setParams(
      filterPatch({
        sourceAddr: texts('sourceAddr'),
        destAddr: texts('destAddr'),
        port: texts('port'),
        minBytes: minBytes === null ? null : String(minBytes),
      }),
    )
    onDone()
  }
  return (
    <form class="custom-range" onSubmit={submit}>
      {TEXT_FILTERS.map(({ name, label, hint, list }) => (
        <label class="label" key={name}>
          {label}
          {/* Not bound: an answer that arrives meanwhile must not reset what is being typed. */}
          <input
            class="field"
            name={name}
            defaultValue={filters[name]?.join(', ') ?? ''}
            list={list}
          />
          <span class="hint">{hint}</span>
        </label>
      ))}
      <datalist id="dest-addresses">
        {destAddrs.map((address) => (
          <option key={address} value={address} />
        ))}
      </datalist>
      {fault !== '' && (
        <p class="wrong" role="alert">
          {fault}
        </p>
      )}
      <button type="submit" class="button primary">
        Apply
      </button>
    </form>
  )
}

const CHIP_LABELS: Readonly<Record<FilterName, string>> = {
  q: 'Text',
  siteResourceId: 'Resource',
  clientId: 'Client',
  userId: 'User',
  siteId: 'Site',
  protocol: 'Protocol',
  state: 'State',
  connState: 'Outcome',
  sourceAddr: 'Source',
  destAddr: 'Destination',
  port: 'Destination port',
  minBytes: 'At least',
}

function chipValue(name: FilterName, value: string, attributes?: FilterAttributes): string {
  const nameOf = (items: readonly NamedCount[] | undefined) =>
    value === NONE ? 'none' : (items?.find(({ id }) => String(id) === value)?.name ?? value)
  switch (name) {
    case 'siteResourceId':
      return nameOf(attributes?.resources)
    case 'clientId':
      return nameOf(attributes?.clients)
    case 'userId':
      return nameOf(attributes?.users)
    case 'siteId':
      return nameOf(attributes?.sites)
    case 'minBytes':
      return formatBytes(Number(value))
    case 'connState':
      return CONN_STATE_LABELS[value as keyof typeof CONN_STATE_LABELS] ?? value
    default:
      return value
  }
}

export function FilterChips({ attributes }: { attributes: FilterAttributes | undefined }) {
  const filters = filtersOf(useLocation().params)
  const active = FILTERS.flatMap((name) => (filters[name] ?? []).map((value) => ({ name, value })))
  if (active.length === 0) return null
  const remove = (name: FilterName, value: string) =>
    set(
      name,
      (filters[name] ?? []).filter((other) => other !== value),
    )
  return (
    <ul class="chips" aria-label="Filters that are set">
      {active.map(({ name, value }) => {
        const text = `${CHIP_LABELS[name]}: ${chipValue(name, value, attributes)}`
        return (
          <li class="chip" key={`${name} ${value}`}>
            <span title={text}>{text}</span>
            <button
              type="button"
              aria-label={`Remove filter ${text}`}
              onClick={() => remove(name, value)}
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
