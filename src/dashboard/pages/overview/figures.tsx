import type { SummaryTotals } from '../../api/types.js'
import { formatCount } from '../../format/bytes.js'
import { changeOf } from '../../format/change.js'
import { Figure } from '../../parts/figure.js'
import { Bytes } from '../../parts/quantity.js'
import { overview } from '../../texts/overview.js'
import { logsHref } from './logs-href.js'

interface FiguresProps {
  readonly totals: SummaryTotals
  /** Totals of the range of the same length before; undefined: not yet known. */
  readonly before: SummaryTotals | undefined
}

type Compared = 'sessions' | 'bytesTx' | 'bytesRx' | 'refused' | 'unanswered'

export function Figures({ totals, before }: FiguresProps) {
  const change = (name: Compared) =>
    before === undefined ? {} : { change: changeOf(totals[name], before[name]) }
  const wrong = (count: number) => (count > 0 ? 'wrong' : '')
  const labels = overview().figures
  return (
    <ul class="figures-row">
      <Figure label={labels.sessions} href={logsHref({})} {...change('sessions')}>
        {formatCount(totals.sessions)}
      </Figure>
      <Figure label={labels.sent} href={logsHref({}, '-bytes')} {...change('bytesTx')}>
        <Bytes bytes={totals.bytesTx} />
      </Figure>
      <Figure label={labels.received} href={logsHref({}, '-bytes')} {...change('bytesRx')}>
        <Bytes bytes={totals.bytesRx} />
      </Figure>
      <Figure
        label={labels.open}
        href={logsHref({ state: ['open'] })}
        tone={totals.open > 0 ? 'open' : ''}
      >
        {formatCount(totals.open)}
      </Figure>
      <Figure
        label={labels.refused}
        href={logsHref({ connState: ['REJ'] })}
        tone={wrong(totals.refused)}
        {...change('refused')}
      >
        {formatCount(totals.refused)}
      </Figure>
      <Figure
        label={labels.unanswered}
        href={logsHref({ connState: ['S0'] })}
        tone={wrong(totals.unanswered)}
        {...change('unanswered')}
      >
        {formatCount(totals.unanswered)}
      </Figure>
    </ul>
  )
}
