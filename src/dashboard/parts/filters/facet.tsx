/** One filter as a button: its values with counts, and a search among them. */
import { useState } from 'preact/hooks'
import type { Attributes } from '../../api/use-attributes.js'
import { formatCount } from '../../format/bytes.js'
import { ChevronIcon, TickIcon } from '../icons.js'
import { Popover } from '../popover.js'

export interface FacetOption {
  readonly value: string
  readonly label: string
  readonly detail?: string
  readonly count?: number
}

export interface FacetProps {
  readonly name: string
  /** Undefined while they are being counted. */
  readonly options: readonly FacetOption[] | undefined
  /** Found by searching only: not among the counted ones. */
  readonly others?: readonly FacetOption[] | undefined
  /** None: no restriction. */
  readonly values: readonly string[]
  readonly labelOf: (value: string) => string
  readonly onToggle: (value: string) => void
  readonly onClear: () => void
  /** None: its values are fixed, and have no counts. */
  readonly counts?: Attributes
  /** Said below a list that does not hold everything. */
  readonly bounded?: string | undefined
}

const SEARCH_FROM = 8
const OTHERS_SHOWN = 50

export function Facet(props: FacetProps) {
  const { name, values } = props
  const shown = values.map(props.labelOf)
  const text = shown.length > 1 ? `${shown.length} of them` : shown[0]
  return (
    <Popover
      buttonClass={text === undefined ? 'button' : 'button active'}
      title={shown.join(', ')}
      onLook={props.counts?.look}
      {...(text === undefined && { name: `Filter by ${name}` })}
      label={
        <>
          {name}
          {text !== undefined && (
            <>
              <span class="visually-hidden">: </span>
              <span class="facet-value">{text}</span>
            </>
          )}
          <ChevronIcon />
        </>
      }
    >
      {() => <FacetPanel {...props} />}
    </Popover>
  )
}

const matches = (wanted: string) => (option: FacetOption) =>
  `${option.label} ${option.detail ?? ''}`.toLowerCase().includes(wanted)

function FacetPanel(props: FacetProps) {
  const { name, options: counted, others = [], values, counts, bounded } = props
  const [search, setSearch] = useState('')
  const options = counted ?? []
  const wanted = search.trim().toLowerCase()
  const found = options.filter(matches(wanted))
  const rest = wanted === '' ? [] : others.filter(matches(wanted)).slice(0, OTHERS_SHOWN)
  return (
    <div class={counts?.counting ? 'facet stale' : 'facet'}>
      {(counts !== undefined || options.length >= SEARCH_FROM) && (
        <input
          class="field"
          type="search"
          placeholder={`Search ${name.toLowerCase()}`}
          aria-label={`Search ${name.toLowerCase()}`}
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
          onKeyDown={(event) => {
            const first = found[0] ?? rest[0]
            if (event.key === 'Enter' && wanted !== '' && first) props.onToggle(first.value)
          }}
        />
      )}
      {values.length > 0 && (
        <button type="button" class="menu-item" onClick={props.onClear}>
          <span class="grow">Any {name.toLowerCase()}</span>
        </button>
      )}
      {[...found, ...rest].map((option) => (
        <FacetItem
          key={option.value}
          option={option}
          chosen={values.includes(option.value)}
          onToggle={props.onToggle}
        />
      ))}
      {found.length + rest.length === 0 && <p class="menu-title">{nothingText(props, search)}</p>}
      {bounded && search === '' && <p class="menu-title">{bounded}</p>}
    </div>
  )
}

function nothingText({ options: counted, counts }: FacetProps, search: string): string {
  if (counts?.failed) return counts.failed
  if (counted === undefined && counts?.slow) {
    return 'Counting: this selection covers a lot of sessions. Closing the list stops it.'
  }
  if (counted === undefined) return 'Counting…'
  return counted.length === 0 ? 'None in this selection.' : `Nothing here matches “${search}”.`
}

interface FacetItemProps {
  readonly option: FacetOption
  readonly chosen: boolean
  readonly onToggle: (value: string) => void
}

function FacetItem({ option, chosen, onToggle }: FacetItemProps) {
  return (
    <button
      type="button"
      class="menu-item"
      aria-pressed={chosen}
      onClick={() => onToggle(option.value)}
    >
      <span class="box">{chosen && <TickIcon />}</span>
      <span class="grow" title={option.label}>
        {option.label}
        {option.detail && <span class="muted"> {option.detail}</span>}
      </span>
      {option.count !== undefined && <span class="count figures">{formatCount(option.count)}</span>}
    </button>
  )
}
