/** The attempts of 24 hours and of 30 days, by the class of their answers. */
import type { Destination } from '../../api/destinations.js'
import { formatCount } from '../../format/bytes.js'
import { TableScroll } from '../../parts/table-scroll.js'

const CLASSES = [
  { name: '2xx', label: 'Taken' },
  { name: '3xx', label: 'Redirected (3xx)' },
  { name: '4xx', label: 'Refused (4xx)' },
  { name: '5xx', label: 'Fault of the receiver (5xx)' },
  { name: 'network', label: 'No answer' },
] as const

export function AttemptsTable({ attempts: { day, month } }: Pick<Destination, 'attempts'>) {
  return (
    <section class="card" aria-labelledby="attempts">
      <div class="card-head">
        <h2 id="attempts">Attempts</h2>
      </div>
      <TableScroll label="Attempts">
        <table class="plain-table">
          <thead>
            <tr>
              <th scope="col">Answer</th>
              <th scope="col" class="number">
                24 hours
              </th>
              <th scope="col" class="number">
                30 days
              </th>
            </tr>
          </thead>
          <tbody>
            {CLASSES.map(({ name, label }) => (
              <tr key={name}>
                <th scope="row">{label}</th>
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
