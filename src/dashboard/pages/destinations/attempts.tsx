/** The attempts of 24 hours and of 30 days, by the class of their answers. */

import type { Destination } from '../../api/destinations.js'
import { formatCount } from '../../format/bytes.js'
import { TableScroll } from '../../parts/table-scroll.js'
import { destinations as texts } from '../../texts/destinations.js'

const CLASSES = ['2xx', '3xx', '4xx', '5xx', 'network'] as const

export function AttemptsTable({ attempts: { day, month } }: Pick<Destination, 'attempts'>) {
  return (
    <section class="card" aria-labelledby="attempts">
      <div class="card-head">
        <h2 id="attempts">{texts().attempts}</h2>
      </div>
      <TableScroll label={texts().attempts}>
        <table class="plain-table">
          <thead>
            <tr>
              <th scope="col">{texts().answer}</th>
              <th scope="col" class="number">
                {texts().hours24}
              </th>
              <th scope="col" class="number">
                {texts().days30}
              </th>
            </tr>
          </thead>
          <tbody>
            {CLASSES.map((name) => (
              <tr key={name}>
                <th scope="row">{texts().classes[name]}</th>
                <td class="number">{formatCount(day[name] ?? 0)}</td>
                <td class="number">{formatCount(month[name] ?? 0)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </section>
  )
}
