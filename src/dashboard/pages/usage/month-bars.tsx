/** Twelve months as bars. Each bar is a button that chooses its month. */

import { formatBytes } from '../../format/bytes.js'
import { monthShort } from '../../format/month.js'
import { usage } from '../../texts/usage.js'

export interface MonthTotal {
  readonly month: string
  readonly bytesTx: number
  readonly bytesRx: number
}

export interface MonthBarsProps {
  readonly totals: readonly MonthTotal[]
  /** Null: none of them. */
  readonly chosen: string | null
  readonly onChoose: (month: string) => void
}

const HEIGHT = 72

export function MonthBars({ totals, chosen, onChoose }: MonthBarsProps) {
  const largest = Math.max(1, ...totals.map(({ bytesTx, bytesRx }) => bytesTx + bytesRx))
  return (
    <ul class="months" aria-label={usage().months}>
      {totals.map(({ month, bytesTx, bytesRx }, index) => {
        // The first bar and each January have the year.
        const year = index === 0 || month.endsWith('-01') ? ` ${month.slice(0, 4)}` : ''
        const sent = (bytesTx / largest) * HEIGHT
        const received = (bytesRx / largest) * HEIGHT
        const text = usage().sum(formatBytes(bytesTx), formatBytes(bytesRx))
        return (
          <li key={month}>
            <button
              type="button"
              class="month"
              aria-pressed={month === chosen}
              title={text}
              onClick={() => onChoose(month)}
            >
              <svg viewBox={`0 0 10 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
                <rect class="share-ground" y={HEIGHT - 1} width="10" height="1" />
                <rect class="share-sent" y={HEIGHT - sent} width="10" height={sent} />
                <rect
                  class="share-received"
                  y={HEIGHT - sent - received}
                  width="10"
                  height={received}
                />
              </svg>
              <span>
                {monthShort(month)}
                <span class="muted">{year}</span>
                <span class="visually-hidden">
                  {year === '' && ` ${month.slice(0, 4)}`}: {text}
                </span>
              </span>
            </button>
          </li>
        )
      })}
    </ul>
  )
}
