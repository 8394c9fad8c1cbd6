/** The menu of time ranges: presets, a text, or two times; and the zone of all times. */
import { useState } from 'preact/hooks'
import { fromInputValue, toInputValue } from '../format/time.js'
import { zoneName } from '../format/zone.js'
import { filterPatch } from '../state/filters.js'
import {
  PRESET_NAMES,
  PRESETS,
  type Range,
  rangeLabel,
  rangeOf,
  rangeParams,
  spanOf,
} from '../state/range.js'
import { spanOfText, TYPED_EXPECTED } from '../state/typed-range.js'
import { setParams, useLocation } from '../state/url.js'
import { Fault } from './fault.js'
import { ChevronIcon, ClockIcon } from './icons.js'
import { Popover } from './popover.js'
import { ZoneSwitch } from './zone-switch.js'

export function RangePicker() {
  const range = rangeOf(useLocation().params)
  const choose = (next: Range) => setParams(filterPatch(rangeParams(next)))
  return (
    <>
      <Popover
        name={`Time range: ${rangeLabel(range)}`}
        title={`Times are in ${zoneName()}`}
        label={
          <>
            <ClockIcon />
            {rangeLabel(range)}
            <ChevronIcon />
          </>
        }
      >
        {(close) => (
          <>
            <div class="presets">
              {PRESET_NAMES.map((preset) => (
                <button
                  type="button"
                  key={preset}
                  class="menu-item"
                  aria-pressed={range.kind === 'preset' && range.preset === preset}
                  onClick={() => {
                    choose({ kind: 'preset', preset })
                    close()
                  }}
                >
                  {PRESETS[preset].label}
                </button>
              ))}
            </div>
            <div class="menu-line" />
            <TypedRange
              onChoose={(next) => {
                choose(next)
                close()
              }}
            />
            <CustomRange
              range={range}
              onChoose={(next) => {
                choose(next)
                close()
              }}
            />
          </>
        )}
      </Popover>
      <ZoneSwitch atMs={spanOf(range, Date.now()).endMs} />
    </>
  )
}

function TypedRange({ onChoose }: { onChoose: (range: Range) => void }) {
  const [fault, setFault] = useState('')
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const text = String(new FormData(event.currentTarget as HTMLFormElement).get('typed') ?? '')
    try {
      onChoose({ kind: 'custom', ...spanOfText(text, Date.now()) })
    } catch (error) {
      setFault(error instanceof Error ? error.message : TYPED_EXPECTED)
    }
  }
  return (
    <form class="custom-range" onSubmit={submit}>
      <label class="label">
        In words
        <input
          class="field"
          name="typed"
          autocomplete="off"
          placeholder="-3h, yesterday 18:00 to 08:00"
          onInput={() => setFault('')}
        />
      </label>
      <Fault text={fault} />
    </form>
  )
}

function CustomRange({ range, onChoose }: { range: Range; onChoose: (range: Range) => void }) {
  const span = spanOf(range, Date.now())
  const [start, setStart] = useState(toInputValue(span.startMs))
  const [end, setEnd] = useState(toInputValue(span.endMs))
  const [fault, setFault] = useState('')
  const submit = (event: Event) => {
    event.preventDefault()
    const startMs = fromInputValue(start)
    const endMs = fromInputValue(end)
    if (startMs === null || endMs === null) setFault('Enter both times.')
    else if (startMs >= endMs) setFault('The end must be after the start.')
    else onChoose({ kind: 'custom', startMs, endMs })
  }
  return (
    <form class="custom-range" onSubmit={submit}>
      <TimeField label="From" value={start} onInput={setStart} />
      <TimeField label="To" value={end} onInput={setEnd} />
      <p class="hint">Times in {zoneName(span.endMs)}</p>
      <Fault text={fault} />
      <button type="submit" class="button primary">
        Apply
      </button>
    </form>
  )
}

interface TimeFieldProps {
  readonly label: string
  readonly value: string
  readonly onInput: (value: string) => void
}

function TimeField({ label, value, onInput }: TimeFieldProps) {
  return (
    <label class="label">
      {label}
      <input
        class="field"
        type="datetime-local"
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  )
}
