/** Who used what, as a Sankey diagram: clients on the left, resources on the right. A band leads to its sessions. */
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
  const textOf = (ribbon: Ribbon) => {
    const { sessions } = byPair.find(
      ({ row, column }) => row === ribbon.row && column === ribbon.column,
    )!
    return `${pairOf(ribbon)}: ${formatBytes(ribbon.bytes)}, ${common().sessions(sessions)}`
  }
  return (
    <div class="flow">
      {/* biome-ignore lint/a11y/useSemanticElements: it holds links, not form fields. */}
      <svg
        height={height}
        class="flow-ribbons"
        role="group"
        aria-label={overview().matrixTable}
        viewBox={`0 0 ${WIDTH} ${height}`}
        preserveAspectRatio="none"
      >
        {ribbons.map((ribbon) => (
          <Band
            key={`${ribbon.row} ${ribbon.column}`}
            ribbon={ribbon}
            title={textOf(ribbon)}
            href={sessionsOf(rows[ribbon.row]!, columns[ribbon.column]!)}
          />
        ))}
        <Bars bars={left} x={0} />
        <Bars bars={right} x={WIDTH - BAR_WIDTH} />
      </svg>
      <Names group="client" rows={rows} bars={left} height={height} />
      <Names group="resource" rows={columns} bars={right} height={height} />
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

function Band({ ribbon: { leftTop, rightTop, thickness }, title, href }: BandProps) {
  const middle = WIDTH / 2
  const end = WIDTH - BAR_WIDTH
  const line = (from: number, to: number, x1: number, x2: number) =>
    `${x1} ${from} C ${middle} ${from}, ${middle} ${to}, ${x2} ${to}`
  const upper = line(leftTop, rightTop, BAR_WIDTH, end)
  const lower = line(rightTop + thickness, leftTop + thickness, end, BAR_WIDTH)
  const path = (
    <path d={`M ${upper} L ${lower} Z`} class="band">
      <title>{title}</title>
    </path>
  )
  if (href === null)
    return (
      // biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: a part of a drawing is nothing interactive.
      <g role="img" aria-label={title}>
        {path}
      </g>
    )
  return (
    <a href={href} aria-label={title} class="leads" onClick={(event) => follow(event, href)}>
      {path}
    </a>
  )
}

/** A link within an SVG has no path that followLink could read. */
function follow(event: MouseEvent, href: string): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  event.preventDefault()
  navigate(href)
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
    <div class={`flow-names ${group}`} style={{ height: `${height}px` }}>
      {rows.map((row, i) => (
        <div
          key={row.other ? 'other' : `id ${row.id}`}
          class="flow-name"
          style={{ top: `${bars[i]!.top}px`, height: `${bars[i]!.slot}px` }}
        >
          <Name group={group} row={row} />
          <span class="figures muted">{formatBytes(bars[i]!.bytes)}</span>
        </div>
      ))}
    </div>
  )
}
