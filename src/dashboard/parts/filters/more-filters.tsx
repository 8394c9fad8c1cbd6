/** The filters that are typed: addresses, ports, a least size. */
import { useState } from 'preact/hooks'
import type { Attributes } from '../../api/use-attributes.js'
import { isAddressFilter, isPort } from '../../format/address.js'
import { parseBytes } from '../../format/bytes.js'
import { type FilterName, filterPatch, filtersOf } from '../../state/filters.js'
import { setParams, useLocation } from '../../state/url.js'
import { Fault } from '../fault.js'
import { ChevronIcon } from '../icons.js'
import { Popover } from '../popover.js'
import { EXPECTED, FILTER_LABELS } from './labels.js'

interface TextFilter {
  readonly name: FilterName
  readonly hint: string
  readonly takes: (text: string) => boolean
  readonly list?: string
}

const TEXT_FILTERS: readonly TextFilter[] = [
  {
    name: 'sourceAddr',
    hint: '10.8.0.2, 10.8.0.0/24 or 10.8.0.2:51000',
    takes: isAddressFilter,
  },
  {
    name: 'destAddr',
    hint: 'An address, a network or address:port',
    takes: isAddressFilter,
    list: 'dest-addresses',
  },
  { name: 'port', hint: '443, or several: 80, 443', takes: isPort },
  {
    name: 'minBytes',
    hint: 'Sent and received together: 500, 10 kB, 2.5 MB',
    takes: (text) => parseBytes(text) !== null,
  },
]

export function MoreFilters({ attributes }: { attributes: Attributes }) {
  const destAddrs = attributes.values?.destAddrs.map(({ value }) => value) ?? []
  const filters = filtersOf(useLocation().params)
  const count = TEXT_FILTERS.filter(({ name }) => filters[name] !== undefined).length
  return (
    <Popover
      align="end"
      onLook={attributes.look}
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
    const element = event.currentTarget as HTMLFormElement
    const form = new FormData(element)
    const texts = (name: FilterName) =>
      String(form.get(name) ?? '')
        .split(',')
        .map((text) => text.trim())
    const wrong = TEXT_FILTERS.map(({ name, takes }) => ({
      name,
      value: texts(name).find((text) => text !== '' && !takes(text)),
    })).find(({ value }) => value !== undefined)
    if (wrong !== undefined) {
      const { name, value } = wrong
      setFault(`“${FILTER_LABELS[name]}” takes ${EXPECTED[name]}, not “${value}”.`)
      element.querySelector<HTMLInputElement>(`[name="${name}"]`)?.focus()
      return
    }
    const minBytes = parseBytes(texts('minBytes')[0] ?? '')
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
      {TEXT_FILTERS.map(({ name, hint, list }) => (
        <label class="label" key={name}>
          {FILTER_LABELS[name]}
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
      <Fault text={fault} />
      <button type="submit" class="button primary">
        Apply
      </button>
    </form>
  )
}
