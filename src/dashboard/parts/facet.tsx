/** One filter as a button: its values with counts, and a search among them. */
import { useState } from 'preact/hooks'
import { formatCount } from '../format/bytes.js'
import { ChevronIcon } from './icons.js'
import { Popover } from './popover.js'

export interface FacetOption {
  readonly value: string
  readonly label: string
  readonly detail?: string
  readonly count?: number
}

export interface FacetProps {
  readonly name: string
  readonly options: readonly FacetOption[]
  readonly value: string | undefined
  readonly onChange: (value: string | null) => void
  /** The API gives the most frequent values only; says what to do for another. */
  readonly bounded?: string | undefined
}

const SEARCH_FROM = 8

export function Facet({ name, options, value, onChange, bounded }: FacetProps) {
  const chosen = options.find((option) => option.value === value)
  const shown = value === undefined ? undefined : (chosen?.label ?? value)
  return (
    <Popover
      buttonClass={value === undefined ? 'button' : 'button active'}
      name={shown === undefined ? `Filter by ${name}` : `${name} is ${shown}; change`}
      label={
        <>
          {name}
          {shown !== undefined && <span class="facet-value">{shown}</span>}
          <ChevronIcon />
        </>
      }
    >
      {(close) => (
        <FacetPanel
          name={name}
          options={options}
          value={value}
          bounded={bounded}
          onChange={(next) => {
            onChange(next)
            close()
          }}
        />
      )}
    </Popover>
  )
}

function FacetPanel({ name, options, value, onChange, bounded }: FacetProps) {
  const [search, setSearch] = useState('')
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
      {value !== undefined && (
        <button type="button" class="menu-item" onClick={() => onChange(null)}>
          <span class="grow">Any {name.toLowerCase()}</span>
        </button>
      )}
      {found.map((option) => (
        <button
          type="button"
          key={option.value}
          class="menu-item"
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value === value ? null : option.value)}
        >
          <span class="grow" title={option.label}>
            {option.label}
            {option.detail && <span class="muted"> {option.detail}</span>}
          </span>
          {option.count !== undefined && <span class="count">{formatCount(option.count)}</span>}
        </button>
      ))}
      {found.length === 0 && (
        <p class="menu-title">
          {options.length === 0 ? 'None in this selection.' : `Nothing here matches “${search}”.`}
        </p>
      )}
      {bounded && <p class="menu-title">{bounded}</p>}
    </div>
  )
}
