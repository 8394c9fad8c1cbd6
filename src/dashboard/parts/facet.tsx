/** One filter as a button: its values with counts, and a search among them. */
import { useState } from 'preact/hooks'
import { formatCount } from '../format/bytes.js'
import { ChevronIcon, TickIcon } from './icons.js'
import { Popover } from './popover.js'

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
  /** None: no restriction. */
  readonly values: readonly string[]
  readonly onChange: (values: readonly string[]) => void
  /** The API gives the most frequent values only; says what to do for another. */
  readonly bounded?: string | undefined
}

const SEARCH_FROM = 8

export function Facet(props: FacetProps) {
  const { name, options = [], values } = props
  const shown = values.map((value) => options.find((o) => o.value === value)?.label ?? value)
  const text = shown.length > 1 ? `${shown.length} of them` : shown[0]
  return (
    <Popover
      buttonClass={text === undefined ? 'button' : 'button active'}
      title={shown.join(', ')}
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

function FacetPanel({ name, options: counted, values, onChange, bounded }: FacetProps) {
  const [search, setSearch] = useState('')
  const options = counted ?? []
  const wanted = search.trim().toLowerCase()
  const found = options.filter(({ label, detail = '' }) =>
    `${label} ${detail}`.toLowerCase().includes(wanted),
  )
  return (
    <div class="facet">
      {options.length >= SEARCH_FROM && (
        <input
          class="field"
          type="search"
          placeholder={`Search ${name.toLowerCase()}`}
          aria-label={`Search ${name.toLowerCase()}`}
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
      )}
      {values.length > 0 && (
        <button type="button" class="menu-item" onClick={() => onChange([])}>
          <span class="grow">Any {name.toLowerCase()}</span>
        </button>
      )}
      {found.map((option) => (
        <FacetItem
          key={option.value}
          option={option}
          chosen={values.includes(option.value)}
          onToggle={(chosen) =>
            onChange(
              chosen ? [...values, option.value] : values.filter((value) => value !== option.value),
            )
          }
        />
      ))}
      {found.length === 0 && (
        <p class="menu-title">
          {counted === undefined
            ? 'Counting…'
            : options.length === 0
              ? 'None in this selection.'
              : `Nothing here matches “${search}”.`}
        </p>
      )}
      {bounded && <p class="menu-title">{bounded}</p>}
    </div>
  )
}

interface FacetItemProps {
  readonly option: FacetOption
  readonly chosen: boolean
  readonly onToggle: (chosen: boolean) => void
}

function FacetItem({ option, chosen, onToggle }: FacetItemProps) {
  return (
    <button type="button" class="menu-item" aria-pressed={chosen} onClick={() => onToggle(!chosen)}>
      <span class="tick">{chosen && <TickIcon />}</span>
      <span class="grow" title={option.label}>
        {option.label}
        {option.detail && <span class="muted"> {option.detail}</span>}
      </span>
      {option.count !== undefined && <span class="count figures">{formatCount(option.count)}</span>}
    </button>
  )
}
