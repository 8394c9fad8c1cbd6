/** Who used what: clients and resources with the bytes of each pair, as a table or as a flow. Both lead to the sessions. */

import { faultText } from '../../api/fault-text.js'
import type { Matrix } from '../../api/types.js'
import type { Query } from '../../api/use-query.js'
import { formatBytes } from '../../format/bytes.js'
import { Bytes } from '../../parts/quantity.js'
import { Segments } from '../../parts/segments.js'
import { TableScroll } from '../../parts/table-scroll.js'
import { groupFilter, groupName } from '../../state/groups.js'
import { followLink, setParams, useLocation } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { overview } from '../../texts/overview.js'
import { FlowChart } from './flow-chart.js'
import { logsHref } from './logs-href.js'
import { Name, type Side } from './matrix-name.js'

export type MatrixQuery = Pick<Query<Matrix>, 'data' | 'error' | 'loading'>

const SHADES = 5
/** Each shade stands for ten times the bytes of the one before. */
function shadeOf(bytes: number, largest: number): number {
  if (bytes === 0) return 0
  return Math.max(1, Math.ceil(SHADES - Math.log10(largest / bytes)))
}

export function MatrixCard({ query }: { query: MatrixQuery }) {
  const { data, error, loading } = query
  const shape = useLocation().params.get('who') === 'flow' ? 'flow' : 'table'
  return (
    <section class={loading && data ? 'card stale' : 'card'} aria-label={overview().matrix}>
      <div class="card-head">
        <h2>{overview().matrix}</h2>
        <span class="muted hint">{overview().matrixHint[shape]}</span>
        <span class="space" />
        <Segments
          name={overview().matrixShape}
          options={[
            { value: 'table', label: overview().matrixShapes.table },
            { value: 'flow', label: overview().matrixShapes.flow },
          ]}
          value={shape}
          onChange={(who) => setParams({ who: who === 'flow' ? who : null }, { replace: true })}
        />
      </div>
      {error !== null && <p class="card-body wrong">{faultText(error)}</p>}
      {data !== undefined &&
        (shape === 'flow' ? <FlowChart matrix={data} /> : <MatrixTable matrix={data} />)}
    </section>
  )
}

function MatrixTable({ matrix: { rows, columns, cells } }: { matrix: Matrix }) {
  const at = new Map(cells.map((cell) => [`${cell.row} ${cell.column}`, cell]))
  const largest = Math.max(1, ...cells.map(({ bytesTx, bytesRx }) => bytesTx + bytesRx))
  return (
    <TableScroll label={overview().matrixTable}>
      <table class="matrix">
        <caption class="visually-hidden">{overview().matrixCaption}</caption>
        <thead>
          <tr>
            <td />
            {columns.map((column) => (
              <th scope="col" key={keyOf(column)}>
                <Name group="resource" row={column} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, r) => (
            <tr key={keyOf(row)}>
              <th scope="row">
                <Name group="client" row={row} />
              </th>
              {columns.map((column, c) => {
                const cell = at.get(`${r} ${c}`)
                const bytes = cell === undefined ? 0 : cell.bytesTx + cell.bytesRx
                return (
                  <td key={keyOf(column)} class={`shade-${shadeOf(bytes, largest)}`}>
                    {cell && (
                      <Cell row={row} column={column} bytes={bytes} sessions={cell.sessions} />
                    )}
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}

function keyOf({ id, other }: Side): string {
  return other ? 'other' : `id ${id}`
}

interface CellProps {
  readonly row: Side
  readonly column: Side
  readonly bytes: number
  readonly sessions: number
}

/** No filter names "all others", so those cells lead nowhere. */
function Cell({ row, column, bytes, sessions }: CellProps) {
  const [client, resource] = [groupFilter('client', row), groupFilter('resource', column)]
  const count = common().sessions(sessions)
  if (client === null || resource === null) return <Bytes bytes={bytes} />
  const who = overview().pair(groupName('client', row), groupName('resource', column))
  return (
    <a
      href={logsHref({ ...client, ...resource })}
      title={`${who}: ${count}`}
      aria-label={`${formatBytes(bytes)}, ${who}, ${count}`}
      onClick={followLink}
    >
      {formatBytes(bytes)}
    </a>
  )
}
