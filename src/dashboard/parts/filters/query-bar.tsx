/**
 * All filters in one field: tokens for filters that are set, text in the language of docs/query.md, and a list of
 * suggestions below. `/` moves the focus here from anywhere.
 */

import type { RefObject } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Attributes } from '../../api/use-attributes.js'
import { formatCount } from '../../format/bytes.js'
import { filtersOf, onlyFilters } from '../../state/filters.js'
import { setParams, useLocation } from '../../state/url.js'
import { filters as texts } from '../../texts/filters.js'
import { Fault } from '../fault.js'
import { CloseIcon, SearchIcon } from '../icons.js'
import { isTyping } from '../is-typing.js'
import { toggleNot, toggleOnly } from './change.js'
import type { Names } from './names.js'
import { fragmentOf, LETTERS_MIN, type Suggestion, suggestionsFor } from './suggestions.js'
import { parameterTokens, queryTokens, type Token } from './tokens.js'
import { useCombobox } from './use-combobox.js'
import { useDraft } from './use-draft.js'

export interface QueryBarProps {
  readonly attributes: Attributes
  readonly names: Names
}

export function QueryBar({ attributes, names }: QueryBarProps) {
  const filters = filtersOf(useLocation().params)
  const draft = useDraft(filters.q?.[0] ?? '')
  const [open, setOpen] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  const tokens = [...parameterTokens(filters, names), ...queryTokens(draft.committed)]
  const fragment = fragmentOf(draft.text)
  const suggestions =
    open && fragment !== null ? suggestionsFor(fragment, attributes.values, names) : []
  const look = open && fragment !== null && (fragment.key ?? fragment.value).length >= LETTERS_MIN
  useEffect(() => {
    attributes.look(look)
    return () => attributes.look(false)
  }, [look, attributes.look])
  const choose = ({ goOn, choice }: Suggestion) => {
    if (fragment === null) return
    const { before, negated } = fragment
    if (goOn !== undefined) draft.write(`${before} ${goOn}`.trimStart())
    else draft.take(before)
    if (choice !== undefined) (negated ? toggleNot : toggleOnly)(choice)
    setOpen(goOn !== undefined)
    input.current?.focus()
  }
  useSlash(input)
  const list = useCombobox(input, suggestions.length > 0, suggestions)
  return (
    <search class="query-bar">
      <SearchIcon />
      <Tokens tokens={tokens} />
      <input
        ref={input}
        id="search"
        type="text"
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        placeholder={tokens.length === 0 ? texts().search : ''}
        aria-label={texts().searchLabel}
        title={texts().searchTitle}
        value={draft.text}
        onInput={(event) => {
          draft.type(event.currentTarget.value)
          setOpen(true)
        }}
        onFocus={() => setOpen(true)}
        onClick={() => setOpen(true)}
        onBlur={() => {
          setOpen(false)
          draft.leave()
        }}
        onKeyDown={(event) => {
          const chosen = event.currentTarget.hasAttribute('aria-activedescendant')
          if (event.key === 'Enter' && !chosen && draft.commit()) setOpen(false)
          if (event.key === 'ArrowDown') setOpen(true)
          if (event.key === 'Backspace' && draft.text === '') tokens.at(-1)?.drop()
          if (event.key !== 'Escape') return
          if (open) setOpen(false)
          else event.currentTarget.blur()
        }}
      />
      {tokens.length > 0 && (
        <button type="button" class="button quiet small" onClick={() => setParams(onlyFilters({}))}>
          {texts().clearAll}
        </button>
      )}
      <Suggestions list={list} all={suggestions} onChoose={choose} />
      <p
        class={look && suggestions.length === 0 ? 'suggestions menu-title' : 'visually-hidden'}
        role="status"
      >
        {look ? statusText(attributes, suggestions.length) : ''}
      </p>
      <Fault text={draft.fault} />
    </search>
  )
}

/** `/` moves the focus to the field. */
function useSlash(input: RefObject<HTMLInputElement | null>): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const modified = event.ctrlKey || event.metaKey || event.altKey
      if (event.key !== '/' || modified || isTyping(event.target)) return
      event.preventDefault()
      input.current?.focus()
    }
    document.addEventListener('keydown', onKeyDown)
    return () => document.removeEventListener('keydown', onKeyDown)
  }, [input])
}

function statusText({ failed, values, slow }: Attributes, found: number): string {
  if (failed !== null) return failed
  if (found > 0) return texts().found(found)
  if (values !== undefined) return texts().noneFound
  return slow ? texts().countingLong : texts().counting
}

function Tokens({ tokens }: { tokens: readonly Token[] }) {
  if (tokens.length === 0) return null
  return (
    <ul class="chips" aria-label={texts().set}>
      {tokens.map(({ id, text, negated, drop }) => (
        <li class={negated ? 'chip not' : 'chip'} key={id}>
          <span title={text}>{text}</span>
          <button type="button" aria-label={texts().remove(text)} onClick={drop}>
            <CloseIcon />
          </button>
        </li>
      ))}
    </ul>
  )
}

interface SuggestionsProps {
  readonly list: { readonly current: HTMLDivElement | null }
  readonly all: readonly Suggestion[]
  readonly onChoose: (suggestion: Suggestion) => void
}

function Suggestions({ list, all, onChoose }: SuggestionsProps) {
  return (
    <div
      ref={list}
      id="suggestions"
      class="suggestions"
      role="listbox"
      tabIndex={-1}
      aria-label={texts().suggestions}
      hidden={all.length === 0}
      // The field keeps the focus.
      onMouseDown={(event) => event.preventDefault()}
    >
      {all.map((one) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox turns the field's Enter key into a click.
        <div
          key={one.id}
          role="option"
          tabIndex={-1}
          aria-selected={false}
          class="menu-item"
          onClick={() => onChoose(one)}
        >
          {one.kind !== undefined && <span class="kind">{texts().kinds[one.kind]}</span>}
          <span class="grow">
            {one.label}
            {one.detail !== undefined && <span class="muted"> {one.detail}</span>}
          </span>
          {one.count !== undefined && <span class="count figures">{formatCount(one.count)}</span>}
        </div>
      ))}
    </div>
  )
}
