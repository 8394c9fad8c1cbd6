import type { SummaryTotals } from '../../api/types.js'
import { formatCount } from '../../format/bytes.js'
import { changeOf } from '../../format/change.js'
import { Figure } from '../../parts/figure.js'
import { Bytes } from '../../parts/quantity.js'
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
  return (
    <ul class="figures-row">
      <Figure label="Sessions" href={logsHref({})} {...change('sessions')}>
        {formatCount(totals.sessions)}
      </Figure>
      <Figure label="Sent" href={logsHref({}, '-bytes')} {...change('bytesTx')}>
        <Bytes bytes={totals.bytesTx} />
      </Figure>
      <Figure label="Received" href={logsHref({}, '-bytes')} {...change('bytesRx')}>
        <Bytes bytes={totals.bytesRx} />
      </Figure>
      <Figure
        label="Open now"
        href={logsHref({ state: ['open'] })}
        tone={totals.open > 0 ? 'open' : ''}
      >
        {formatCount(totals.open)}
      </Figure>
      <Figure
        label="Refused"
        href={logsHref({ connState: ['REJ'] })}
        tone={wrong(totals.refused)}
        {...change('refused')}
      >
        {formatCount(totals.refused)}
      </Figure>
      <Figure
        label="No answer"
        href={logsHref({ connState: ['S0'] })}
        tone={wrong(totals.unanswered)}
        {...change('unanswered')}
      >
        {formatCount(totals.unanswered)}
      </Figure>
    </ul>
  )
}
