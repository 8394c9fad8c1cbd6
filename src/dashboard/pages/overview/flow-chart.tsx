/** Who used what, as a Sankey diagram: clients on the left, resources on the right. Screen readers get a list of pairs. */
import type { Matrix } from '../../api/types.js'
import { formatBytes } from '../../format/bytes.js'
import { type Group, groupFilter, groupName } from '../../state/groups.js'
import { navigate } from '../../state/url.js'
import { common } from '../../texts/common.js'
import { overview } from '../../texts/overview.js'
import { type Bar, flowOf, type Ribbon } from './flow.js'
import { logsHref } from './logs-href.js'
import { Name, type Side } from './matrix-name.js'

/** Ribbons are drawn this wide, and stretched to the room between the names. */
const WIDTH = 100
const BAR_WIDTH = 1.2

export function FlowChart({ matrix: { rows, columns, cells } }: { matrix: Matrix }) {
  const byPair = cells.map((cell) => ({ ...cell, bytes: cell.bytesTx + cell.bytesRx }))
  const { height, left, right, ribbons } = flowOf(byPair, rows.length, columns.length)
  const pairOf = ({ row, column }: Pick<Ribbon, 'row' | 'column'>) =>
    overview().pair(groupName('client', rows[row]!), groupName('resource', columns[column]!))
  return (
    <div class="flow">
      <svg width="100%" height={height} aria-hidden="true" class="flow-ribbons">
        <svg
          aria-hidden="true"
          x="25%"
          width="50%"
          height={height}
          viewBox={`0 0 ${WIDTH} ${height}`}
          preserveAspectRatio="none"
        >
          {ribbons.map((ribbon) => (
            <Band
              key={`${ribbon.row} ${ribbon.column}`}
              ribbon={ribbon}
              title={`${formatBytes(ribbon.bytes)}, ${pairOf(ribbon)}`}
              href={sessionsOf(rows[ribbon.row]!, columns[ribbon.column]!)}
            />
          ))}
          <Bars bars={left} x={0} />
          <Bars bars={right} x={WIDTH - BAR_WIDTH} />
        </svg>
      </svg>
      <Names group="client" rows={rows} bars={left} height={height} />
      <Names group="resource" rows={columns} bars={right} height={height} />
      <ul class="visually-hidden" aria-label={overview().matrixTable}>
        {byPair.map((cell) => (
          <li key={`${cell.row} ${cell.column}`}>
            {pairOf(cell)}: {formatBytes(cell.bytes)}, {common().sessions(cell.sessions)}
          </li>
        ))}
      </ul>
    </div>
  )
}

/** No filter names "all others". */
function sessionsOf(row: Side, column: Side): string | null {
  const [client, resource] = [groupFilter('client', row), groupFilter('resource', column)]
  return client === null || resource === null ? null : logsHref({ ...client, ...resource })
}

interface BandProps {
  readonly ribbon: Ribbon
  readonly title: string
  readonly href: string | null
}

/** A click leads to the sessions; by keyboard the table does. */
function Band({ ribbon: { leftTop, rightTop, thickness }, title, href }: BandProps) {
  const middle = WIDTH / 2
  const end = WIDTH - BAR_WIDTH
  const line = (from: number, to: number, x1: number, x2: number) =>
    `${x1} ${from} C ${middle} ${from}, ${middle} ${to}, ${x2} ${to}`
  const upper = line(leftTop, rightTop, BAR_WIDTH, end)
  const lower = line(rightTop + thickness, leftTop + thickness, end, BAR_WIDTH)
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: hidden from assistive technology, which has the list; the table has links.
    <path
      d={`M ${upper} L ${lower} Z`}
      class={href === null ? 'band' : 'band leads'}
      onClick={() => href !== null && navigate(href)}
    >
      <title>{title}</title>
    </path>
  )
}

function Bars({ bars, x }: { bars: readonly Bar[]; x: number }) {
  return (
    <>
      {bars.map(({ top, barTop, bar }) => (
        <rect key={top} x={x} y={barTop} width={BAR_WIDTH} height={Math.max(1, bar)} />
      ))}
    </>
  )
}

interface NamesProps {
  readonly group: Group
  readonly rows: readonly Side[]
  readonly bars: readonly Bar[]
  readonly height: number
}

function Names({ group, rows, bars, height }: NamesProps) {
  return (
    <svg class={`flow-names ${group}`} width="100%" height={height} role="presentation">
      {rows.map((row, i) => (
        <foreignObject
          key={row.other ? 'other' : `id ${row.id}`}
          x="0"
          y={bars[i]!.top}
          width="100%"
          height={bars[i]!.slot}
        >
          <div class="flow-name">
            <Name group={group} row={row} />
            <span class="figures muted">{formatBytes(bars[i]!.bytes)}</span>
          </div>
        </foreignObject>
      ))}
    </svg>
  )
}
