/** The menu of time ranges: presets, a text, or two times; and the zone of all times. */
import { useState } from 'preact/hooks'
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
import { spanOfText } from '../state/typed-range.js'
import { setParams, useLocation } from '../state/url.js'
import { common } from '../texts/common.js'
import { Fault } from './fault.js'
import { ChevronIcon, ClockIcon } from './icons.js'
import { Popover } from './popover.js'
import { rangeFaultText } from './range-fault.js'
import { TimeFields, timesOf } from './time-fields.js'
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
      setFault(rangeFaultText(error))
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

function CustomRange({ range, onChoose }: { range: Range; onChoose: (range: Range) => void }) {
  const span = spanOf(range, Date.now())
  const [fault, setFault] = useState('')
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    try {
      const times = timesOf(event.currentTarget as HTMLFormElement)
      onChoose({ kind: 'custom', ...spanOfText(times, Date.now()) })
    } catch (error) {
      setFault(rangeFaultText(error))
    }
  }
  return (
    <form class="custom-range" onSubmit={submit} onInput={() => setFault('')}>
      <TimeFields span={span} />
      <p class="hint">{common().timesInZone(zoneName(span.endMs))}</p>
      <Fault text={fault} />
      <button type="submit" class="button primary">
        {common().apply}
      </button>
    </form>
  )
}
