/** The menu of time ranges: presets, a text, or two times; and the zone of all times. */
import { useState } from 'preact/hooks'
import { MomentFault } from '../../session/moment.js'
import { fromInputValue, toInputValue } from '../format/time.js'
import { zoneName } from '../format/zone.js'
import { filterPatch } from '../state/filters.js'
import {
  PRESET_NAMES,
  type Range,
  rangeLabel,
  rangeOf,
  rangeParams,
  spanOf,
} from '../state/range.js'
import { RangeFault, type RangeFaultCode, spanOfText } from '../state/typed-range.js'
import { setParams, useLocation } from '../state/url.js'
import { common } from '../texts/common.js'
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
        name={common().timeRange(rangeLabel(range))}
        title={common().timesIn(zoneName())}
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
                  {common().presets[preset]}
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
      if (!(error instanceof RangeFault || error instanceof MomentFault)) throw error
      setFault(rangeFaultText(error.code))
    }
  }
  return (
    <form class="custom-range" onSubmit={submit}>
      <label class="label">
        {common().inWords}
        <input
          class="field"
          name="typed"
          autocomplete="off"
          placeholder={common().inWordsExample}
          onInput={() => setFault('')}
        />
      </label>
      <Fault text={fault} />
    </form>
  )
}

function rangeFaultText(code: RangeFaultCode): string {
  const texts = common()
  switch (code) {
    case 'endFirst':
      return texts.endAfterStart
    case 'notBegun':
      return texts.monthNotBegun
    case 'noSuchDay':
      return texts.noSuchDay
    case 'skipped':
      return texts.timeSkipped
    case 'expected':
      return texts.timeExpected
  }
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
    if (startMs === null || endMs === null) setFault(common().enterBoth)
    else if (startMs >= endMs) setFault(common().endAfterStart)
    else onChoose({ kind: 'custom', startMs, endMs })
  }
  return (
    <form class="custom-range" onSubmit={submit}>
      <TimeField label={common().from} value={start} onInput={setStart} />
      <TimeField label={common().to} value={end} onInput={setEnd} />
      <p class="hint">{common().timesInZone(zoneName(span.endMs))}</p>
      <Fault text={fault} />
      <button type="submit" class="button primary">
        {common().apply}
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
